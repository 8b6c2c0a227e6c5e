package clock

import (
	"testing"
	"time"
)

// TestAcrossRestartsAndPowerCuts: what kit time says when the machine has been up for so long, in this boot or the next.
func TestAcrossRestartsAndPowerCuts(t *testing.T) {
	up := 5 * time.Second
	clock := func(anchor []byte, boot byte) *Clock {
		return New(anchor, [16]byte{boot}, func() time.Duration { return up })
	}
	c := clock(nil, 1)
	if c.Now() != 0 {
		t.Errorf("starts at %v", c.Now())
	}
	up = 65 * time.Second
	anchor := c.Anchor()
	up = 75 * time.Second
	for _, r := range []struct {
		name   string
		anchor []byte
		boot   byte
		want   time.Duration
		nth    uint32
	}{
		{"same boot: the time while it was down counts", anchor, 1, 70 * time.Second, 1},
		{"another boot: from the anchor on", anchor, 2, 60 * time.Second, 2},
		{"and the one after it", clock(anchor, 2).Anchor(), 3, 60 * time.Second, 3},
		{"torn anchor", anchor[:20], 1, 0, 1},
		{"no anchor", nil, 1, 0, 1},
	} {
		if c := clock(r.anchor, r.boot); c.Now() != r.want || c.Boot() != r.nth {
			t.Errorf("%s: %v in boot %d, want %v in boot %d", r.name, c.Now(), c.Boot(), r.want, r.nth)
		}
	}
	later := clock(anchor, 2)
	up += time.Minute
	if got := later.Now(); got != 2*time.Minute {
		t.Errorf("a minute on: %v", got)
	}
	up -= time.Hour
	if got := later.Now(); got != 2*time.Minute {
		t.Errorf("went back to %v", got)
	}
}

func TestSystemClockRises(t *testing.T) {
	c := System(nil)
	if a, b := c.Now(), c.Now(); a < 0 || b < a || a > time.Minute {
		t.Errorf("%v then %v", a, b)
	}
}

func FuzzAnchor(f *testing.F) {
	f.Add(System(nil).Anchor())
	f.Fuzz(func(t *testing.T, anchor []byte) {
		c := New(anchor, [16]byte{1}, func() time.Duration { return time.Hour })
		if c.Now() < 0 {
			t.Errorf("kit time %v", c.Now())
		}
	})
}
