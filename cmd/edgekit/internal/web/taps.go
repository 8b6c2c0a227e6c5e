package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

func (w *Web) postTap(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.need(rw, r)
	if !ok {
		return
	}
	var t wire.Tap
	if !body(rw, r, &t) {
		return
	}
	w.Acts(address(r))
	out := w.Tap(r.Context(), v, t, pipeline.ViaPage)
	if !out.OK() {
		problem(rw, out.Reason, out.Details, out.Tap, out.Retry)
		return
	}
	answer(rw, http.StatusOK, wire.FromOutcome(out, ""))
}

// deleteLine takes a viewer out of the line for an offer. Again it does nothing.
func (w *Web) deleteLine(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.asks(rw, r)
	if !ok {
		return
	}
	if err := w.Book.Leave(r.Context(), v, r.PathValue("offer")); err != nil {
		w.Log.Warn("line not left", "err", err)
		problem(rw, pipeline.Unavailable, "The kit cannot record that right now. Please try again.", "", time.Second)
		return
	}
	rw.WriteHeader(http.StatusNoContent)
}

// Counter sells one to somebody who stands at the stall without a page, by the operator's hand, at the price that the operator saw. They
// are a viewer of their own, so that no limit by viewer takes all of them for one, and named by the tap, so that a repeat of it is the
// same sale.
func (w *Web) Counter(ctx context.Context, id, offer string, choice []string, price int64) pipeline.Outcome {
	t, viewer := wire.Tap{ID: id, Offer: offer, Choice: choice}, "counter-"+strings.ToLower(id)
	changed := false
	if levels, now := w.Book.Levels(), w.Now(); levels.StateAt(offer, now) == pipeline.OfferLive {
		_, i, _ := levels.Catalogue.Offer(offer)
		o, why := levels.Pick(i, now, choice)
		if changed = why == "" && o.Price != price; !changed {
			t.Token = w.Mint.Page(viewer, offer, levels.Terms(offer, now), now, TokenLife)
		}
	}
	out := w.Tap(ctx, viewer, t, pipeline.ViaConsole) // without a token it is found if it was sold before, and else refused
	switch {
	case out.Reason != pipeline.TokenInvalid:
	case changed:
		out.Reason, out.Details = pipeline.TooLate, "The price has just changed. Nothing was sold."
	default:
		out.Reason, out.Details = pipeline.UnknownOffer, "This offer is not there any more. Nothing was sold."
	}
	return out
}

func (w *Web) getTickets(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.asks(rw, r)
	if !ok {
		return
	}
	ts, ok := w.ticketsOf(rw, r, v)
	if ok {
		answer(rw, http.StatusOK, map[string]any{"tickets": ts})
	}
}

// getTicket shows a ticket to its owner. To anybody else it is not there, as one that never was.
func (w *Web) getTicket(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.asks(rw, r)
	if !ok {
		return
	}
	ts, ok := w.ticketsOf(rw, r, v)
	if !ok {
		return
	}
	for _, t := range ts {
		if t.Ticket == r.PathValue("ticket") {
			answer(rw, http.StatusOK, t)
			return
		}
	}
	problem(rw, notFound, "You have no ticket of that number.", "", 0)
}

// ticket is a ticket as its owner sees it.
type ticket struct {
	Ticket string               `json:"ticket"`
	Tap    string               `json:"tap"`
	Offer  string               `json:"offer"`
	Title  string               `json:"title"`
	Total  wire.Money           `json:"total"`
	Lines  []pipeline.OrderLine `json:"lines"`
	State  string               `json:"state"`      // of its slip
	Is     string               `json:"fulfilment"` // see pipeline.Ticket.State
	At     time.Time            `json:"at"`
	Pay    *wire.PayLink        `json:"pay,omitempty"` // where it can be paid now
}

const maxTickets = 200

func (w *Web) ticketsOf(rw http.ResponseWriter, r *http.Request, viewer string) ([]ticket, bool) {
	ts, err := w.Book.TicketsOf(r.Context(), viewer, maxTickets)
	if err != nil {
		w.Log.Warn("tickets not read", "err", err)
		problem(rw, pipeline.Unavailable, "The kit cannot read your tickets right now. They are safe; please try again.", "", time.Second)
		return nil, false
	}
	var links map[string]*wire.PayLink
	if w.Pay != nil {
		links = w.Pay.Links(r.Context(), viewer, ts)
	}
	list := make([]ticket, len(ts))
	for i, t := range ts {
		list[i] = ticket{t.Number, t.Tap, t.Offer, t.What(), wire.FromMoney(t.Total), t.Lines, t.Print.String(), t.State(), t.Wall, links[t.Number]}
	}
	return list, true
}

// getMe is all that the kit keeps about a visitor, with the receipt of their consent.
func (w *Web) getMe(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.asks(rw, r)
	if !ok {
		return
	}
	ts, ok := w.ticketsOf(rw, r, v)
	if !ok {
		return
	}
	me := map[string]any{"viewer": v, "tickets": ts}
	if c, ok := w.Book.Consent(v); ok {
		me["consent"] = receipt(v, c)
	}
	answer(rw, http.StatusOK, me)
}

// receipt is the record of a choice that the visitor can keep (fields after ISO/IEC TS 27560:2023, section 6).
func receipt(viewer string, c pipeline.Consent) map[string]any {
	return map[string]any{
		"schema_version":   "ISO/IEC TS 27560:2023",
		"pii_principal_id": viewer,
		"notice_version":   c.Version,
		"notice":           notice.Text,
		"purpose":          "learn which prompts help visitors",
		"storage":          "on this kit",
		"choice":           c.Choice,
		"event_time":       c.Wall.UTC().Format(time.RFC3339),
		"withdrawal":       "PUT /api/consent",
	}
}
