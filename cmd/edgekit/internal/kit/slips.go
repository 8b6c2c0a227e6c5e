package kit

import (
	"context"
	"time"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/store"
)

// oldSlip is after how long nobody may be waiting for a slip any more.
const oldSlip = 2 * time.Hour

// old tells whether a slip has waited so long that the operator is asked before it is printed. Kit time stands still while the
// kit is off: of a slip that an earlier run left, the wall clock may tell too, where it was known both times. A wrong guess
// costs a question or a slip of paper.
func (k *Kit) old(t pipeline.Ticket) bool {
	if k.clock.Now()-t.At > oldSlip {
		return true
	}
	const known = 2025 // a clock that was never set says 1970, or when the image was made
	now := time.Now()
	return t.At < k.began && t.Wall.Year() >= known && now.Year() >= known && now.Sub(t.Wall) > oldSlip
}

// slips are the console's decisions about paper.
type slips struct{ *Kit }

func (s slips) Held(ctx context.Context) (int, error) { return s.store.Held(ctx) }

func (s slips) DecideHeld(ctx context.Context, print bool) error {
	_, last, err := s.store.DecideHeld(ctx, print)
	if err == nil && print && s.queue != nil {
		s.queue.Want(last)
	}
	return err
}

// Again notes the slip as one that is being sent: what is found so is printed as a possible copy.
func (s slips) Again(ctx context.Context, ticket string) error {
	t, ok, err := s.store.Ticket(ctx, ticket)
	if err == nil && !ok {
		err = store.ErrUnknown{What: "ticket", ID: ticket}
	}
	if err != nil || t.Print.Due() { // it is on its way
		return err
	}
	if err := s.store.SetPrint(ctx, t.N, pipeline.PrintSending); err != nil {
		return err
	}
	if s.queue != nil {
		s.queue.Want(t.N)
	}
	return nil
}
