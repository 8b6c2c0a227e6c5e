package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/cmd/internal/wire"
)

// TestTheKitIsFoundWhereItIsAGuest: in every network that it is in, for as long as it is, and nowhere with another mode.
func TestTheKitIsFoundWhereItIsAGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		air, cable := place{"wlan0", netip.MustParsePrefix("192.168.7.20/24")}, place{"eth0", netip.MustParsePrefix("192.168.8.20/24")}
		var mu sync.Mutex
		mode, here, running, begun, broken := "ap", []place{air}, map[place]int{}, 0, false
		n := &naming{log: slog.New(slog.NewTextHandler(io.Discard, nil)), mode: func() string { mu.Lock(); defer mu.Unlock(); return mode }, look: func() []place { mu.Lock(); defer mu.Unlock(); return here }}
		n.serve = func(ctx context.Context, at place, tell func(string)) error {
			mu.Lock()
			begun++
			fails := broken
			running[at]++
			mu.Unlock()
			defer func() {
				mu.Lock()
				defer mu.Unlock()
				running[at]--
			}()
			if fails {
				return errors.New("no such device")
			}
			tell(at.name + ".local")
			<-ctx.Done()
			tell("")
			return nil
		}
		set := func(f func()) {
			t.Helper()
			mu.Lock()
			f()
			mu.Unlock()
			time.Sleep(2*upkeepEvery + time.Second)
			synctest.Wait()
		}
		is := func(when string, wlan, eth int, name string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if running[air] != wlan || running[cable] != eth || n.of("wlan0") != name {
				t.Errorf("%s: %v, %q", when, running, n.of("wlan0"))
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- n.run(ctx) }()
		set(func() {})
		is("its own network", 0, 0, "")
		set(func() { mode = "venue" })
		is("a guest", 1, 0, "wlan0.local")
		set(func() { here = []place{cable, air} })
		is("by cable too", 1, 1, "wlan0.local")
		set(func() { here = []place{cable} })
		is("by cable alone", 0, 1, "eth0.local")
		air.address = netip.MustParsePrefix("192.168.7.21/24")
		set(func() { here = []place{air} })
		is("at another address", 1, 0, "wlan0.local")
		set(func() { here = nil })
		is("nowhere", 0, 0, "")
		before := begun
		set(func() { here, broken = []place{air}, true })
		if mu.Lock(); begun-before > 3 || begun == before {
			t.Errorf("%d tries in 5 s where it cannot be", begun-before)
		}
		mu.Unlock()
		set(func() { broken = false })
		is("and again", 1, 0, "wlan0.local")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		is("at the end", 0, 0, "")
	})
}

func TestWithoutWiFiTheVenueIsWhereTheCableLeads(t *testing.T) {
	w := &wire.WifiVenue{Device: wire.Device{Device: "wifi", State: "absent", Reason: noCable}}
	byCable(w, nil)
	if w.Device.Reason != noCable || w.Device.State != "absent" {
		t.Errorf("%+v", w)
	}
	byCable(w, []place{{"eth0", netip.MustParsePrefix("192.168.8.20/24")}, {"usb0", netip.MustParsePrefix("10.0.0.9/8")}})
	if want := (wire.WifiVenue{Device: wire.Device{Device: "wifi", Name: "eth0", State: "ready"}, Address: "192.168.8.20/24"}); *w != want {
		t.Errorf("%+v", w)
	}
}
