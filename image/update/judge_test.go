package update

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// guard of what runs; the patience with what is sick passes in no time.
func (b *bench) guard(sick []string, restart func() error) *Guard {
	patience := time.Minute
	if len(sick) > 0 {
		patience = 20 * time.Millisecond
	}
	return &Guard{Card: b.card, Dir: b.inst.Dir, Keys: b.inst.Keys, Log: quiet(), Restart: restart, Patience: patience, every: time.Millisecond,
		Sick: func(context.Context) ([]string, error) { return sick, nil }}
}

// TestPatience: what a system says of itself over time, and whether it is kept.
func TestPatience(t *testing.T) {
	type said struct {
		sick []string
		err  error
	}
	well, ill, mute := said{}, said{sick: []string{"No offers."}}, said{err: errors.New("connection refused")}
	for _, c := range []struct {
		name string
		says func(second int) said
		why  string // "" when it is kept
		in   time.Duration
	}{
		{"well at once", func(int) said { return well }, "", 4 * time.Second},
		{"slow to start", func(s int) said {
			if s < 100 {
				return mute
			}
			return well
		}, "", 104 * time.Second},
		{"too slow", func(int) said { return mute }, "connection refused", 2 * time.Minute},
		{"on and off", func(s int) said {
			if s%4 == 3 {
				return ill
			}
			return well
		}, "No offers.", 2 * time.Minute},
		{"ill", func(int) said { return ill }, "No offers.", 2 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				g := &Guard{Log: quiet(), Sick: func(context.Context) ([]string, error) {
					s := c.says(int(time.Since(start) / time.Second))
					return s.sick, s.err
				}}
				why := g.healthy(t.Context())
				if (why == "") != (c.why == "") || !strings.Contains(why, c.why) || time.Since(start) != c.in {
					t.Errorf("%q after %v, want %q after %v", why, time.Since(start), c.why, c.in)
				}
			})
		})
	}
}
