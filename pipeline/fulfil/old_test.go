package fulfil

import (
	"slices"
	"testing"
	"time"

	"edgekit.internal/pipeline"
)

// TestOldSlipsAskFirst: nothing of them is printed until somebody wants them; then they are, with the marks they would have had, in order.
func TestOldSlipsAskFirst(t *testing.T) {
	b, p := &book{}, &paper{}
	for n := range int64(4) {
		b.add(n + 1)
	}
	b.ts[1].Print = pipeline.PrintSending
	old := func(t pipeline.Ticket) bool { return t.N <= 3 }
	runWith(t, b, p.slip, func(q *Queue) { q.Old = old }, func(q *Queue) {
		time.Sleep(time.Minute)
		if !slices.Equal(p.out, []string{"A-004"}) {
			t.Errorf("before anybody was asked: %v", p.out)
		}
		for i, want := range []pipeline.PrintState{pipeline.PrintHeld, pipeline.PrintHeldSending, pipeline.PrintHeld, pipeline.PrintSent} {
			if b.ts[i].Print != want {
				t.Errorf("ticket %d is %v, want %v", i+1, b.ts[i].Print, want)
			}
		}
		for i, state := range []pipeline.PrintState{pipeline.PrintQueued, pipeline.PrintSending, pipeline.PrintDropped} {
			b.SetPrint(t.Context(), int64(i+1), state)
		}
		q.WantUpTo(3)
		time.Sleep(time.Minute)
	})
	if !slices.Equal(p.out, []string{"A-004", "A-001", "A-002 copy?"}) {
		t.Error(p.out)
	}
}

// TestOneSlipAgainLetsNoOldOnesThrough: who wants the last slip once more has not said that those from yesterday are wanted, whether they
// are held already or are found to be old after that.
func TestOneSlipAgainLetsNoOldOnesThrough(t *testing.T) {
	b, p := &book{}, &paper{}
	for n := range int64(3) {
		b.add(n + 1)
	}
	b.ts[0].Print, b.ts[2].Print = pipeline.PrintHeld, pipeline.Printed
	runWith(t, b, p.slip, func(q *Queue) {
		q.Old = func(pipeline.Ticket) bool { return true }
		b.SetPrint(t.Context(), 3, pipeline.PrintSending) // before the second was looked at
		q.Want(3)
	}, func(q *Queue) {
		time.Sleep(time.Minute)
		b.SetPrint(t.Context(), 3, pipeline.PrintSending)
		q.Want(3)
		time.Sleep(time.Minute)
	})
	if want := []string{"A-003 copy?", "A-003 copy?"}; !slices.Equal(p.out, want) {
		t.Errorf("%v, want %v", p.out, want)
	}
	for i, want := range []pipeline.PrintState{pipeline.PrintHeld, pipeline.PrintHeld, pipeline.PrintSent} {
		if b.ts[i].Print != want {
			t.Errorf("ticket %d is %v, want %v", i+1, b.ts[i].Print, want)
		}
	}
}
