//go:build lab

package wifiap

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
)

// halting is the kernel, whose virtual radio (mac80211_hwsim) does not answer as long as its firmware is said to have halted. It is no
// device that can be bound anew, so it is taken out and put in again, which is what its driver would do.
type halting struct {
	kernel
	halted atomic.Bool
	anew   func(phy string) error
}

func (h *halting) stations(index int) ([]Station, error) {
	if h.halted.Load() {
		return nil, fmt.Errorf("list stations: %w", unix.ETIMEDOUT)
	}
	return h.kernel.stations(index)
}

func (h *halting) chip(phy string) (chip, error) { return chip{device: phy}, nil }
func (h *halting) rebind(c chip) error           { return h.anew(c.device) }

// hwsim does one of the virtual radios' own commands (drivers/net/wireless/mac80211_hwsim.h).
func hwsim(command uint8, flags netlink.HeaderFlags, attributes func(*netlink.AttributeEncoder)) error {
	c, err := genetlink.Dial(nil)
	if err != nil {
		return err
	}
	defer c.Close()
	f, err := c.GetFamily("MAC80211_HWSIM")
	if err != nil {
		return err
	}
	e := netlink.NewAttributeEncoder()
	attributes(e)
	data, err := e.Encode()
	if err != nil {
		return err
	}
	m := genetlink.Message{Header: genetlink.Header{Command: command, Version: f.Version}, Data: data}
	if flags&netlink.Acknowledge == 0 {
		_, err = c.Send(m, f.ID, netlink.Request)
		return err
	}
	_, err = c.Execute(m, f.ID, netlink.Request|flags)
	return err
}

// Commands and attributes of the virtual radios.
const newRadio, delRadio, radioName = 4, 5, 17

func pullRadio(phy string) error {
	return hwsim(delRadio, netlink.Acknowledge, func(e *netlink.AttributeEncoder) { e.String(radioName, phy) })
}

// plugRadio is answered by the radio's number, in an error's place.
func plugRadio() error { return hwsim(newRadio, 0, func(*netlink.AttributeEncoder) {}) }

// TestLabAHaltedRadioIsBoundAnew, with Debian's hostapd and a phone on, which comes back by itself.
func TestLabAHaltedRadioIsBoundAnew(t *testing.T) {
	h := &halting{}
	h.anew = func(phy string) error {
		h.halted.Store(false)
		if err := pullRadio(phy); err != nil {
			return err
		}
		return plugRadio()
	}
	dir := t.TempDir()
	a, _ := startOn(t, dir, h, Config{Hostapd: "/usr/sbin/hostapd", timing: standard(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	n := network()
	n.Channel = 6
	a.Want(n)
	up := func(what string, yes func(State) bool) (s State) {
		t.Helper()
		until(t, dir, what, func() bool { s = a.State(); return yes(s) })
		return s
	}
	was := up("the first start", is(drivers.Ready))
	p := bring(t, 1)
	p.try("WPA-PSK", n.Password)
	on := func(times int) {
		t.Helper()
		until(t, dir, "a phone", func() bool { return p.joined() >= times })
	}
	on(1)
	if all, err := a.Stations(t.Context()); err != nil || len(all) != 1 || !all[0].Authorized {
		t.Fatalf("%+v, %v", all, err)
	}

	began := time.Now()
	h.halted.Store(true)
	s := up("a radio bound anew", func(s State) bool { return s.Status.State == drivers.Ready && s.PID != was.PID })
	t.Logf("found halted, bound anew and up after %v", time.Since(began).Round(time.Millisecond))
	if !strings.Contains(s.Reason, "started anew, once") || s.Radio != was.Radio {
		t.Errorf("%+v", s)
	}
	on(2)
	t.Logf("phone back by itself after %v", time.Since(began).Round(time.Millisecond))
}

// labPhone is wpa_supplicant in a network namespace of its own (image/lab).
type labPhone struct {
	t    *testing.T
	n    int
	dir  string
	stop func()

	mu  sync.Mutex
	log strings.Builder
}

func (p *labPhone) try(how, password string) {
	p.t.Helper()
	secret, mfp := "psk", 1
	if how == "SAE" {
		secret, mfp = "sae_password", 2
	}
	conf := filepath.Join(p.dir, "conf")
	text := fmt.Sprintf("ctrl_interface=%s\nnetwork={\nssid=%q\nscan_freq=2437\nkey_mgmt=%s\nieee80211w=%d\n%s=%q\n}\n", p.dir, network().SSID, how, mfp, secret, password)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	c := exec.Command("in-ns", fmt.Sprint("c", p.n), "wpa_supplicant", "-i", fmt.Sprint("wlan", p.n), "-c", conf)
	c.Stdout = p // and so it is waited for until all is read
	c.Stderr = p
	if err := c.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.stop = sync.OnceFunc(func() {
		c.Process.Signal(syscall.SIGTERM)
		c.Wait()
	})
	p.t.Cleanup(p.stop)
}

// Write takes in what it says.
func (p *labPhone) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *labPhone) said(any ...string) (times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, what := range any {
		times += strings.Count(p.log.String(), what)
	}
	return times
}

func (p *labPhone) joined() int { return p.said("CTRL-EVENT-CONNECTED") }
func (p *labPhone) refused() int {
	return p.said("CTRL-EVENT-AUTH-REJECT", "CTRL-EVENT-ASSOC-REJECT", "WRONG_KEY")
}
func (p *labPhone) away() { p.stop() }

// nudge has it try now: after failures it waits ever longer. What it thought before goes into its log.
func (p *labPhone) nudge() {
	for _, command := range []string{"status", "reassociate"} { // it may not run yet; it is told again
		said, err := exec.Command("wpa_cli", "-p", p.dir, "-i", fmt.Sprint("wlan", p.n), command).CombinedOutput()
		fmt.Fprintf(p, "%s: %s (%v)\n", command, said, err)
	}
}

func bring(t *testing.T, n int) *labPhone {
	t.Helper()
	p := &labPhone{t: t, n: n, dir: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			p.mu.Lock()
			defer p.mu.Unlock()
			t.Logf("phone %d's log:\n%s", n, p.log.String())
		}
	})
	return p
}

