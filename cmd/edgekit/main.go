// Edgekit is the kit's daemon: it serves visitors the picture and its prompts, makes their taps sales, and has the
// slips printed.
//
//	edgekit -listen :8080 -operator 127.0.0.1:8081 -data DIR -camera auto -printer auto -catalog FILE
//
// It prints the viewer's and the console's address and the pairing code as soon as it serves. SIGTERM and SIGINT stop
// it, exit 0; what the person who started it can mend is one line and exit 2.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"edgekit.internal/cmd/edgekit/internal/kit"
	"edgekit.internal/cmd/edgekit/internal/logs"
	"edgekit.internal/drivers/kmod"
	"edgekit.internal/image/update"
)

func main() {
	if name, ok := kmod.IsRequest(os.Args[1:]); ok {
		os.Exit(load(name))
	}
	os.Exit(run(os.Args[1:]))
}

// load is for when the kernel runs this program, in place of modprobe. Nobody reads what it says: the kernel takes the
// exit status.
func load(module string) int {
	if kmod.Request(kmod.Config{}, module) != nil {
		return 1
	}
	return 0
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ring := logs.New()
	defer ring.Close()
	log := slog.New(ring.Handler(slog.NewTextHandler(os.Stderr, nil)))
	k, help, err := kit.OpenArgs(args, log, ring, os.Stdout)
	if help {
		return 0
	}
	if err != nil {
		code := failed(err)
		kit.ShowClosed(ctx, args, err, log)
		return code
	}
	err = k.Run(ctx)
	k.Close()
	var reboot kit.Reboot
	switch {
	case errors.As(err, &reboot):
		ring.Close()
		err = update.Restart(string(reboot))
	case errors.Is(err, kit.ErrShutDown):
		ring.Close()
		err = nil
		if k.Appliance() {
			err = update.PowerOff()
		}
	case errors.Is(err, kit.ErrRestart):
		ring.Close()
		err = again(args)
	}
	if err != nil {
		return failed(err)
	}
	return 0
}

// again replaces this process by a new one of the same program, so that whoever watches over it sees none end.
func again(args []string) error {
	me, err := os.Executable()
	if err != nil {
		return fmt.Errorf("edgekit: restart: %w", err)
	}
	return fmt.Errorf("edgekit: restart: %w", syscall.Exec(me, append([]string{os.Args[0]}, args...), os.Environ()))
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	if errors.As(err, new(kit.Fault)) {
		return 2
	}
	return 1
}
