// Package kittest starts real kits for tests and benches: the programs as they are built, on loopback, with their data
// in a temporary folder; and visitors of three kinds, plain HTTP, WebRTC and a browser.
package kittest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Catalogue is a small one: ten mugs of which five may be sold, pens without a limit, and a set of both.
const Catalogue = `{"currency":"EUR",
"skus":[{"sku":"MUG","title":"Mug","price":1250,"tax":19.0,"stock":10},{"sku":"PEN","title":"Pen","price":300,"tax":19.0,"stock":1000000}],
"offers":[{"id":"mug","title":"Mug","lines":[{"sku":"MUG","n":1}],"price":1000,"limit":5,"state":"live"},
{"id":"pen","title":"Pen","lines":[{"sku":"PEN","n":1}],"price":250,"state":"live"},
{"id":"set","title":"Desk set","lines":[{"sku":"MUG","n":1},{"sku":"PEN","n":2}],"price":1500,"state":"live"}]}`

// Limit is how long a test waits for something that should be there at once, on a machine that may be very busy.
const Limit = 30 * time.Second

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "edgekit-test-")
	if err != nil {
		return "", err
	}
	for name, cgo := range map[string]string{"edgekit": "0", "edgecam": "1"} {
		c := exec.Command("go", "build", "-o", filepath.Join(dir, name), "edgekit.internal/cmd/"+name)
		c.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if out, err := c.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return dir, nil
})

// Programs builds the programs, once a test process, and returns their folder. EDGEKIT_PROGRAMS names one that has them
// already, as in the lab.
func Programs(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("EDGEKIT_PROGRAMS"); dir != "" {
		return dir
	}
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Clean removes what Programs built; for TestMain.
func Clean() {
	if os.Getenv("EDGEKIT_PROGRAMS") == "" {
		if dir, err := build(); err == nil {
			os.RemoveAll(dir)
		}
	}
}

// Kit is a running daemon.
type Kit struct {
	Viewer  string // address of the visitors' page, without a slash behind
	Console string // address of the operators' listener
	Code    string // pairing code
	Data    string

	cmd    *exec.Cmd
	exited chan struct{}
	err    error
	log    *lockedBuffer
}

// Args are the flags of Start's kit, which may be overridden by those given to it.
func args(data string, more []string) []string {
	base := []string{"-listen", "127.0.0.1:0", "-operator", "127.0.0.1:0", "-data", data, "-camera", "synthetic", "-picture", "1280x720@30", "-printer", "virtual", "-buttons", "none"}
	return append(base, more...)
}

// File writes a file in the test's folder and returns its path.
func File(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Start runs a kit with the small catalogue and a virtual camera and printer, on free ports, and waits until it serves.
// Later flags win over the harness's. It is stopped with the test.
func Start(t testing.TB, more ...string) *Kit {
	t.Helper()
	return StartIn(t, t.TempDir(), append([]string{"-catalog", File(t, "catalogue.json", Catalogue)}, more...)...)
}

// StartIn is Start in a data folder that may have a kit's data, and without a catalogue.
func StartIn(t testing.TB, data string, more ...string) *Kit {
	t.Helper()
	k, err := Launch(Programs(t), data, more...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		k.Kill()
		if t.Failed() {
			t.Logf("kit's log:\n%s", k.Log())
		}
	})
	return k
}

// Launch is StartIn without a test: the caller ends the kit.
func Launch(programs, data string, more ...string) (*Kit, error) {
	k := &Kit{Data: data, exited: make(chan struct{}), log: &lockedBuffer{}}
	k.cmd = exec.Command(filepath.Join(programs, "edgekit"), args(data, more)...)
	k.cmd.Stderr = k.log
	k.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := k.cmd.Start(); err != nil {
		return nil, err
	}
	serving := make(chan struct{})
	go k.read(out, serving)
	select {
	case <-serving:
		return k, nil
	case <-k.exited:
		return nil, fmt.Errorf("kit did not start: %w\n%s", k.err, k.Log())
	case <-time.After(2 * Limit):
		k.Kill()
		return nil, fmt.Errorf("kit did not say that it serves\n%s", k.Log())
	}
}

// read follows the kit's standard output, and reaps it.
func (k *Kit) read(out io.Reader, serving chan struct{}) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "viewer":
			k.Viewer = strings.TrimSuffix(rest, "/")
		case "pairing":
			if k.Code == "" {
				k.Code = strings.TrimPrefix(rest, "code ")
			}
		case "console":
			k.Console = strings.TrimSuffix(rest, "/console")
		}
		if serving != nil && k.Viewer != "" && k.Console != "" && k.Code != "" {
			close(serving)
			serving = nil
		}
	}
	k.err = k.cmd.Wait()
	if k.err == nil {
		k.err = errors.New("exit status 0")
	}
	close(k.exited)
}

// Kill ends the kit as a power cut would: no handler runs. It waits until it is gone.
func (k *Kit) Kill() {
	k.cmd.Process.Kill()
	<-k.exited
}

// Stop asks the kit to end, and returns its exit code and how long that took.
func (k *Kit) Stop() (code int, took time.Duration) {
	start := time.Now()
	k.cmd.Process.Signal(syscall.SIGTERM)
	<-k.exited
	return k.cmd.ProcessState.ExitCode(), time.Since(start)
}

// PID is the daemon's process.
func (k *Kit) PID() int { return k.cmd.Process.Pid }

// Gone is closed when the kit has ended.
func (k *Kit) Gone() <-chan struct{} { return k.exited }

// Log is what the kit wrote to standard error.
func (k *Kit) Log() string { return k.log.String() }

// Until waits for a condition, looking every few milliseconds.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	UntilWithin(t, what, Limit, ok)
}

// UntilWithin is Until with a limit of its own.
func UntilWithin(t testing.TB, what string, limit time.Duration, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
