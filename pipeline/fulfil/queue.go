// Package fulfil sees to it that every ticket becomes a slip of paper: in order, once, and whatever the printer or the
// power does in between.
package fulfil

import (
	"context"
	"log/slog"
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

// Queue prints what the book says is unprinted. Its bound is the book's: in memory it keeps one ticket and a flag.
type Queue struct {
	Book Book
	Slip Slip
	Span func(tap, step string) // told "printed"
	Log  *slog.Logger

	wake chan struct{}
}

// retryAfter is how long a printer's or book's error holds up the queue.
const retryAfter = time.Second

// New makes a queue. Run prints.
func New(book Book, slip Slip, span func(tap, step string), log *slog.Logger) *Queue {
	return &Queue{book, slip, span, log, make(chan struct{}, 1)}
}

// Wake tells that there may be a new ticket. It never blocks.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Run prints until ctx ends. Tickets that were being sent when the last run ended, by crash or otherwise, are printed
// again as possible copies.
func (q *Queue) Run(ctx context.Context) error {
	done := int64(0) // all tickets up to it are printed
	said := ""       // the last error logged: one that lasts is said once
	for {
		ts, err := q.Book.Unprinted(ctx, done, 32)
		for _, t := range ts {
			if err = q.print(ctx, t); err != nil {
				break
			}
			done, said = t.N, ""
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if err.Error() != said {
				said = err.Error()
				q.Log.Warn("slip not printed, trying again until it is", "err", err)
			}
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
				return nil
			}
		case len(ts) == 0:
			select {
			case <-q.wake:
			case <-ctx.Done():
				return nil
			}
		}
	}
}

// print brings one ticket to paper. That its slip is being sent is durable before the first byte is: a ticket that only
// waits for a printer is still a first print after a power cut.
func (q *Queue) print(ctx context.Context, t pipeline.Ticket) error {
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
			back, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryAfter)
			defer cancel()
			if undo := q.Book.SetPrint(back, t.N, pipeline.PrintQueued); undo != nil {
				q.Log.Warn("slip will be marked as a possible copy", "ticket", t.Number, "err", undo)
			}
		}
		return err
	}
	if q.Span != nil {
		q.Span(t.Tap, "printed")
	}
	return q.Book.SetPrint(ctx, t.N, pipeline.Printed)
}
