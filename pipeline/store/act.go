package store

import (
	"encoding/json"
	"fmt"

	"github.com/oklog/ulid/v2"
	"zombiezen.com/go/sqlite"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

// decide makes an order a sale or a recorded refusal: four rows, and the levels in memory. The order of the checks is
// what makes it idempotent: the burned nonce tells a first use from any other, then the tap's id tells a repeat (which
// gets its first outcome) from a replay (which gets none).
func (g *group) decide(o pipeline.Order) (pipeline.Outcome, error) {
	used := false
	if o.Decision == pipeline.Confirmed {
		fresh, err := g.burn(o)
		if err != nil {
			return pipeline.Outcome{}, err
		}
		used = !fresh
	}
	if used || o.Decision != pipeline.Confirmed {
		if first, ok, err := findTap(g.conn, o.Viewer, o.ID); ok || err != nil {
			return first, err
		}
	}
	out := pipeline.Outcome{Tap: o.ID, Offer: o.Offer, Viewer: o.Viewer, Reason: o.Decision, Details: o.Details, At: g.at}
	if used {
		out.Reason, out.Details = pipeline.TokenUsed, "This prompt was used already. Please tap the one on the screen now."
	}
	if err := g.take(o, &out); err != nil {
		return pipeline.Outcome{}, err
	}
	recorded, err := g.record(o, out)
	if err != nil {
		return pipeline.Outcome{}, err
	}
	if !recorded { // the same tap again with another token: nothing of this attempt may stay
		if err := g.putBack(o, &out); err != nil {
			return pipeline.Outcome{}, err
		}
		first, _, err := findTap(g.conn, o.Viewer, o.ID)
		return first, err
	}
	if out.OK() {
		if err := g.sell(o, out); err != nil {
			return pipeline.Outcome{}, err
		}
	}
	g.fresh = append(g.fresh, Decision{o, out})
	return out, nil
}

// burn marks the token's nonce as used; fresh is false when it was before.
func (g *group) burn(o pipeline.Order) (fresh bool, err error) {
	q := g.conn.Prep("INSERT INTO burned (nonce, expires) VALUES (?, ?) ON CONFLICT DO NOTHING")
	q.BindBytes(1, o.Nonce[:])
	q.BindInt64(2, o.Expires)
	_, err = q.Step()
	if err != nil {
		return false, fmt.Errorf("burn token: %w", err)
	}
	q.Reset()
	return g.conn.Changes() == 1, nil
}

func (g *group) unburn(o pipeline.Order) error {
	q := g.conn.Prep("DELETE FROM burned WHERE nonce = ?")
	q.BindBytes(1, o.Nonce[:])
	_, err := q.Step()
	q.Reset()
	return err
}

// take takes the stock for an order that is still to be confirmed, or turns it into a refusal. A refusal gives the
// token back: the viewer may use it when there is stock again.
func (g *group) take(o pipeline.Order, out *pipeline.Outcome) error {
	if !out.OK() {
		return nil
	}
	offer, i, ok := g.levels.OfferAt(o.Offer, g.at)
	switch {
	case ok && g.levels.StateAt(o.Offer, g.at) == pipeline.OfferSoldOut:
		out.Reason, out.Details = pipeline.SoldOut, "Sold out: somebody was a moment faster."
	case !ok || g.levels.StateAt(o.Offer, g.at) != pipeline.OfferLive: // it changed since the tap was validated
		out.Reason, out.Details = pipeline.TooLate, "This offer is over."
	case offer.Price != o.Total.Minor || g.levels.Catalogue.Currency != o.Total.Currency:
		out.Reason, out.Details = pipeline.TooLate, "The price has just changed. Please look at the new one and tap again."
	case !offer.Has(o.Lines):
		out.Reason, out.Details = pipeline.TooLate, "What is in this offer has just changed. Please look at it and tap again."
	case g.levels.Left(o.Offer) == 0:
		out.Reason, out.Details = pipeline.SoldOut, "Sold out: somebody was a moment faster."
	case offer.PerVisitor > 0:
		had, err := bought(g.conn, o.Viewer, o.Offer)
		if err != nil {
			return err
		}
		if had >= offer.PerVisitor {
			out.Reason, out.Details = pipeline.Refused, fmt.Sprintf("There are %d of this for each visitor, and you have yours.", offer.PerVisitor)
		}
	}
	if !out.OK() {
		return g.unburn(o)
	}
	for _, l := range offer.Lines {
		if sku, k, _ := g.levels.Catalogue.SKU(l.SKU); !sku.Uncounted {
			g.levels.Stock[k] -= l.N
			g.stock[k] = true
		}
	}
	g.levels.Offers[i].Sold++
	g.offers[i] = true
	g.number++
	out.Ticket, out.Title, out.Total, out.Left = pipeline.TicketNumber(g.number), o.Title, o.Total, g.levels.Left(o.Offer)
	return nil
}

// putBack undoes take and burn.
func (g *group) putBack(o pipeline.Order, out *pipeline.Outcome) error {
	if !out.OK() {
		return nil
	}
	offer, i, _ := g.levels.Catalogue.Offer(o.Offer)
	for _, l := range offer.Lines {
		if sku, k, _ := g.levels.Catalogue.SKU(l.SKU); !sku.Uncounted {
			g.levels.Stock[k] += l.N
		}
	}
	g.levels.Offers[i].Sold--
	g.number--
	return g.unburn(o)
}

// record writes the decision down; false: there is one about this tap already.
func (g *group) record(o pipeline.Order, out pipeline.Outcome) (bool, error) {
	q := g.conn.Prep("INSERT INTO taps (viewer, id, offer, reason, details, at, sale, left) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING")
	q.BindText(1, o.Viewer)
	q.BindText(2, o.ID)
	q.BindText(3, o.Offer)
	q.BindText(4, string(out.Reason))
	q.BindText(5, out.Details)
	q.BindInt64(6, g.at.Milliseconds())
	if out.OK() {
		q.BindInt64(7, g.number)
	} else {
		q.BindNull(7)
	}
	q.BindInt64(8, int64(out.Left))
	if _, err := q.Step(); err != nil {
		return false, fmt.Errorf("record tap: %w", err)
	}
	q.Reset()
	return g.conn.Changes() == 1, nil
}

// sell writes the conversion, which is also the ticket to print, and its journal entry.
func (g *group) sell(o pipeline.Order, out pipeline.Outcome) error {
	lines, err := json.Marshal(o.Lines)
	if err != nil {
		return fmt.Errorf("sale %d: %w", g.number, err)
	}
	q := g.conn.Prep("INSERT INTO sales (number, tap, viewer, offer, title, total, currency, lines, via, at, wall) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	q.BindInt64(1, g.number)
	q.BindText(2, o.ID)
	q.BindText(3, o.Viewer)
	q.BindText(4, o.Offer)
	q.BindText(5, o.Title)
	q.BindInt64(6, o.Total.Minor)
	q.BindText(7, o.Total.Currency)
	q.BindText(8, string(lines))
	q.BindText(9, string(o.Via))
	q.BindInt64(10, g.at.Milliseconds())
	q.BindInt64(11, g.wall.UnixMilli())
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("sale %d: %w", g.number, err)
	}
	q.Reset()
	if err := g.hold(o); err != nil {
		return err
	}
	return g.append(entry(g, o))
}

func entry(g *group, o pipeline.Order) journal.Entry {
	e := journal.Entry{Kind: journal.Sale, Kit: g.at.Milliseconds(), Wall: g.wall.UnixMilli(), Offer: o.Offer, Ticket: g.number,
		Total: o.Total.Minor, Currency: o.Total.Currency, Via: string(o.Via), Frame: o.Frame, Boot: g.boot}
	e.Tap = binaryID(o.ID)
	for _, l := range o.Lines {
		e.Lines = append(e.Lines, journal.Line{SKU: l.SKU, N: l.N, Amount: l.Amount, Tax: l.Tax})
	}
	return e
}

// binaryID is the 16 bytes of a ULID that was checked before it came here; nil for what is none.
func binaryID(id string) []byte {
	u, err := ulid.ParseStrict(id)
	if err != nil {
		return nil
	}
	return u[:]
}

func (g *group) append(e journal.Entry) error {
	b, err := journal.Encode(e)
	if err != nil {
		return err
	}
	q := g.conn.Prep("INSERT INTO journal (entry) VALUES (?)")
	q.BindBytes(1, b)
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	q.Reset()
	return nil
}

// findTap reads a decision back, as the outcome that was given first.
func findTap(conn *sqlite.Conn, viewer, id string) (pipeline.Outcome, bool, error) {
	q := conn.Prep("SELECT t.offer, t.reason, t.details, t.at, t.left, t.sale, s.title, s.total, s.currency FROM taps t LEFT JOIN sales s ON s.number = t.sale WHERE t.viewer = ? AND t.id = ?")
	defer q.Reset()
	q.BindText(1, viewer)
	q.BindText(2, id)
	row, err := q.Step()
	if err != nil || !row {
		return pipeline.Outcome{}, false, err
	}
	out := pipeline.Outcome{Tap: id, Viewer: viewer, Repeat: true, Offer: q.ColumnText(0), Reason: pipeline.Reason(q.ColumnText(1)), Details: q.ColumnText(2),
		At: millis(q.ColumnInt64(3)), Left: q.ColumnInt(4)}
	if out.OK() {
		out.Ticket, out.Title = pipeline.TicketNumber(q.ColumnInt64(5)), q.ColumnText(6)
		out.Total = pipeline.Money{Minor: q.ColumnInt64(7), Currency: q.ColumnText(8)}
	}
	return out, true, nil
}

// bought counts an offer's sales to a viewer, but for those that are void.
func bought(conn *sqlite.Conn, viewer, offer string) (int, error) {
	q := conn.Prep("SELECT count(*) FROM taps LEFT JOIN fulfilment ON ticket = sale WHERE viewer = ? AND offer = ? AND sale IS NOT NULL AND gone IS NOT 1")
	defer q.Reset()
	q.BindText(1, viewer)
	q.BindText(2, offer)
	if _, err := q.Step(); err != nil {
		return 0, err
	}
	return q.ColumnInt(0), nil
}
