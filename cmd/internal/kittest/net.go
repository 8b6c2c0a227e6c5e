package kittest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"
)

// Net is a network of its own on this machine: a namespace of the kernel's, with interfaces, addresses and sockets that nobody else
// has. It has no name, and so nothing of it is left when the test ends, however that happens.
type Net struct {
	t  testing.TB
	fd *os.File
}

// NewNet makes a namespace in which nothing is up but loopback. It takes root: elsewhere than in CI the test is skipped without it.
func NewNet(t testing.TB) *Net {
	t.Helper()
	n := &Net{t: t}
	var err error
	aside(t, func() error { return unix.Unshare(unix.CLONE_NEWNET) }, func() { n.fd, err = os.Open("/proc/thread-self/ns/net") })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.fd.Close() })
	n.Do(func() { // or an address comes a second after its interface, and Chromium gives up what it is loading: the network has changed
		for _, of := range []string{"all", "default"} {
			if e := os.WriteFile("/proc/sys/net/ipv6/conf/"+of+"/accept_dad", []byte("0"), 0); e != nil && !errors.Is(e, os.ErrNotExist) {
				err = e
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	n.IP("link set lo up")
	return n
}

// Path names the namespace for as long as the test runs, to ip(8) and nsenter(1).
func (n *Net) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.fd.Fd()) }

// Do runs a function in the namespace: sockets that it opens itself and programs that it starts itself, not in goroutines, are of that.
func (n *Net) Do(f func()) {
	n.t.Helper()
	aside(n.t, func() error { return unix.Setns(int(n.fd.Fd()), unix.CLONE_NEWNET) }, f)
}

// aside runs a function on a thread that has gone to another namespace, and has it come back. It must live on: programs that it has
// started would die with it (PR_SET_PDEATHSIG(2const)).
func aside(t testing.TB, leave func() error, f func()) {
	t.Helper()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err == nil {
		err = leave()
	}
	if err != nil {
		runtime.UnlockOSThread()
		if os.Getenv("CI") == "" && errors.Is(err, unix.EPERM) {
			t.Skip("a network of its own takes root")
		}
		t.Fatalf("network namespace: %v: expected to be root", err)
	}
	defer func() {
		if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
			panic("kittest: a thread does not get out of its network: " + err.Error())
		}
		home.Close()
		runtime.UnlockOSThread()
	}()
	f()
}

// IP gives ip(8) some lines at once.
func (n *Net) IP(lines ...string) {
	n.t.Helper()
	c := exec.Command("ip", "-batch", "-")
	c.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	var out []byte
	var err error
	n.Do(func() { out, err = c.CombinedOutput() })
	if err != nil {
		n.t.Fatalf("ip %s: %v: %s", strings.Join(lines, "; "), err, out)
	}
}

// BrowserIn is Browser for one that is in a network.
func BrowserIn(t testing.TB, n *Net, scripts ...string) context.Context {
	t.Helper()
	enter := func(c *exec.Cmd) { // Chromium is spoken to through pipes, which go with it
		c.Args = append([]string{"nsenter", "--net=" + n.Path(), c.Path}, c.Args[1:]...)
		c.Path, c.Err = exec.LookPath("nsenter")
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	return browser(t, []chromedp.ExecAllocatorOption{chromedp.ModifyCmdFunc(enter)}, scripts)
}
