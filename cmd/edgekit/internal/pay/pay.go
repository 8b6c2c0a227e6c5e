// Package pay is for tickets that are paid elsewhere: it gives buyers the link to a hosted checkout, takes that checkout's word, and releases what was not
// paid in time.
package pay

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/payment"
	"edgekit.internal/pipeline/store"
)

// Book is where tickets are paid.
type Book interface {
	Paid(ctx context.Context, p pipeline.Paid) (pipeline.PaidOutcome, error)
	Payments(ctx context.Context, refused bool, n int) ([]pipeline.PaidOutcome, error)
	Holds(ctx context.Context, viewer string) (map[string]time.Duration, error)
	Release(ctx context.Context) ([]string, error)
}

const (
	// linkLife is for how long a link can be used that no hold ends.
	linkLife = 24 * time.Hour
	// look is how often holds are looked at.
	look = time.Second
	// listed is how many payments are listed.
	listed = 200
)

// Config says where tickets are paid.
type Config struct {
	Checkout *payment.Checkout // nil: nowhere
	Book     Book
	Now      func() time.Duration     // kit time
	Wall     func() (time.Time, bool) // as far as it is known
	Hold     bool                     // what is bought is held, see store.Options
	Log      *slog.Logger
}

// Desk takes payments. Its methods are safe for concurrent use.
type Desk struct{ Config }

// New makes a desk. Run releases holds.
func New(c Config) *Desk { return &Desk{c} }

// Run releases what was not paid in time, until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	if !d.Hold {
		return nil
	}
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		numbers, err := d.Book.Release(ctx)
		if err != nil && ctx.Err() == nil {
			d.Log.Warn("what was not paid in time is still held", "err", err)
		}
		if len(numbers) > 0 {
			d.Log.Info("not paid in time, and for sale again", "tickets", numbers)
		}
	}
}

// Links are where a viewer's tickets can be paid, by number: of those that are owed for, while the kit knows the time.
func (d *Desk) Links(ctx context.Context, viewer string, tickets []pipeline.Ticket) map[string]*wire.PayLink {
	wall, known := d.Wall()
	if d.Checkout == nil || !known {
		return nil
	}
	holds := map[string]time.Duration{}
	if d.Hold {
		var err error
		if holds, err = d.Book.Holds(ctx, viewer); err != nil {
			d.Log.Warn("holds not read", "err", err)
			return nil
		}
	}
	links := map[string]*wire.PayLink{}
	for _, t := range tickets {
		owed := t.Owed()
		if owed <= 0 || t.State() == pipeline.TicketVoid {
			continue
		}
		in := linkLife
		l := &wire.PayLink{Owed: wire.FromMoney(pipeline.Money{Minor: owed, Currency: t.Total.Currency})}
		if until, held := holds[t.Number]; held {
			if in = until - d.Now(); in <= 0 {
				continue
			}
			l.InMS = in.Milliseconds()
		}
		l.URL = d.Checkout.Link(t, owed, wall.Add(in))
		links[t.Number] = l
	}
	return links
}

// ServeHTTP takes a checkout's word that a ticket was paid. Whoever sends it is to send it again after a 5xx, and after no other status.
func (d *Desk) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	answer := func(status int, reason, detail string) {
		wire.Refuse(rw, wire.Problem{Status: status, Reason: reason, Detail: detail})
	}
	if d.Checkout == nil {
		answer(http.StatusNotFound, "not-found", "this kit has no checkout: set one below [pay]")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, payment.MaxBody))
	if err != nil {
		answer(http.StatusRequestEntityTooLarge, "malformed", "the body is too large, or did not come whole")
		return
	}
	header := r.Header.Get("Edgekit-Signature")
	if header == "" {
		header = r.Header.Get("Stripe-Signature")
	}
	p, err := d.Checkout.Read(header, body)
	switch {
	case errors.Is(err, payment.ErrOther):
		rw.WriteHeader(http.StatusNoContent)
		return
	case errors.Is(err, payment.ErrSignature):
		answer(http.StatusUnauthorized, "signature", err.Error())
		return
	case errors.Is(err, payment.ErrElsewhere):
		answer(http.StatusNotFound, "not-found", err.Error())
		return
	case err != nil:
		answer(http.StatusBadRequest, "malformed", err.Error())
		return
	}
	out, err := d.Book.Paid(r.Context(), p)
	switch {
	case errors.As(err, new(store.ErrUnknown)):
		answer(http.StatusNotFound, "not-found", payment.ErrElsewhere.Error())
	case err != nil:
		d.Log.Warn("payment not recorded", "ticket", p.Ticket, "err", err)
		answer(http.StatusServiceUnavailable, "unavailable", "the kit cannot record that right now: send it again")
	default:
		if !out.OK() && !out.Repeat {
			d.Log.Warn("paid, and not owed", "ticket", p.Ticket, "says", out.Details)
		}
		wire.Reply(rw, http.StatusOK, wire.FromPaid(out))
	}
}

// List answers which payments there were; with ?refused those that nobody owed.
func (d *Desk) List(rw http.ResponseWriter, r *http.Request) {
	ps, err := d.Book.Payments(r.Context(), r.URL.Query().Has("refused"), listed)
	if err != nil {
		d.Log.Warn("payments not read", "err", err)
		wire.Refuse(rw, wire.Problem{Status: http.StatusServiceUnavailable, Reason: "unavailable", Detail: "the kit cannot read its payments right now: try again"})
		return
	}
	list := make([]wire.Payment, len(ps))
	for i, p := range ps {
		list[i] = wire.FromPaid(p)
	}
	wire.Reply(rw, http.StatusOK, list)
}
