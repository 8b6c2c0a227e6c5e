//go:build lab

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
)

// viewerVar names the page for a process of this test's program that is a phone's player, in a network namespace that has nothing but
// a radio.
const viewerVar = "EDGEAP_LAB_VIEWER"

func TestMain(m *testing.M) {
	base := os.Getenv(viewerVar)
	if base == "" {
		os.Exit(m.Run())
	}
	s, err := watchAndTap(base)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(s)
}

// sale is what came of it.
type sale struct {
	Packets, Pictures int64
	wire.Outcome
}

// watchAndTap opens the page's session, receives ten pictures, a whole one among them, and taps the mug.
func watchAndTap(base string) (s sale, err error) {
	v, err := kittest.NewVisitor(base)
	if err != nil {
		return s, err
	}
	w, err := kittest.Watch(v)
	if err != nil {
		return s, err
	}
	defer w.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var offer wire.Offer
	for ok, end := false, time.Now().Add(2*kittest.Limit); !ok || w.Pictures.Load() < 10 || w.Keys.Load() == 0; <-tick.C {
		if offer, ok = w.Prompt("mug"); time.Now().After(end) {
			return s, fmt.Errorf("after %v: %d packets, %d pictures, %d of them whole, prompt %v", 2*kittest.Limit, w.Packets.Load(), w.Pictures.Load(), w.Keys.Load(), ok)
		}
	}
	s.Outcome, err = w.TapSignal(kittest.NewTap(), "mug", offer.Token)
	s.Packets, s.Pictures = w.Packets.Load(), w.Pictures.Load()
	return s, err
}

// TestLabSaleOverTheAir is the whole way of two visitors, one by WPA3 and one by WPA2, over the kernel's own 802.11 and through the
// kit's own addresses, names and firewall: they join, their systems find the portal, the page opens, pictures come by WebRTC, and a tap
// is a ticket.
func TestLabSaleOverTheAir(t *testing.T) {
	l := newLab(t)
	l.set("mode = \"ap\"\nsecurity = \"mixed\"\ncountry = \"DE\"\n")
	l.start()
	defer l.kill()
	l.ready("access point")
	kittest.StartIn(t, l.data, "-picture", "160x90@2", "-listen", ":8080", "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for n, how := range []string{1: "SAE", 2: "WPA-PSK"} {
		if how == "" {
			continue
		}
		p := l.phone(t, n, how, l.join.Password)
		p.joined(t)
		p.lease(t) // at once, as phones do: one whose access point takes it for gone finds out by what it sends
		w := l.until("a phone on", func(w wire.Wifi) bool { return authorized(w, n) })
		if station(w, n).WPA3 != (how == "SAE") {
			t.Errorf("%s: %+v", how, w)
		}
		kittest.UntilWithin(t, "the portal, by Apple's question", 2*kittest.Limit, func() bool {
			status, body, err := p.open(t, "http://captive.apple.com/hotspot-detect.html")
			return err == nil && status != http.StatusOK && strings.Contains(body, "/portal")
		})
		kittest.UntilWithin(t, "the page, by the kit's name", 2*kittest.Limit, func() bool {
			status, body, err := p.open(t, "http://edgekit.internal/")
			return err == nil && status == http.StatusOK && strings.Contains(body, "<html")
		})
		c := exec.Command("in-ns", fmt.Sprint("c", n), me)
		c.Env = append(os.Environ(), viewerVar+"=http://10.66.0.1")
		out, err := c.Output()
		var s sale
		if err == nil {
			err = json.Unmarshal(out, &s)
		}
		if e, ok := err.(*exec.ExitError); ok {
			t.Fatalf("phone %d, by %s: %v: %s", n, how, err, e.Stderr)
		}
		if err != nil || s.Outcome.Outcome != "confirmed" || s.Ticket != fmt.Sprintf("A-%03d", n) || s.Packets < s.Pictures {
			t.Fatalf("phone %d, by %s: %+v, %v", n, how, s, err)
		}
		t.Logf("phone %d, by %s: %d pictures in %d packets, then ticket %s", n, how, s.Pictures, s.Packets, s.Ticket)
		on := station(l.status(), n)
		if on.TxBytes < 10_000 {
			t.Errorf("phone %d: only %d bytes went over the air to it", n, on.TxBytes)
		}
		p.end()
	}
}
