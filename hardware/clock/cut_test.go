package clock

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestKitTimeOverCuts lives through boots, restarts, power cuts and writes that reach the card or do not. What is stored
// with an anchor never is in the future of a later start, boots are told apart, and a cut costs no more than the time
// since the last anchor.
func TestKitTimeOverCuts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			card   []byte        // the anchor as it is on the card
			stored time.Duration // the latest kit time that anything on the card tells
			inBoot uint32        // and the boot of that
			up     time.Duration
			boot   byte
		)
		start := func() *Clock { return New(card, [16]byte{boot}, func() time.Duration { return up }) }
		boot++
		c, told, since := start(), time.Duration(0), time.Duration(0)
		write := func() { // in one transaction: what happened, and the anchor
			stored, inBoot = c.Now(), c.Boot()
			card, since = c.Anchor(), 0
		}
		write() // the store does when it starts, before anybody is told anything
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			pass := time.Duration(rapid.Int64Range(0, int64(2*time.Minute)).Draw(t, "pass"))
			switch rapid.SampledFrom([]string{"run", "store", "restart", "cut", "cut while storing"}).Draw(t, "step") {
			case "run":
				up += pass
				since += pass
			case "store":
				write()
			case "restart": // the daemon; the machine runs on
				up += pass
				since += pass
				before := c.Boot()
				if c = start(); c.Boot() != before {
					t.Fatalf("boot %d became %d without a reboot", before, c.Boot())
				}
				write()
			case "cut while storing": // the anchor reached the card, nobody was told
				if rapid.Bool().Draw(t, "written") {
					write()
				}
				fallthrough
			case "cut":
				last := c.Now()
				boot, up = boot+1, time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "up"))
				c = start()
				if lost := last - c.Now(); lost > since {
					t.Fatalf("a cut %v after the last anchor lost %v", since, lost)
				}
				if c.Boot() <= inBoot {
					t.Fatalf("boot %d after boot %d", c.Boot(), inBoot)
				}
				told = 0
				if rapid.Bool().Draw(t, "cut again before the first write") {
					boot, up = boot+1, 0
					if c = start(); c.Boot() <= inBoot || c.Now() < stored {
						t.Fatalf("boot %d at %v after boot %d at %v", c.Boot(), c.Now(), inBoot, stored)
					}
				}
				write()
			}
			now := c.Now()
			if now < stored || now < told {
				t.Fatalf("kit time %v, after %v on the card and %v told", now, stored, told)
			}
			told = now
		}
	})
}

// TestATornAnchorStartsAnew: SQLite writes it whole or not at all; should the card hold part of one all the same, the kit
// starts.
func TestATornAnchorStartsAnew(t *testing.T) {
	anchor := New(nil, [16]byte{1}, func() time.Duration { return time.Hour }).Anchor()
	for n := range len(anchor) {
		if c := New(anchor[:n], [16]byte{2}, func() time.Duration { return time.Hour }); c.Now() != 0 || c.Boot() != 1 {
			t.Errorf("of %d bytes: %v in boot %d", n, c.Now(), c.Boot())
		}
	}
}
