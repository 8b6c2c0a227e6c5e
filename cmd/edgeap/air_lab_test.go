//go:build lab

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/wire"
)

// neighbour has a phone's radio be another stall's access point, until end is called.
func neighbour(t *testing.T, n, channel int) (end func()) {
	t.Helper()
	conf := filepath.Join(t.TempDir(), "conf")
	text := fmt.Sprintf("interface=wlan%d\ndriver=nl80211\nssid=Other\nhw_mode=g\nchannel=%d\nieee80211n=1\n", n, channel)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("in-ns", fmt.Sprint("c", n), "hostapd", conf)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			c.Process.Signal(syscall.SIGTERM)
			c.Wait()
		}
	}
	t.Cleanup(end)
	return end
}

// TestLabTheChannelIsTheQuietest by the kernel's own scans and surveys: before there is an access point, and while there is one that
// nobody is on. A phone that is on keeps it where it is.
func TestLabTheChannelIsTheQuietest(t *testing.T) {
	l := newLab(t)
	l.set("mode = \"ap\"\ncountry = \"DE\"\n")
	one, two := neighbour(t, 1, 6), neighbour(t, 2, 1)
	began := time.Now()
	l.start("-quiet", "2s")
	defer l.kill()
	w := l.ready("access point")
	t.Logf("up %v after the start of edgeap: channel %d: %s", time.Since(began).Round(time.Millisecond), w.Channel, w.Why)
	if w.Channel != 11 || !strings.Contains(w.Why, "It is the quietest that the kit heard: 11 (busy 1") || strings.Count(w.Why, ", 1 network)") != 2 {
		t.Errorf("%+v", w)
	}
	l.until("that the kit listens again", func(w wire.Wifi) bool { return strings.HasPrefix(w.Why, "No other is clearly quieter: 11 (") })

	one()
	two()
	one = neighbour(t, 1, 11)
	neighbour(t, 2, 11)
	w = l.until("that it leaves", func(w wire.Wifi) bool { return w.Device.State == "ready" && w.Channel == 6 })
	t.Log(w.Why)
	if !strings.Contains(w.Why, "while nobody was on: 6 (") || !strings.Contains(w.Why, "2 networks)") || w.Starts != 2 {
		t.Errorf("%+v", w)
	}
	one()
	p := l.phone(t, 1, "WPA-PSK", l.join.Password)
	for at := range 2 { // the first time may be of a look that began before the phone was on
		is := l.until("a phone that is on", func(w wire.Wifi) bool { return authorized(w, 1) && station(w, 1).ConnectedMS >= int64(4000+6000*at) })
		if at == 1 && (is.Why != w.Why || is.PID != w.PID) {
			t.Errorf("with a phone on: %q, then %q", w.Why, is.Why)
		}
		w = is
	}
	p.end()
	l.until("that it listens when the phone is gone", func(is wire.Wifi) bool { return is.Why != w.Why })
}
