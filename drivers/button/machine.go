package button

import "time"

// Gesture is a way to press a button.
type Gesture string

// The gestures. All but Repeat are known when the button is let go: one that never is, because something leans on it or rain
// has got into it, does nothing.
const (
	Short  Gesture = "short"  // let go before LongFrom, or before the next longer gesture that is bound
	Double Gesture = "double" // two short ones, the second begun less than DoubleWithin after the first one's end
	Long   Gesture = "long"   // held from LongFrom on
	Hold   Gesture = "hold"   // held from HoldFrom on
	Repeat Gesture = "repeat" // while it is held, from RepeatFrom on each RepeatEvery
)

// The timings. Settle is longer than the contacts of common push buttons chatter at a change (Ganssle, "A Guide to Debouncing":
// under 6.2 ms for 16 of 18 switches, on average 1.6 ms), and short beside what a finger does.
const (
	Settle       = 15 * time.Millisecond // a level counts once it has not changed for so long
	DoubleWithin = 350 * time.Millisecond
	LongFrom     = time.Second
	HoldFrom     = 3 * time.Second
	RepeatFrom   = 600 * time.Millisecond
	RepeatEvery  = 250 * time.Millisecond
	StuckFrom    = 10 * time.Second // held for so long, nobody's finger is on it
	NoisyFrom    = 3 * time.Second  // changing without rest for so long, it is no button's contact
)

// Bound says which gestures mean something on a button, beside Short. A press is the longest that is bound: where neither Long
// nor Hold are, a slow one is short. Where Double is not, a short press acts at once; else it waits for a second one.
// Repeat goes with neither Long nor Hold.
type Bound struct{ Double, Long, Hold, Repeat bool }

// trouble is what a button cannot help.
type trouble int

const (
	well trouble = iota
	stuck
	noisy
)

// told is what a machine has found out.
type told struct {
	gesture Gesture
	reached bool // it is held long enough for the gesture, and may be let go
	at      time.Duration
	held    time.Duration
}

// machine makes gestures of one line's edges. It has no clock: time is what its calls say, and never goes back in it.
//
// A run of edges with less than Settle between one and the next is one change, or none, as of its first edge. What is due
// while such a run lasts waits for its end, since only then it is known whether the button was still down.
type machine struct {
	bound Bound
	now   time.Duration

	level   bool          // as of the last edge; true: pressed
	resting bool          // level has not changed for Settle
	first   time.Duration // the run's first edge
	last    time.Duration // and its last

	down    bool          // the settled level
	since   time.Duration // down's beginning
	void    bool          // down, and nothing comes of it
	longest Gesture       // that was told to be reached
	repeats int

	waiting bool          // a short press was let go, and may become a double one
	until   time.Duration // then: the end of the wait
	second  bool          // this press began in such a wait

	trouble trouble
	out     []told
}

// start takes the level as it is. A button that is down then is not one that was pressed.
func (m *machine) start(at time.Duration, level bool) {
	*m = machine{bound: m.bound, now: at, level: level, resting: true, down: level, since: at, void: level}
}

// edge takes a change to a level. One to the level that was already means that one between was missed. lost says that some
// before it are: a run that they may have been part of goes on.
func (m *machine) edge(at time.Duration, level, lost bool) {
	if lost && !m.resting {
		m.last = max(m.last, at)
	}
	m.advance(at)
	if m.resting {
		m.resting, m.first = false, m.now
	}
	m.level, m.last = level, m.now
}

// advance does all that is due up to a time.
func (m *machine) advance(to time.Duration) {
	for {
		at, ok := m.due()
		if !ok || at > to {
			break
		}
		m.now = max(m.now, at)
		m.do()
	}
	m.now = max(m.now, to)
}

// due is when something is to be done next; ok is false when nothing is, however long no edge comes.
func (m *machine) due() (at time.Duration, ok bool) {
	switch {
	case !m.resting && m.trouble != noisy:
		return min(m.last+Settle, m.first+NoisyFrom), true
	case !m.resting:
		return m.last + Settle, true
	case m.waiting && !m.down:
		return m.until, true
	case !m.down || m.trouble == stuck:
		return 0, false
	case m.void:
		return m.since + StuckFrom, true
	}
	at = m.since + StuckFrom
	if g, from := m.next(); g != "" {
		at = min(at, m.since+from)
	}
	return at, true
}

// next is what comes next of a button that stays down, and after how long; "": nothing.
func (m *machine) next() (Gesture, time.Duration) {
	switch {
	case m.bound.Repeat:
		return Repeat, RepeatFrom + time.Duration(m.repeats)*RepeatEvery
	case m.bound.Long && m.longest == "":
		return Long, LongFrom
	case m.bound.Hold && m.longest != Hold:
		return Hold, HoldFrom
	}
	return "", 0
}

// do does the one thing that is due now.
func (m *machine) do() {
	switch {
	case !m.resting && m.now >= m.last+Settle:
		m.settle()
	case !m.resting:
		m.trouble, m.void = noisy, true
	case m.waiting && !m.down:
		m.short()
	case m.now >= m.since+StuckFrom:
		if m.second { // the first press was one by itself
			m.short()
		}
		m.trouble, m.void = stuck, true
	default:
		g, _ := m.next()
		if g == Repeat {
			if m.second {
				m.short()
			}
			m.repeats++
			m.tell(Repeat, m.now-m.since)
			return
		}
		m.longest = g
		m.out = append(m.out, told{gesture: g, reached: true, at: m.now, held: m.now - m.since})
	}
}

// settle ends a run of edges.
func (m *machine) settle() {
	m.resting = true
	if m.trouble == noisy { // who knows what was under way
		if m.second {
			m.short()
		}
		m.trouble, m.down, m.void, m.since = well, m.level, m.level, m.now
		return
	}
	if m.level == m.down {
		return
	}
	m.down = m.level
	if m.down {
		m.since, m.longest, m.repeats = m.first, "", 0
		switch {
		case m.waiting && m.first < m.until:
			m.waiting, m.second = false, true
		case m.waiting:
			m.short()
		}
		return
	}
	if m.void {
		m.void, m.trouble = false, well
		return
	}
	m.release(m.first - m.since)
}

// release takes the end of a press.
func (m *machine) release(held time.Duration) {
	g := Short
	switch {
	case m.repeats > 0:
		return
	case held >= StuckFrom:
		g = ""
	case m.bound.Hold && held >= HoldFrom:
		g = Hold
	case m.bound.Long && held >= LongFrom:
		g = Long
	}
	switch {
	case g == Short && m.second:
		m.second = false
		m.tell(Double, held)
	case g == Short && m.bound.Double:
		m.waiting, m.until = true, m.first+DoubleWithin
	case g == Short:
		m.tell(Short, held)
	default:
		if m.second {
			m.short()
		}
		if g != "" {
			m.tell(g, held)
		}
	}
}

// short tells a short press that has waited for a second one.
func (m *machine) short() {
	m.waiting, m.second = false, false
	m.tell(Short, 0)
}

func (m *machine) tell(g Gesture, held time.Duration) {
	m.out = append(m.out, told{gesture: g, at: m.now, held: held})
}

// take is what was found out since it was called last.
func (m *machine) take() []told {
	out := m.out
	m.out = nil
	return out
}
