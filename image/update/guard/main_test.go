package main

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/hardware/crash"
)

// TestMain is also the program itself, for the test that crashes it.
func TestMain(m *testing.M) {
	if os.Getenv("GUARD") != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestACrashLeavesItsReport beside the other programs'. The program is stopped as a fault in it would be, while it finds that it is on no
// card.
func TestACrashLeavesItsReport(t *testing.T) {
	dir := t.TempDir()
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(me, "-data", dir)
	c.Env = append(os.Environ(), "GUARD=1")
	said, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), "it is tried again") {
	}
	c.Process.Signal(syscall.SIGSEGV)
	io.Copy(io.Discard, said)
	if err := c.Wait(); c.ProcessState.ExitCode() != 2 {
		t.Fatal(err)
	}
	all, err := crash.Reports(filepath.Join(dir, "crashes"))
	if err != nil || len(all) != 1 || all[0].Program != "guard" || !strings.Contains(all[0].Text, "SIGSEGV") || !strings.Contains(all[0].Text, "main.persist") && !strings.Contains(all[0].Text, "guard.persist") {
		t.Errorf("%+v, %v", all, err)
	}
}

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
