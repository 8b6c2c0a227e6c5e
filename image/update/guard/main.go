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
	"os"
	"path/filepath"
	"strings"
	"time"

	"edgekit.internal/hardware/crash"
	"edgekit.internal/image/update"
)

// exitForGood tells gokrazy's init not to start the program again.
const exitForGood = 125

func main() {
	data := flag.String("data", "/perm/edgekit", "the kit's data folder")
	patience := flag.Duration("patience", 0, "how long a new system may take to become healthy; 0: 2 minutes")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := crash.Arm(filepath.Join(*data, "crashes"), "guard"); err != nil {
		log.Warn("a crash would leave no report", "err", err) // and updates are judged all the same
	}
	persist(func() error { return run(*data, *patience, log) }, log)
	os.Exit(exitForGood)
}

// persist tries until there is no error, less and less often: each try writes to the card and to the log, and what stops
// it, such as a config.txt that somebody edited or a card that is full, may last for days. Init would start the program
// again each second.
func persist(try func() error, log *slog.Logger) {
	for pause := time.Second; ; pause = min(2*pause, longestPause) {
		err := try()
		if err == nil {
			return
		}
		log.Error("nothing is decided, it is tried again", "in", pause, "err", err)
		time.Sleep(pause)
	}
}

const longestPause = 10 * time.Minute

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

// health asks the daemon what is not as it should be. The little HTTP that it takes is written out here: the library for
// all of it would make this program three times as large.
func health(socket string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		context.AfterFunc(ctx, func() { conn.Close() })
		if _, err := io.WriteString(conn, "GET /health HTTP/1.0\r\nHost: kit\r\n\r\n"); err != nil {
			return nil, err
		}
		answer, err := io.ReadAll(io.LimitReader(conn, 64<<10))
		if err != nil {
			return nil, err
		}
		head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
		status, _, _ := strings.Cut(head, "\r\n")
		if !strings.Contains(status, " 200 ") {
			return nil, fmt.Errorf("it answered %q", status)
		}
		var said struct{ Sick []string }
		err = json.Unmarshal([]byte(body), &said)
		return said.Sick, err
	}
}
