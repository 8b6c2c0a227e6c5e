//go:build boot

package main

import (
	"bytes"
	"crypto/rand"
	"flag"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/drivers"
	"edgekit.internal/image/boottest"
)

var bootLabImage = flag.String("boot.lab-image", "../../.cache/image/instances/edgekit-lab-debian/disk.img", "the image with Debian's kernel and virtual devices, as image/pack leaves it")

// wifiSettings ask for the kit's own network, which phones join by WPA3.
func wifiSettings(password string) string {
	return "stall = \"Blue Door\"\n[wifi]\nmode = \"ap\"\nsecurity = \"wpa3\"\ncountry = \"DE\"\npassword = \"" + password + "\"\n"
}

// TestBootDebianSellsOverTheAir boots an image with Debian's kernel, in which the kernel's own drivers have devices: a phone
// joins the network that the card's settings ask for (edgeap, Debian's hostapd), gets an address, is led to the sheet, taps, and
// its slip comes out at the end of a USB cable, while vivid's picture is on the air. Nothing of the kit is told which devices there
// are.
func TestBootDebianSellsOverTheAir(t *testing.T) {
	t.Parallel()
	m := newMachineOf(t, *bootLabImage)
	password := rand.Text()
	if err := m.Drop("edgekit.toml", wifiSettings(password)); err != nil {
		t.Fatal(err)
	}
	powerOn(t, m)
	if err := m.Devices(t.Context()); err != nil {
		t.Fatal(err)
	}
	op := pairAt(t, m)
	slips := paperOf(t, m)
	for _, want := range []struct{ device, name string }{{"camera", "vivid"}, {"printer", "usb:/dev/usb/lp0"}, {"wifi", "wlan0 Blue Door"}} {
		var is drivers.Status
		kittest.UntilWithin(t, "the "+want.device+" to be ready", boottest.Limit, func() bool {
			is = deviceOf(op, want.device)
			return is.State == drivers.Ready
		})
		if !strings.Contains(is.Name, want.name) {
			t.Errorf("the %s is %q, expected %q", want.device, is.Name, want.name)
		}
		t.Logf("%s: %s", want.device, is.Name)
	}

	if err := m.Join(t.Context(), boottest.Join{SSID: "Blue Door", Password: password}); err != nil {
		t.Fatal(err)
	}
	// Its system asks whether the network leads anywhere, as often as it takes, and is led to the sheet.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, m.Air+"/generate_204", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "connectivitycheck.gstatic.com"
	kittest.UntilWithin(t, "the phone to be led to the sheet", boottest.Limit, func() bool {
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Logf("the phone's question whether it is connected: %v", err)
			return false
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusFound || res.Header.Get("Location") != "http://10.66.0.1/portal" {
			t.Logf("the phone's question whether it is connected: %s, %s", res.Status, res.Header.Get("Location"))
			return false
		}
		return true
	})
	v, err := kittest.NewVisitor(m.Air)
	if err != nil {
		t.Fatalf("over the air: %v", err)
	}
	a, err := v.Buy("set")
	if err != nil || a.Outcome.Outcome != "confirmed" {
		t.Fatalf("a tap over the air: %+v, %v", a, err)
	}
	kittest.UntilWithin(t, "the slip of "+a.Ticket, boottest.Limit, func() bool {
		select {
		case s := <-slips:
			return bytes.Contains(s, []byte(a.Ticket))
		default:
			return false
		}
	})
}

// TestBootDebianUpdates: an update whose initramfs finds no root, or whose access point does not come up, goes back to the old
// system by itself; a healthy one stays, with its network, and starts from the other slot's initramfs.
func TestBootDebianUpdates(t *testing.T) {
	t.Parallel()
	u := newUpdatesOf(t, *bootLabImage)
	was := u.system()
	u.PowerCut()
	if err := u.Drop("edgekit.toml", wifiSettings(rand.Text())); err != nil {
		t.Fatal(err)
	}
	powerOn(t, u.Machine)
	u.pair()
	u.onTheAir()
	cmdline := ""
	for _, f := range u.base.Files {
		if f.Name == "boot/cmdline.txt" {
			cmdline = string(f.Text)
		}
	}
	elsewhere := regexp.MustCompile(`PARTUUID=[0-9a-f]{8}`).ReplaceAllString(cmdline, "PARTUUID=00000000")
	for i, c := range []struct {
		name       string
		root, boot map[string][]byte
		outcome    string
		why        string // a part of it
	}{
		{"its root is nowhere", nil, map[string][]byte{"boot/cmdline.txt": []byte(elsewhere)}, "interrupted", "did not come as far"},
		{"its hostapd crashes", map[string][]byte{"usr/sbin/hostapd": program(t, crashes)}, nil, "failed", "access point"},
		{"it is healthy", nil, nil, "kept", "healthy"},
	} {
		bundle, version := u.next(c.root, c.boot)
		if status, reason := u.send(bundle); status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", c.name, status, reason)
		}
		s := u.decided(i + 1)
		want, slot := was.Version, "a"
		if c.outcome == "kept" {
			want, slot = version, "b"
		}
		t.Logf("%s: %s", c.name, s.Updates[i].Why)
		if got := s.Updates[i]; got.Outcome != c.outcome || !strings.Contains(got.Why, c.why) || s.Version != want || s.Slot != slot {
			t.Errorf("%s: %+v, want %s because of %q; the kit runs %s in slot %s", c.name, got, c.outcome, c.why, s.Version, s.Slot)
		}
		u.onTheAir()
	}
	u.PowerCut()
	powerOn(t, u.Machine)
	u.pair()
	if s := u.system(); s.Slot != "b" {
		t.Errorf("after the next start slot %s", s.Slot)
	}
}

// onTheAir waits until the kit's own network is up.
func (u *updates) onTheAir() {
	u.t.Helper()
	kittest.UntilWithin(u.t, "the kit's Wi-Fi", boottest.Limit, func() bool { return deviceOf(u.op, "wifi").State == drivers.Ready })
}

// paperOf reads what comes out at the printer's end of the machine's USB cable, slip by slip, and says that there is paper.
func paperOf(t *testing.T, m *boottest.Machine) <-chan []byte {
	t.Helper()
	c, err := net.Dial("tcp", m.Paper)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	slips := make(chan []byte, 16)
	go func() {
		var all []byte
		for b := make([]byte, 8192); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			all = append(all, statusAnswered(c, b[:n])...)
			if at := bytes.LastIndex(all, []byte{0x1d, 'V'}); at >= 0 { // GS V cuts
				select {
				case slips <- bytes.Clone(all[:at]):
				default: // nobody looks any more
				}
				all = all[at+2:]
			}
		}
	}()
	return slips
}
