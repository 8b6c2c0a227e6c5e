// Edgeap is the kit's access point: it keeps the network up that the settings ask for, by hostapd, whatever becomes of the
// rest of the kit, and gives phones in it addresses and names, and no more of the kit than its page. Or it joins the network of the
// venue, by wpa_supplicant.
//
//	edgeap -data DIR
//
// It reads DIR/edgekit.toml, which edgekit keeps, and follows its changes; it answers on DIR/edgeap.sock. SIGTERM and SIGINT
// take the network down and stop it, exit 0. Killed otherwise it leaves hostapd and wpa_supplicant running and the
// firewall shut, and takes them over when it is started again, so that phones stay on, with the addresses that they have.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/drivers/wifiap"
	"edgekit.internal/hardware/crash"
)

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "edgeap:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	err = run(ctx, o, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "edgeap:", err)
		os.Exit(1)
	}
}

type options struct {
	data, run, hostapd, supplicant, listen string
	quiet                                  time.Duration
}

// parse reads the flags. An error is one line that says which flag, and what was expected.
func parse(args []string) (o options, err error) {
	f := flag.NewFlagSet("edgeap", flag.ContinueOnError)
	f.SetOutput(io.Discard) // the error says it all
	f.StringVar(&o.data, "data", "edgekit-data", "the kit's data folder")
	f.StringVar(&o.run, "run", "/run/edgeap", "folder in memory for what is needed while hostapd and wpa_supplicant run")
	f.StringVar(&o.hostapd, "hostapd", "/usr/sbin/hostapd", "the program that is the access point")
	f.StringVar(&o.supplicant, "supplicant", "/usr/sbin/wpa_supplicant", "the program that joins a venue's network")
	f.StringVar(&o.listen, "listen", "", "visitors' address, as edgekit is given it; default: as in the settings")
	f.DurationVar(&o.quiet, "quiet", 10*time.Minute, "for how long nobody must be on until it is listened whether another channel is better")
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		var help strings.Builder
		help.WriteString("usage:\n")
		f.SetOutput(&help)
		f.PrintDefaults()
		return o, errors.New(help.String())
	} else if err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("argument %q, expected only flags", f.Arg(0))
	}
	if _, err := portOf(o.listen); o.listen != "" && err != nil {
		return o, fmt.Errorf("-listen: %w", err)
	}
	if o.quiet <= 0 {
		return o, fmt.Errorf("-quiet %v: expected a time such as 10m", o.quiet)
	}
	return o, nil
}

func run(ctx context.Context, o options, log *slog.Logger) error {
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if err := crash.Arm(filepath.Join(o.data, "crashes"), "edgeap"); err != nil {
		log.Warn("a crash would leave no report", "err", err) // and the network is up all the same
	}
	l, err := listen(o.data)
	if err != nil {
		return err
	}
	r, err := newReception(o.run, o.supplicant, log)
	if err != nil {
		return err
	}
	ap := wifiap.New(wifiap.Config{Dir: o.run, Hostapd: o.hostapd, Log: log, Guard: r.guard, Quiet: o.quiet})
	r.ap = ap
	follow := &follower{data: o.data, listen: o.listen, ap: ap, venue: r.venue, door: r, log: log}
	r.naming = newNaming(follow.mode, log)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ap.Run(ctx) })
	group.Go(func() error { return r.venue.Run(ctx) })
	group.Go(func() error { return follow.run(ctx) })
	group.Go(func() error { return r.naming.run(ctx) })
	group.Go(func() error { return r.run(ctx) })
	group.Go(func() error { return serve(ctx, l, handler(ap, r, follow.mode), log) })
	return group.Wait()
}
