package camlink

import (
	"testing"
	"time"
)

// TestSilenceIsBorneAsTheMachineNeeds lives through lives whose beats come each time after gaps.
func TestSilenceIsBorneAsTheMachineNeeds(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		gap  func(at time.Duration) time.Duration // to the next beat; 0: it hangs for ever
		ends int                                  // lives that were ended in an hour
		most time.Duration                        // that was borne in the last life
	}{
		"in time":                      {func(time.Duration) time.Duration { return 100 * ms }, 0, 500 * ms},
		"a little late":                {func(time.Duration) time.Duration { return 600 * ms }, 1, 1000 * ms},
		"very late":                    {func(time.Duration) time.Duration { return 3000 * ms }, 3, 4000 * ms},
		"late in its first minute":     {lateUntil(time.Minute, 900*ms), 1, 500 * ms},
		"late in its first two":        {lateUntil(2*time.Minute, 900*ms), 1, 500 * ms},
		"late after ten minutes":       {lateFrom(10*time.Minute, 900*ms), 2, 1000 * ms},
		"hangs now and then":           {hangsEach(20 * time.Second), 179, 500 * ms}, // which is found at once each time: nothing was late before
		"hangs after half an hour":     {lateFrom(30*time.Minute, 0), 1, 500 * ms},
		"always too late for anything": {func(time.Duration) time.Duration { return 5000 * ms }, 722, 4000 * ms},
	} {
		e := endurance{silence: 500 * ms}
		start := time.Unix(0, 0)
		now, ends, borne := start, 0, time.Duration(0)
		e.begin()
		for now.Sub(start) < time.Hour {
			borne = e.beat(now)
			gap := c.gap(now.Sub(start))
			if gap != 0 && gap <= borne {
				now = now.Add(gap)
				continue
			}
			now = now.Add(borne)
			e.overdue(now)
			ends++
			e.begin()
			now = now.Add(time.Second) // the next one's start
			if gap == 0 && name != "hangs now and then" {
				c.gap = func(time.Duration) time.Duration { return 100 * ms }
			}
		}
		if ends != c.ends || borne != c.most {
			t.Errorf("%s: %d lives were ended and in the end %v of silence was borne, expected %d and %v", name, ends, borne, c.ends, c.most)
		}
	}
}

func lateUntil(first, gap time.Duration) func(time.Duration) time.Duration {
	return func(at time.Duration) time.Duration {
		if at < first {
			return gap
		}
		return 100 * time.Millisecond
	}
}

func lateFrom(first, gap time.Duration) func(time.Duration) time.Duration {
	return func(at time.Duration) time.Duration {
		if at >= first {
			return gap
		}
		return 100 * time.Millisecond
	}
}

// hangsEach is a child that hangs after each so much of the time in which it runs.
func hangsEach(d time.Duration) func(time.Duration) time.Duration {
	last := time.Duration(0)
	return func(at time.Duration) time.Duration {
		if at-last >= d {
			last = at
			return 0
		}
		return 100 * time.Millisecond
	}
}
