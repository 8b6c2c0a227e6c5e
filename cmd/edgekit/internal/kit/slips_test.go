package kit

import (
	"testing"
	"time"

	"edgekit.internal/hardware/clock"
	"edgekit.internal/pipeline"
)

// TestWhichSlipsAreOld: by kit time; of those of an earlier run also by the wall clock, where it was known both times.
func TestWhichSlipsAreOld(t *testing.T) {
	up := 10 * time.Hour
	k := &Kit{clock: clock.New(nil, [16]byte{}, func() time.Duration { return up })}
	up += 3 * time.Hour
	k.began = 2 * time.Hour
	now := time.Now()
	for name, c := range map[string]struct {
		at   time.Duration
		wall time.Time
		old  bool
	}{
		"just sold": {3 * time.Hour, now, false},
		"just sold, the clock has been set since":     {3 * time.Hour, now.Add(-20 * time.Hour), false},
		"an hour ago, in an earlier run":              {2*time.Hour - time.Minute, now.Add(-time.Hour), false},
		"the day before, the kit was off":             {2*time.Hour - time.Minute, now.Add(-20 * time.Hour), true},
		"the kit was off, nobody knew the time":       {2*time.Hour - time.Minute, time.Unix(1000, 0), false},
		"more than two hours ago, whatever the clock": {time.Hour - time.Minute, now, true},
	} {
		if got := k.old(pipeline.Ticket{At: c.at, Wall: c.wall}); got != c.old {
			t.Errorf("%s: %v", name, got)
		}
	}
}
