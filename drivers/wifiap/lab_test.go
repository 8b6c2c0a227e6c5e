//go:build lab

package wifiap

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// TestLabAHaltedRadioIsBoundAnew, with Debian's hostapd and a phone on, which comes back by itself.
func TestLabAHaltedRadioIsBoundAnew(t *testing.T) {
	h := &halting{}
	h.anew = func(phy string) error {
		const newRadio, delRadio, radioName = 4, 5, 17
		h.halted.Store(false)
		if err := hwsim(delRadio, netlink.Acknowledge, func(e *netlink.AttributeEncoder) { e.String(radioName, phy) }); err != nil {
			return err
		}
		return hwsim(newRadio, 0, func(*netlink.AttributeEncoder) {}) // answered by the radio's number, in an error's place
	}
	dir := t.TempDir()
	a := New(Config{Dir: dir, system: h, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	n := network()
	n.Channel = 6
	a.Want(n)
	up := func(what string, yes func(State) bool) State {
		t.Helper()
		late := time.After(3 * time.Minute)
		for {
			_, changed := a.Watch().Get()
			if s := a.State(); yes(s) {
				return s
			}
			select {
			case <-changed:
			case <-late:
				said, _ := os.ReadFile(filepath.Join(dir, "hostapd.log"))
				t.Fatalf("%s: it stays %+v\n%s", what, a.State(), said)
			}
		}
	}
	was := up("the first start", is(drivers.Ready))
	on := phoneOn(t, n)
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

// phoneOn has a phone join, which is wpa_supplicant in a network namespace of its own, and returns what waits until it has joined so many
// times.
func phoneOn(t *testing.T, n Network) (joined func(times int)) {
	t.Helper()
	dir := t.TempDir()
	conf := filepath.Join(dir, "conf")
	text := fmt.Sprintf("network={\nssid=%q\nscan_freq=2437\nkey_mgmt=WPA-PSK\npsk=%q\n}\n", n.SSID, n.Password)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	said, say, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command("in-ns", "c1", "wpa_supplicant", "-i", "wlan1", "-c", conf)
	c.Stdout, c.Stderr = say, say
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	say.Close()
	times := make(chan int, 64)
	var log strings.Builder
	go func() {
		defer close(times)
		b, n := make([]byte, 4096), 0
		for {
			k, err := said.Read(b)
			if err != nil {
				return
			}
			log.Write(b[:k])
			if now := strings.Count(log.String(), "CTRL-EVENT-CONNECTED"); now != n {
				n = now
				times <- n
			}
		}
	}()
	t.Cleanup(func() {
		c.Process.Signal(syscall.SIGTERM)
		c.Wait()
		said.Close()
		for range times {
		}
		if t.Failed() {
			t.Logf("the phone's log:\n%s", log.String())
		}
	})
	return func(want int) {
		t.Helper()
		late := time.After(3 * time.Minute)
		for {
			select {
			case n := <-times:
				if n >= want {
					return
				}
			case <-late:
				t.Fatalf("the phone did not join %d times", want)
			}
		}
	}
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
