package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/cmd/internal/kittest"
)

// TestWhatIsUnderWayWhenItStops: with streams open, a picture watched, a printer that is stuck and taps coming, SIGTERM is
// exit 0, and whoever had an answer had the true one.
func TestWhatIsUnderWayWhenItStops(t *testing.T) {
	stuck, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and never a byte
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	data := t.TempDir()
	for range 5 {
		k := kittest.StartIn(t, data, "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-printer", "tcp:"+stuck.Addr().String())
		k.Watch(t)
		stream, err := k.Visit(t).Client.Get(k.Viewer + "/api/events")
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Body.Close()
		var mu sync.Mutex
		told := map[string]kittest.Answer{} // by tap
		var all sync.WaitGroup
		first := make(chan struct{}, 1)
		for range 16 {
			v := k.Visit(t)
			all.Go(func() {
				for {
					o, err := v.Offer("pen")
					if err != nil {
						return
					}
					id := kittest.NewTap()
					a, err := v.Tap(id, "pen", o.Token)
					if err != nil {
						return
					}
					mu.Lock()
					told[id] = a
					mu.Unlock()
					select {
					case first <- struct{}{}:
					default:
					}
				}
			})
		}
		<-first
		code, took := k.Stop()
		all.Wait()
		t.Logf("stopped in %v (budget 3 s), %d answers", took, len(told))
		if code != 0 {
			t.Errorf("exit %d\n%s", code, k.Log())
		}
		sold := soldTaps(t, data)
		for id, a := range told {
			switch {
			case a.Status == http.StatusOK && !sold[id]:
				t.Errorf("%s was told %s, and is not in the data", id, a.Ticket)
			case sold[id] && strings.Contains(a.Detail, "Nothing was bought"):
				t.Errorf("%s was told %q, and is in the data", id, a.Detail)
			}
		}
	}
}

func soldTaps(t *testing.T, data string) map[string]bool {
	t.Helper()
	conn, err := sqlite.OpenConn(filepath.Join(data, "kit.db"), sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sold := map[string]bool{}
	err = sqlitex.ExecuteTransient(conn, "SELECT tap FROM sales", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		sold[q.ColumnText(0)] = true
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return sold
}

// refused starts a kit that should not start, and holds it to one line and exit 2.
func refused(t *testing.T, data string, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kittest.Limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(kittest.Programs(t), "edgekit"), "-listen", "127.0.0.1:0", "-operator", "127.0.0.1:0", "-data", data, "-camera", "synthetic", "-printer", "none")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	if text := strings.TrimSpace(errs.String()); cmd.ProcessState.ExitCode() != 2 || strings.Contains(text, "\n") || !strings.Contains(text, want) || strings.Contains(out.String(), "viewer") {
		t.Errorf("exit %d, %q, want a line with %q", cmd.ProcessState.ExitCode(), text, want)
	}
}

// TestTwoKitsOnOneFolder: the second says so; after a power cut of the first the folder is free.
func TestTwoKitsOnOneFolder(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	refused(t, k.Data, "another edgekit runs on this folder")
	os.Remove(filepath.Join(k.Data, "control.sock")) // by whatever tidies up; it still is the first one's folder
	refused(t, k.Data, "another edgekit runs on this folder")
	confirmed(t, k.Visit(t), "pen")
	k.Kill()
	confirmed(t, kittest.StartIn(t, k.Data, "-printer", "none").Visit(t), "pen")
}

// TestDataThatCannotBeRead is refused in one line that names the file, and left as it is.
func TestDataThatCannotBeRead(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	confirmed(t, k.Visit(t), "pen")
	if code, _ := k.Stop(); code != 0 {
		t.Fatal(code)
	}
	path := filepath.Join(k.Data, "kit.db")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"no database":              func(b []byte) []byte { return bytes.Repeat([]byte("x"), len(b)) },
		"another's database":       func(b []byte) []byte { copy(b[68:], "abcd"); return b },
		"a newer edgekit's":        func(b []byte) []byte { b[63] = 200; return b },
		"first page torn":          func(b []byte) []byte { clear(b[100:4096]); return b },
		"everything but the first": func(b []byte) []byte { return b[:4096] },
	} {
		bad := damage(bytes.Clone(good))
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) { refused(t, k.Data, "kit.db") })
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bad) {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
		os.Remove(path + "-wal")
		os.Remove(path + "-shm")
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if ticket := confirmed(t, kittest.StartIn(t, k.Data, "-printer", "none").Visit(t), "pen"); ticket != "A-002" {
		t.Errorf("with its data back it goes on at %s", ticket)
	}
}

// TestAStartOnAFullDisk: the power goes while the disk is full. The kit comes back, shows what it has, refuses taps
// plainly, and takes them when there is space.
func TestAStartOnAFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"); err != nil {
		if os.Getenv("CI") == "" && errors.Is(err, unix.EPERM) {
			t.Skip("only root can mount a small disk")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	data, file := filepath.Join(disk, "data"), kittest.File(t, "catalogue.json", kittest.Catalogue)
	k := kittest.StartIn(t, data, "-printer", "none", "-catalog", file)
	v := k.Visit(t)
	confirmed(t, v, "pen")
	k.Kill()
	filler := fill(t, disk)
	k = kittest.StartIn(t, data, "-printer", "none", "-catalog", file, "-listen", strings.TrimPrefix(k.Viewer, "http://"))
	if _, me := call(t, v, "GET", "/api/tickets", nil); len(me["tickets"].([]any)) != 1 {
		t.Errorf("the visitor's ticket: %v", me)
	}
	kittest.Until(t, "a tap refused for lack of space", func() bool {
		a, err := k.Visit(t).Buy("pen")
		if err != nil {
			t.Fatal(err)
		}
		return a.Status == http.StatusServiceUnavailable && a.Reason == "unavailable"
	})
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	confirmed(t, k.Visit(t), "pen")
}

// TestTheConsolesOwnNames: a page of any site can have its name lead to this machine. It is not let in.
func TestTheConsolesOwnNames(t *testing.T) {
	k := kittest.Start(t, "-printer", "none")
	for _, path := range []string{"/metrics", "/console", "/api/operator/state", "/healthz"} {
		req, err := http.NewRequest("GET", k.Console+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "stall.evil.example:8081"
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}
