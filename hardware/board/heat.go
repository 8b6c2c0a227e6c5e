package board

import "time"

// Load is how much of the picture work is done. The processor's heat is nearly all of that.
type Load int

// The loads. Each does half the pictures of the one before.
const (
	Full Load = iota
	Half
	Quarter
)

// Every is how many camera pictures come on one that is worked on.
func (l Load) Every() int { return 1 << l }

// The ladder's steps: how far below the board's limit a load is left for the next, and how far below that the board must
// have stayed, and for how long, before it is taken up again. A processor cools by some degrees within seconds of less
// work, so without the gap and the wait it would swing.
const (
	halfBelow    = 5.0 // °C
	quarterBelow = 2.0
	gap          = 4.0
	calm         = 30 * time.Second
)

// Ladder decides the load by temperature and firmware, so that the picture steps down before the firmware slows the
// processor, and with it the taps, down. The zero value is at Full. For one goroutine.
type Ladder struct {
	load  Load
	since time.Time // since when it would be calm enough for the next load; zero: it is not
}

// Step takes a reading and returns the load from now on. limit is the board's (Model.Limit); at 0 nothing is ever shed:
// such a board's heat is its owner's. A temperature that is not known sheds nothing and takes nothing up.
func (l *Ladder) Step(now time.Time, limit, celsius float64, known bool, t Throttled) Load {
	if limit == 0 {
		return l.load
	}
	want := Full
	switch {
	case t.Any(SlowedDown | SoftLimit), known && celsius >= limit-quarterBelow:
		want = Quarter
	case t.Any(UnderVoltage | FrequencyCapped), known && celsius >= limit-halfBelow:
		want = Half // less work draws less current too
	}
	switch {
	case want > l.load:
		l.load, l.since = want, time.Time{}
	case want == l.load || !known || celsius > l.edge(limit)-gap:
		l.since = time.Time{}
	case l.since.IsZero():
		l.since = now
	case now.Sub(l.since) >= calm:
		l.load, l.since = l.load-1, time.Time{}
	}
	return l.load
}

// edge is the temperature at which the present load was taken.
func (l *Ladder) edge(limit float64) float64 {
	if l.load == Quarter {
		return limit - quarterBelow
	}
	return limit - halfBelow
}
