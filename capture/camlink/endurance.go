package camlink

import "time"

// stretch is how long beats must have come in time until less silence is borne again.
const stretch = time.Minute

// mostDoubled is how often the silence that is borne is doubled at most, see Config.Silence.
const mostDoubled = 3

// endurance is how much silence is borne of a child, over all its lives: as little as was asked for, so that one that hangs is found at
// once, and more where it turns out that the machine has too much to do for that. Used by one goroutine.
type endurance struct {
	silence time.Duration // that is borne while there was no reason for more
	doubled int

	life    time.Time     // its first beat; zero: there was none
	since   time.Time     // when the present stretch began
	last    time.Time     // beat
	longest time.Duration // from one beat of the stretch to the next
}

// begin is a new life.
func (e *endurance) begin() { e.life = time.Time{} }

// beat takes note of one, and says how long the next may take.
func (e *endurance) beat(now time.Time) time.Duration {
	if e.life.IsZero() {
		e.life, e.since, e.longest = now, now, 0
	} else {
		e.longest = max(e.longest, now.Sub(e.last))
	}
	e.last = now
	if now.Sub(e.since) >= stretch {
		if e.doubled > 0 && 2*e.longest < e.silence<<(e.doubled-1) {
			e.doubled--
		}
		e.since, e.longest = now, 0
	}
	return e.silence << e.doubled
}

// overdue takes note that a beat did not come in time. Where all those before it came in half of that, for some time, it was the child, which
// hung; else it may have been the machine.
func (e *endurance) overdue(now time.Time) {
	if e.life.IsZero() {
		return
	}
	if now.Sub(e.life) < steady || 2*e.longest > e.silence<<e.doubled {
		e.doubled = min(e.doubled+1, mostDoubled)
	}
}
