package main

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestTheDaemonIsAsked over its control socket, served by Go's own HTTP as the daemon's is.
func TestTheDaemonIsAsked(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		sick   []string
		fails  bool
	}{
		{"well", 200, `{"sick":null}`, nil, false},
		{"ill", 200, `{"sick":["No offers.","No camera."]}`, []string{"No offers.", "No camera."}, false},
		{"another program", 404, "404 page not found", nil, true},
		{"no JSON", 200, "<html>", nil, true},
	} {
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/health" {
				rw.WriteHeader(c.status)
				io.WriteString(rw, c.body)
			}
		})}
		go s.Serve(l)
		sick, err := health(socket)(t.Context())
		if d := cmp.Diff(c.sick, sick); d != "" || (err != nil) != c.fails {
			t.Errorf("%s: %s%v", c.name, d, err)
		}
		s.Close()
	}
	if _, err := health(filepath.Join(t.TempDir(), "none"))(t.Context()); err == nil {
		t.Error("nobody answered, and that was well")
	}
}

// TestWhatStopsTheGuardForDaysIsTriedRarely: a try writes to the card and to the log.
func TestWhatStopsTheGuardForDaysIsTriedRarely(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start, tries, early := time.Now(), 0, 0
		persist(func() error {
			if tries++; time.Since(start) < time.Minute {
				early++
			}
			if time.Since(start) > 24*time.Hour {
				return nil
			}
			return errors.New("config.txt was edited")
		}, slog.New(slog.DiscardHandler))
		if early < 5 || tries > 24*6+20 {
			t.Errorf("%d tries in the first minute, %d in a day", early, tries)
		}
	})
}
