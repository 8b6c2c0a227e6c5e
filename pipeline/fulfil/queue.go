// Package fulfil sees to it that every ticket becomes a slip of paper: in order, once, and whatever the printer or the
// power does in between.
package fulfil

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"edgekit.internal/pipeline"
)

// Book is where tickets are kept. The durable states in it are all that this package relies on after a crash.
type Book interface {
	// Unprinted lists tickets after a number whose slips are not known to be out, oldest first, at most n.
	Unprinted(ctx context.Context, after int64, n int) ([]pipeline.Ticket, error)
	SetPrint(ctx context.Context, number int64, state pipeline.PrintState) error
}

// Slip prints one ticket and returns when it is on paper. again asks for the mark of a possible copy: some or all of
// this slip may be on paper already. begin must be called before the first byte goes to the printer, and its error ends
// the attempt. began tells whether any byte may have reached the printer when there is an error. It waits for a printer
// that is absent or out of paper until ctx ends.
type Slip func(ctx context.Context, t pipeline.Ticket, again bool, begin func() error) (began bool, err error)

// Queue prints what the book says is unprinted. Its bound is the book's: in memory it keeps the tickets it has in hand.
type Queue struct {
	Book Book
	Slip Slip
	Span func(tap, step string) // told "printed"
	Log  *slog.Logger

	wake chan struct{}
	back atomic.Int64    // number of the first ticket that is unprinted again; 0: none
	hand map[int64]*hand // tickets with which something went wrong, by number; Run's
}

// hand is what is known of a ticket beyond the book.
type hand struct {
	out   bool      // it is on paper, and only that is still to be noted
	tries int       // in vain, one after the other
	next  time.Time // when it has its turn again
}

const (
	// retryAfter is how long a printer's or book's error holds up the queue.
	retryAfter = time.Second
	// patience is how many tries a ticket holds up the others for. Then it steps back, and has its turn less and less
	// often, down to every retryMost: a slip on which the printer chokes each time must not stop the stall, or eat its paper.
	patience  = 5
	retryMost = time.Minute
	// atOnce is how many tickets are looked at together.
	atOnce = 32
)

// New makes a queue. Run prints.
func New(book Book, slip Slip, span func(tap, step string), log *slog.Logger) *Queue {
	return &Queue{Book: book, Slip: slip, Span: span, Log: log, wake: make(chan struct{}, 1), hand: map[int64]*hand{}}
}

// Wake tells that there may be a new ticket. It never blocks.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Again tells that a ticket which was printed is unprinted in the book once more. It never blocks.
func (q *Queue) Again(number int64) {
	for {
		was := q.back.Load()
		if was > 0 && was <= number || q.back.CompareAndSwap(was, number) {
			break
		}
	}
	q.Wake()
}

// Run prints until ctx ends. Tickets that were being sent when the last run ended, by crash or otherwise, are printed
// again as possible copies.
func (q *Queue) Run(ctx context.Context) error {
	done := int64(0) // all tickets up to it are printed
	said := ""       // the last error logged: one that lasts is said once
	for {
		if n := q.back.Swap(0); n > 0 {
			done = min(done, n-1)
		}
		ts, err := q.Book.Unprinted(ctx, done, atOnce)
		printed := false
		for _, t := range q.turns(ts) {
			if err = q.print(ctx, t); err != nil {
				break
			}
			printed, said = true, ""
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			q.Log.Warn("slip not printed, trying again until it is", "err", err)
		}
		if len(q.hand) == 0 && len(ts) > 0 && err == nil {
			done = ts[len(ts)-1].N
		}
		if printed && err == nil {
			continue // there may be more
		}
		var retry <-chan time.Time
		if len(ts) > 0 || err != nil {
			retry = time.After(retryAfter)
		}
		wake := q.wake
		if err != nil {
			wake = nil // a new ticket mends nothing
		}
		select {
		case <-wake:
		case <-retry:
		case <-ctx.Done():
			return nil
		}
	}
}

// turns is the order in which tickets are tried now: oldest first, but behind all others those that have stepped back;
// without those whose turn is later.
func (q *Queue) turns(ts []pipeline.Ticket) (now []pipeline.Ticket) {
	var back []pipeline.Ticket
	for _, t := range ts {
		switch h := q.hand[t.N]; {
		case h == nil || h.tries < patience:
			now = append(now, t)
		case !time.Now().Before(h.next):
			back = append(back, t)
		}
	}
	return append(now, back...)
}

// print brings one ticket to paper, unless it is there, and notes that.
func (q *Queue) print(ctx context.Context, t pipeline.Ticket) error {
	h := q.hand[t.N]
	if h == nil {
		h = &hand{}
		q.hand[t.N] = h
	}
	if !h.out {
		if err := q.send(ctx, t); err != nil {
			h.tries++
			h.next = time.Now().Add(min(retryAfter<<min(h.tries, 16), retryMost))
			return err
		}
		h.out = true
	}
	// Paper is not taken back: that it is out is noted also when the kit is just stopping, and without printing it again
	// when it could not be noted at once.
	if err := q.note(ctx, t.N, pipeline.Printed); err != nil {
		return err
	}
	delete(q.hand, t.N)
	return nil
}

// send sends one ticket's slip to the printer. That it is being sent is durable before the first byte is: a ticket that
// only waits for a printer is still a first print after a power cut.
func (q *Queue) send(ctx context.Context, t pipeline.Ticket) error {
	again, marked := t.Print == pipeline.PrintSending, false
	began, err := q.Slip(ctx, t, again, func() error {
		if again {
			return nil
		}
		err := q.Book.SetPrint(ctx, t.N, pipeline.PrintSending)
		marked = err == nil
		return err
	})
	if err != nil {
		if marked && !began { // nothing went out: the next try is still the first
			if undo := q.note(ctx, t.N, pipeline.PrintQueued); undo != nil {
				q.Log.Warn("slip will be marked as a possible copy", "ticket", t.Number, "err", undo)
			}
		}
		return err
	}
	if q.Span != nil {
		q.Span(t.Tap, "printed")
	}
	return nil
}

// note records what has happened already, for which it is never too late.
func (q *Queue) note(ctx context.Context, number int64, state pipeline.PrintState) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryAfter)
	defer cancel()
	return q.Book.SetPrint(ctx, number, state)
}
