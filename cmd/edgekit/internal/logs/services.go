package logs

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"edgekit.internal/cmd/internal/wire"
)

// InitSocket is where gokrazy's init tells of the programs it runs, on an SD card's system: "/" lists them as JSON, "/log"
// streams what one says as server-sent events, beginning with its last 100 lines (gokrazy's status.go, statuslog.go).
const InitSocket = "/run/gokrazy-http.sock"

const (
	// retryAfter is how long to wait for an init that does not answer.
	retryAfter = 5 * time.Second
	// Of each program's lines at most perSecond are logged, and linesAtOnce after a pause; the others are counted.
	perSecond   = 2
	linesAtOnce = 200
)

// Services logs what the other programs of this machine say, but for those whose path ends in skip, until ctx ends.
func (r *Ring) Services(ctx context.Context, socket, skip string) error {
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	var paths []string
	for {
		var err error
		if paths, err = services(ctx, client); err == nil {
			break
		}
		if !rest(ctx, retryAfter) {
			return nil
		}
	}
	var all sync.WaitGroup
	for _, path := range paths {
		if filepath.Base(path) == skip {
			continue
		}
		name := filepath.Base(path)
		known, _ := r.said(name)
		s := &source{ring: r, name: name, known: known, limit: rate.NewLimiter(perSecond, linesAtOnce)}
		all.Go(func() {
			for {
				s.follow(ctx, client, path)
				if !rest(ctx, retryAfter) {
					return
				}
			}
		})
	}
	all.Wait()
	return nil
}

func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// maxServices bounds the programs that are followed.
const maxServices = 64

func services(ctx context.Context, client *http.Client) (paths []string, err error) {
	b, err := get(ctx, client, "/", "application/json", func(body io.Reader) ([]byte, error) { return io.ReadAll(io.LimitReader(body, 1<<20)) })
	if err != nil {
		return nil, err
	}
	var status struct{ Services []struct{ Path string } }
	if err := json.Unmarshal(b, &status); err != nil {
		return nil, fmt.Errorf("logs: init's list of programs: %w", err)
	}
	for _, s := range status.Services[:min(len(status.Services), maxServices)] {
		paths = append(paths, s.Path)
	}
	return paths, nil
}

func get(ctx context.Context, client *http.Client, path, kind string, read func(io.Reader) ([]byte, error)) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://init"+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", kind)
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("logs: init answered %s", res.Status)
	}
	return read(res.Body)
}

// source is one program that is listened to.
type source struct {
	ring  *Ring
	name  string
	known map[string]int // what it said before this kit's restart, and says again at first
	limit *rate.Limiter
	lost  int
}

// follow logs lines until the stream ends.
func (s *source) follow(ctx context.Context, client *http.Client, path string) {
	get(ctx, client, "/log?stream=both&path="+url.QueryEscape(path), "text/event-stream", func(body io.Reader) ([]byte, error) { // why it ended does not matter: it is tried again
		lines := bufio.NewScanner(body)
		lines.Buffer(nil, 64<<10)
		for lines.Scan() {
			if line, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				s.line(line)
			}
		}
		return nil, lines.Err()
	})
	s.known, _ = s.ring.said(s.name) // it will begin anew with its last lines
}

func (s *source) line(line string) {
	text := oneLine(line)
	if text == "" {
		return
	}
	if s.known[text] > 0 {
		s.known[text]--
		return
	}
	if !s.limit.Allow() {
		s.lost++
		return
	}
	var attrs map[string]any
	if s.lost > 0 {
		attrs, s.lost = map[string]any{"left_out_before": s.lost}, 0
	}
	s.ring.Add(wire.LogRecord{Level: slog.LevelInfo.String(), From: s.name, Text: text, Attrs: attrs})
}
