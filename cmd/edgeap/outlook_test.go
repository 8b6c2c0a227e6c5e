package main

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/drivers/wifiap/venue"
)

// TestTheInternetIsLookedForByCable when the cable becomes the way out, again and again, and sooner where names are asked for in vain.
func TestTheInternetIsLookedForByCable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		way, failed, there, looks := "", uint64(0), true, 0
		set := func(f func()) { mu.Lock(); defer mu.Unlock(); f() }
		o := &outlook{
			way: func() (string, []netip.AddrPort) {
				mu.Lock()
				defer mu.Unlock()
				return way, []netip.AddrPort{netip.MustParseAddrPort("192.168.178.1:53")}
			},
			failed: func() uint64 { mu.Lock(); defer mu.Unlock(); return failed },
			look: func(_ context.Context, i string, servers []netip.Addr) bool {
				mu.Lock()
				defer mu.Unlock()
				if i != way || len(servers) != 1 || servers[0] != netip.MustParseAddr("192.168.178.1") {
					t.Errorf("by %q, of %v", i, servers)
				}
				looks++
				return there
			},
		}
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.run(ctx) }()
		after := func(d time.Duration, what string, by string, want venue.Internet, times int) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if is := o.of(by); is != want || looks != times {
				t.Errorf("%s: %q after %d looks, want %q after %d", what, is, looks, want, times)
			}
		}
		after(time.Hour, "no way", "eth0", venue.Unknown, 0)
		set(func() { way = "eth0" })
		after(upkeepEvery, "a cable", "eth0", venue.Online, 1)
		after(0, "another", "eth1", venue.Unknown, 1)
		after(lookOnline-upkeepEvery, "nothing new", "eth0", venue.Online, 1)
		set(func() { there = false })
		after(2*upkeepEvery, "the line is dead", "eth0", venue.Offline, 2)
		after(lookOffline+upkeepEvery, "and stays so", "eth0", venue.Offline, 3)
		set(func() { there = true })
		after(lookOffline+upkeepEvery, "it is back", "eth0", venue.Online, 4)
		set(func() { there, failed = false, failed+1 })
		after(lookSoonest+upkeepEvery, "names are asked for in vain", "eth0", venue.Offline, 5)
		set(func() { way, there = "eth1", true })
		after(upkeepEvery, "another cable", "eth1", venue.Online, 6)
		set(func() { way = "" })
		after(upkeepEvery, "none", "eth1", venue.Unknown, 6)
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestWhatIsKnownOfTheWayOut: by cable it is looked for, by Wi-Fi the venue's client knows.
func TestWhatIsKnownOfTheWayOut(t *testing.T) {
	hall := venue.State{Radio: "wlan1", Address: netip.MustParsePrefix("192.168.7.20/24"), Internet: venue.Offline}
	o := &outlook{by: "eth0", is: venue.Online}
	for way, want := range map[string]venue.Internet{"eth0": venue.Online, "wlan1": venue.Offline, "usb0": venue.Unknown, "": venue.Unknown} {
		if got := leads(way, hall, o); got != want {
			t.Errorf("%q: %q, want %q", way, got, want)
		}
	}
}
