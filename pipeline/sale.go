package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Grant is what a token that checks out allows.
type Grant struct {
	Nonce   [8]byte       // names the token; burned when it is used
	Expires time.Duration // kit time
	Terms   uint32        // of the offer when the token was made, see Levels.Terms; 0: it is bound to none
}

// Tokens checks tokens. Errors are ErrTokenInvalid or ErrTokenExpired; with the latter the Grant is valid too.
type Tokens interface {
	Verify(token, viewer, offer string, now time.Duration) (Grant, error)
}

// The ways in which a token does not check out.
var (
	ErrTokenInvalid = errors.New("token is not one of this kit's for this viewer and offer")
	ErrTokenExpired = errors.New("token has expired")
)

// Ledger is the durable part: the one place where it is decided who gets what.
type Ledger interface {
	// Act decides an order in one durable transaction, or finds the decision of an earlier one with the same viewer
	// and tap id. On an error nothing was decided, as far as anybody was told.
	Act(ctx context.Context, o Order) (Outcome, error)
	// Decided finds the decision about a tap, if there is one.
	Decided(ctx context.Context, viewer, tap string) (Outcome, bool, error)
	// Levels is what is left to sell.
	Levels() *Levels
	// Consented tells whether the viewer agreed to be profiled.
	Consented(viewer string) bool
}

// Span is told the time each step of a tap took; see package trace.
type Span func(tap, step string, start time.Time)

// Sale is the line from a tap to its outcome. All fields are needed but Trace and Log.
type Sale struct {
	Tokens Tokens
	Ledger Ledger
	Limit  *Limiter // by viewer
	Now    func() time.Duration
	Trace  Span
	Log    *slog.Logger
}

// Tap validates, enriches and acts upon one tap, and answers when its outcome is durable. The answer to a tap that was
// decided before is that decision, before any limit.
func (s *Sale) Tap(ctx context.Context, t Tap) Outcome {
	begin := time.Now()
	t.At = s.Now()
	levels := s.Ledger.Levels() // one for both steps: what is checked is what is priced
	order, refusal := s.validate(t, levels, begin)
	if refusal != nil { // and no trace: whoever sends rubbish, or too much, does not push out those of real taps
		if refusal.Reason == Malformed {
			return *refusal
		}
		o, ok, err := s.Ledger.Decided(ctx, t.Viewer, t.ID)
		switch {
		case ok:
			return o
		case err != nil && refusal.Reason != RateLimited: // it may have been sold
			return s.unavailable(t, err)
		}
		return *refusal
	}
	s.span(t.ID, "validate", begin)
	step := time.Now()
	s.enrich(&order, levels)
	s.span(t.ID, "enrich", step)

	step = time.Now()
	out, err := s.Ledger.Act(ctx, order)
	s.span(t.ID, "act", step)
	if err != nil {
		return s.unavailable(t, err)
	}
	return out
}

// unavailable answers a tap about which nothing can be said now. Nothing was bought, unless it is only the waiting that
// ended: then the same tap, sent again, finds its outcome.
func (s *Sale) unavailable(t Tap, err error) Outcome {
	if s.Log != nil {
		s.Log.Warn("tap not recorded", "tap", t.ID, "err", err)
	}
	o := Outcome{Tap: t.ID, Offer: t.Offer, Reason: Unavailable, Viewer: t.Viewer, Retry: time.Second,
		Details: "The kit cannot record a sale right now. Nothing was bought; please try again."}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		o.Details = "The kit takes longer than it should. Please look at your tickets before you tap again."
	}
	return o
}

func (s *Sale) span(tap, step string, start time.Time) {
	if s.Trace != nil {
		s.Trace(tap, step, start)
	}
}

// validate checks all that can be checked without the disk. Once a token's maker is known to be this kit, whatever else
// is wrong is a decision, to be recorded; before that it is a refusal, which leaves no trace.
func (s *Sale) validate(t Tap, levels *Levels, now time.Time) (Order, *Outcome) {
	refuse := func(r Reason, details string) *Outcome {
		return &Outcome{Tap: t.ID, Offer: t.Offer, Reason: r, Viewer: t.Viewer, Details: details}
	}
	if !ValidTapID(t.ID) {
		return Order{}, refuse(Malformed, "The tap's id must be a ULID: 26 characters of 0-9 and A-Z without I, L, O, U.")
	}
	if ok, retry := s.Limit.Allow(t.Viewer, now); !ok {
		o := refuse(RateLimited, "That was very quick. Please wait a moment and tap again.")
		o.Retry = retry
		return Order{}, o
	}
	if len(t.Choice) > MaxChoice {
		return Order{}, refuse(Malformed, fmt.Sprintf("%d pieces are chosen: expected at most %d.", len(t.Choice), MaxChoice))
	}
	o := Order{Tap: t, Decision: Confirmed}
	grant, err := s.Tokens.Verify(t.Token, t.Viewer, t.Offer, t.At)
	forged := err != nil && !errors.Is(err, ErrTokenExpired)
	o.Nonce, o.Expires = grant.Nonce, int64(grant.Expires/time.Second)
	_, _, known := levels.Catalogue.Offer(t.Offer)
	switch state := levels.StateAt(t.Offer, t.At); {
	case state == OfferSoon && known: // pages have no token for what cannot be bought
		return Order{}, refuse(NotYet, "This offer has not started yet.")
	case forged && known && state == OfferSoldOut:
		return Order{}, refuse(SoldOut, "Sold out.")
	case forged && known && (state == OfferOver || state == OfferWithdrawn):
		return Order{}, refuse(TooLate, "This offer is over.")
	case forged:
		return Order{}, refuse(TokenInvalid, "This prompt was not made for you by this kit. Please reload the page.")
	case !known:
		return Order{}, refuse(UnknownOffer, "This offer is not there any more.")
	case state == OfferHidden:
		return Order{}, refuse(NotYet, "This offer has not started yet.")
	case state == OfferSoldOut:
		o.Decision, o.Details = SoldOut, "Sold out."
	case state != OfferLive:
		o.Decision, o.Details = TooLate, "This offer is over."
	case err != nil:
		o.Decision, o.Details = TokenExpired, "The prompt was too old. Please tap the one on the screen now."
	case grant.Terms != 0 && grant.Terms != levels.Terms(t.Offer, t.At):
		o.Decision, o.Details = TooLate, "The offer has just changed. Please look at the new one and tap again."
	}
	return o, nil
}

// enrich prices the order from one snapshot of what is sold.
func (s *Sale) enrich(o *Order, l *Levels) {
	_, i, ok := l.Catalogue.Offer(o.Offer)
	if !ok || o.Decision != Confirmed {
		return
	}
	offer, why := l.Pick(i, o.At, o.Choice)
	if why != "" {
		o.Decision, o.Details = Choice, why
		return
	}
	o.Title = offer.Title
	o.Lines = Price(l.Catalogue, offer)
	o.Total = Money{offer.Price, l.Catalogue.Currency}
	o.Consent = s.Ledger.Consented(o.Viewer)
}

// ValidTapID tells whether an id is a ULID in its canonical form (github.com/ulid/spec: 26 digits of Crockford's
// base 32, at most 7ZZZ…).
func ValidTapID(id string) bool {
	if len(id) != 26 || id[0] > '7' {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= '0' && c <= '9':
		case c >= 'A' && c <= 'Z' && c != 'I' && c != 'L' && c != 'O' && c != 'U':
		default:
			return false
		}
	}
	return true
}