// TestLabLife is testLife over the kernel's own 802.11 (mac80211_hwsim) and Debian's hostapd.
func TestLabLife(t *testing.T) {
	phy := func() string {
		b, err := os.ReadFile("/sys/class/net/wlan0/phy80211/name")
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	testLife(t, bed{dir: t.TempDir(), system: kernel{}, hostapd: "/usr/sbin/hostapd", timing: standard(),
		plug:  func() { must(plugRadio()) },
		pull:  func() { must(pullRadio(phy())) },
		bring: func(n int) handset { return bring(t, n) },
		hasAddress: func() bool {
			all, err := net.InterfaceAddrs()
			return err == nil && slices.ContainsFunc(all, func(a net.Addr) bool { return a.String() == Address.String() })
		}})
}

// TestLabADeviceIsBoundAnew over the kernel's own files: a USB device, found by one of its interfaces as a radio's is.
func TestLabADeviceIsBoundAnew(t *testing.T) {
	const pattern = "/sys/bus/usb/drivers/usbhid/*:*"
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v %v", pattern, found, err)
	}
	function, err := filepath.EvalSymlinks(found[0])
	if err != nil {
		t.Fatal(err)
	}
	was := inputs(t, function)
	device, err := controller("/sys", function)
	if err != nil || device != filepath.Dir(function) {
		t.Fatalf("%s has to be bound for %s: %v", device, function, err)
	}
	began := time.Now()
	driver, err := filepath.EvalSymlinks(filepath.Join(device, "driver"))
	if err != nil {
		t.Fatal(err)
	}
	if err := (chip{device, driver}).bindAnew(time.Sleep); err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(time.Minute); inputs(t, function) == "" || inputs(t, function) == was; {
		if time.Now().After(late) {
			t.Fatalf("its keyboard was %q, and is %q", was, inputs(t, function))
		}
	}
	t.Logf("bound anew within %v", time.Since(began).Round(time.Millisecond))
}

// inputs are the kernel's names of a function's input devices, which are others each time.
func inputs(t *testing.T, function string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(function, "*/input/input*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, " ")
}
