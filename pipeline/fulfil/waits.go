package fulfil

import (
	"slices"
	"time"

	"edgekit.internal/pipeline"
)

// Wait is how long something took, of N tickets: half took no longer than Median, nine of ten no longer than P90, and none longer than Most.
type Wait struct {
	N                 int
	Median, P90, Most time.Duration
}

// Waits is how long buyers waited from their tap, in kit time, until the slip was on its way to paper, until their number was called, and until they had all of it.
type Waits struct {
	Printed, Ready, Handed Wait
	Open                   int // tickets of which something is to be handed over now
}

// WaitsOf tells it of some tickets. Those that are void had nobody who waited.
func WaitsOf(ts []pipeline.Ticket) (w Waits) {
	var printed, ready, handed []time.Duration
	since := func(to []time.Duration, t pipeline.Ticket, at time.Duration) []time.Duration {
		if at <= 0 {
			return to
		}
		return append(to, max(0, at-t.At))
	}
	for _, t := range ts {
		state := t.State()
		if state == pipeline.TicketVoid {
			continue
		}
		if t.Done == 0 {
			w.Open++
		}
		printed, ready, handed = since(printed, t, t.Printed), since(ready, t, t.Ready), since(handed, t, t.Done)
	}
	w.Printed, w.Ready, w.Handed = waitOf(printed), waitOf(ready), waitOf(handed)
	return w
}

func waitOf(all []time.Duration) Wait {
	if len(all) == 0 {
		return Wait{}
	}
	slices.Sort(all)
	rank := func(percent int) time.Duration { return all[(len(all)*percent+99)/100-1] } // nearest rank
	return Wait{len(all), rank(50), rank(90), all[len(all)-1]}
}
