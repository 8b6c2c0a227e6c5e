//go:build lab

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"edgekit.internal/cmd/internal/kittest"
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
	one, two = neighbour(t, 1, 11), neighbour(t, 2, 11)
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
	two() // so that there is something else to hear
	p.end()
	l.until("that it listens when the phone is gone", func(is wire.Wifi) bool { return is.Why != w.Why })
}

// TestLabFiveGHz is a network on channel 36, which phones join by WPA3 and WPA2.
func TestLabFiveGHz(t *testing.T) {
	l := newLab(t)
	l.set("mode = \"ap\"\nsecurity = \"mixed\"\ncountry = \"DE\"\nband = \"5\"\nchannel = 36\n")
	l.start()
	defer l.kill()
	if w := l.ready("access point on 5 GHz"); w.Channel != 36 || w.MHz != 5180 || w.Why != "The settings ask for it." {
		t.Errorf("%+v", w)
	}
	for n, how := range []string{1: "SAE", 2: "WPA-PSK"} {
		if how == "" {
			continue
		}
		p := l.phone(t, n, how, l.join.Password, 5180)
		p.joined(t)
		p.lease(t)
		l.until("a phone on", func(w wire.Wifi) bool { return authorized(w, n) })
		kittest.Until(t, "the kit answers", func() bool { return ping(n, "10.66.0.1") == nil })
		if link := p.run(t, "iw", "dev", p.name(), "link"); !strings.Contains(link, "freq: 5180") {
			t.Errorf("phone %d: %s", n, link)
		}
	}
}

// TestLabAWrongCountry: a code that is none, one whose rules the kernel does not know, and one that forbids the channel. hostapd is
// started for none of them again and again, and each way out leads out.
func TestLabAWrongCountry(t *testing.T) {
	l := newLab(t)
	l.set("mode = \"ap\"\ncountry = \"XX\"\n")
	l.start()
	defer l.kill()
	w := l.until("that the settings cannot be read", func(w wire.Wifi) bool { return strings.Contains(w.Device.Reason, "settings cannot be read") })
	if log := l.log(); w.Device.State != "absent" || !strings.Contains(log, "wifi.country") {
		t.Errorf("%+v\n%s", w, log)
	}
	l.set("mode = \"ap\"\ncountry = \"US\"\nchannel = 13\n")
	w = l.until("that the channel is forbidden", func(w wire.Wifi) bool { return w.Device.State == "failed" })
	if !strings.Contains(w.Device.Reason, "may not use channel 13 in the country US. Set wifi.channel to 0") {
		t.Errorf("%+v", w)
	}
	w = l.until("another look", func(is wire.Wifi) bool { return is.Retry.After(w.Retry) })
	if w.Starts != 0 || w.Device.State != "failed" {
		t.Errorf("%+v", w)
	}
	l.set("mode = \"ap\"\ncountry = \"US\"\n")
	if w = l.ready("the kit's own choice"); w.Channel > 11 || w.Country != "US" || w.Starts != 1 {
		t.Errorf("%+v", w)
	}
	l.set("mode = \"ap\"\ncountry = \"AQ\"\n") // Antarctica, of which wireless-regdb has no rules
	w = l.until("a network without a country", func(w wire.Wifi) bool { return w.Device.State == "ready" && w.Country == "" })
	if w.Starts != 2 || !strings.Contains(w.Device.Reason, "The rules of AQ could not be set") {
		t.Errorf("%+v", w)
	}
	l.set("mode = \"ap\"\ncountry = \"DE\"\nchannel = 13\n")
	if w = l.until("channel 13, where it is allowed", func(w wire.Wifi) bool { return w.Device.State == "ready" && w.Country == "DE" }); w.Channel != 13 || w.Starts != 3 {
		t.Errorf("%+v", w)
	}
}

// TestLabFiftyStations has the kernel know 50 phones, as hostapd would tell it of each, and times the list of them.
func TestLabFiftyStations(t *testing.T) {
	l := newLab(t)
	l.set("mode = \"ap\"\ncountry = \"DE\"\n")
	l.start()
	defer l.kill()
	l.ready("access point")
	air, err := net.InterfaceByName("wlan0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := genetlink.Dial(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f, err := c.GetFamily("nl80211")
	if err != nil {
		t.Fatal(err)
	}
	status := func(stations int) time.Duration {
		best := time.Hour
		for range 20 {
			began := time.Now()
			w := l.status()
			best = min(best, time.Since(began))
			if len(w.Stations) != stations || stations > 0 && !w.Stations[0].Authorized {
				t.Fatalf("%d stations: %+v", len(w.Stations), w)
			}
		}
		return best.Round(10 * time.Microsecond)
	}
	empty := status(0)
	for n := range 50 {
		e := netlink.NewAttributeEncoder()
		e.Uint32(unix.NL80211_ATTR_IFINDEX, uint32(air.Index))
		e.Bytes(unix.NL80211_ATTR_MAC, []byte{2, 0, 0, 1, 0, byte(n)})
		e.Uint16(unix.NL80211_ATTR_STA_AID, uint16(n+1))
		e.Uint16(unix.NL80211_ATTR_STA_LISTEN_INTERVAL, 10)
		e.Bytes(unix.NL80211_ATTR_STA_SUPPORTED_RATES, []byte{0x02, 0x04, 0x0b, 0x16})
		const in = 1<<unix.NL80211_STA_FLAG_AUTHENTICATED | 1<<unix.NL80211_STA_FLAG_ASSOCIATED | 1<<unix.NL80211_STA_FLAG_AUTHORIZED
		e.Bytes(unix.NL80211_ATTR_STA_FLAGS2, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, in), in))
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		m := genetlink.Message{Header: genetlink.Header{Command: unix.NL80211_CMD_NEW_STATION, Version: f.Version}, Data: data}
		if _, err := c.Execute(m, f.ID, netlink.Request|netlink.Acknowledge); err != nil {
			t.Fatalf("station %d: %v", n, err)
		}
	}
	t.Logf("edgeap's status over its socket: %v with nobody on, %v with 50 (budget: 5 ms on a machine that is not emulated)", empty, status(50))
}
