// Guard is a small program of the SD image: it keeps an update that becomes healthy, goes back to the old system
// otherwise, and notes which it was. It is apart from the kit's daemon, so that a daemon that crashes or never starts is
// judged too.
//
//	guard -data /perm/edgekit
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"edgekit.internal/image/update"
)

// exitForGood tells gokrazy's init not to start the program again.
const exitForGood = 125

func main() {
	data := flag.String("data", "/perm/edgekit", "the kit's data folder")
	patience := flag.Duration("patience", 0, "how long a new system may take to become healthy; 0: 2 minutes")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(*data, *patience, log); err != nil {
		log.Error("guard", "err", err)
		os.Exit(1) // init starts it again
	}
	os.Exit(exitForGood)
}

func run(data string, patience time.Duration, log *slog.Logger) error {
	card, err := update.ThisCard()
	if err != nil {
		return err
	}
	keys, err := update.ReadKeys(update.KeysFile)
	if err != nil {
		log.Warn("no update can be judged", "err", err) // then it is given up
	}
	ask := health(filepath.Join(data, "control.sock"))
	g := &update.Guard{Card: card, Dir: filepath.Join(data, "update"), Keys: keys, Sick: ask, Patience: patience, Log: log,
		Restart: func() error { return update.Restart("") }}
	return g.Run(context.Background())
}

// health asks the daemon what is not as it should be.
func health(socket string) func(context.Context) ([]string, error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}}}
	return func(ctx context.Context) ([]string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://kit/health", nil)
		if err != nil {
			return nil, err
		}
		res, err := client.Do(req)
		if err != nil {
			return nil, err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("it answered %s", res.Status)
		}
		var said struct{ Sick []string }
		err = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&said)
		return said.Sick, err
	}
}
