package fulfil

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/pipeline"
)

// forgetful is a book that cannot note that a slip is out, until it can.
type forgetful struct {
	book
	full atomic.Bool
}

func (b *forgetful) SetPrint(ctx context.Context, number int64, state pipeline.PrintState) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if b.full.Load() && !state.Due() {
		return errors.New("disk full")
	}
	return b.book.SetPrint(ctx, number, state)
}

// TestASlipThatIsOutIsNotPrintedAgainBecauseItCouldNotBeNoted: a full disk costs no paper.
func TestASlipThatIsOutIsNotPrintedAgainBecauseItCouldNotBeNoted(t *testing.T) {
	b, p := &forgetful{}, &paper{}
	b.full.Store(true)
	b.add(1)
	b.add(2)
	synctest.Test(t, func(t *testing.T) {
		q := New(b, p.slip, nil, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- q.Run(ctx) }()
		time.Sleep(20 * retryAfter)
		b.full.Store(false)
		time.Sleep(5 * retryAfter)
		cancel()
		<-done
	})
	if !slices.Equal(p.out, []string{"A-001", "A-002"}) {
		t.Error(p.out)
	}
	for _, ticket := range b.ts {
		if ticket.Print != pipeline.PrintSent {
			t.Errorf("%s is noted as %v", ticket.Number, ticket.Print)
		}
	}
}

// TestASlipThatComesOutWhileTheKitStopsIsNoted: after the next start it is no possible copy.
func TestASlipThatComesOutWhileTheKitStopsIsNoted(t *testing.T) {
	b := &forgetful{}
	b.add(1)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		q := New(b, func(_ context.Context, _ pipeline.Ticket, _ bool, begin func() error) (Fate, error) {
			if err := begin(); err != nil {
				return Unsent, err
			}
			cancel() // the kit is asked to stop while the paper moves
			return Sent, nil
		}, nil, slog.New(slog.DiscardHandler))
		if err := q.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	if b.ts[0].Print != pipeline.PrintSent {
		t.Errorf("noted as %v", b.ts[0].Print)
	}
}

// TestASlipThatNeverComesOutHoldsUpNoOther: it steps back after a few tries, and is tried less and less often.
func TestASlipThatNeverComesOutHoldsUpNoOther(t *testing.T) {
	b, p := &book{}, &paper{}
	for n := range int64(50) {
		b.add(n + 1)
	}
	tries := 0
	slip := func(ctx context.Context, ticket pipeline.Ticket, again bool, begin func() error) (Fate, error) {
		if ticket.N == 2 {
			tries++
			return Begun, errors.New("the printer chokes on it")
		}
		return p.slip(ctx, ticket, again, begin)
	}
	run(t, b, slip, func(q *Queue) {
		time.Sleep(time.Hour)
		b.add(51)
		q.Wake()
	})
	if len(p.out) != 50 || p.out[0] != "A-001" || p.out[1] != "A-003" || p.out[49] != "A-051" {
		t.Error(p.out)
	}
	if tries < 10 || tries > 100 {
		t.Errorf("tried %d times in an hour", tries)
	}
}
