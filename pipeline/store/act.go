package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

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
	if _, i, ok := g.levels.Catalogue.Offer(o.Offer); used || o.Decision != pipeline.Confirmed || ok && g.levels.Offers[i].Kept > 0 {
		if first, ok, err := findTap(g.conn, o.Viewer, o.ID); ok || err != nil {
			if err == nil && !used && o.Decision == pipeline.Confirmed { // the same tap again with another token
				err = g.unburn(o)
			}
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
	_, i, ok := g.levels.Catalogue.Offer(o.Offer)
	if !ok {
		out.Reason, out.Details = pipeline.TooLate, "This offer is over."
		return g.unburn(o)
	}
	called, again, err := g.turn(o.Viewer, o.Offer, i)
	if err != nil {
		return err
	}
	offer, why := g.levels.Pick(i, g.at, o.Choice)
	switch state := g.levels.StateAt(o.Offer, g.at); {
	case state == pipeline.OfferSoldOut:
		out.Reason, out.Details = pipeline.SoldOut, "Sold out: somebody was a moment faster."
	case state != pipeline.OfferLive: // it changed since the tap was validated
		out.Reason, out.Details = pipeline.TooLate, "This offer is over."
	case why != "":
		out.Reason, out.Details = pipeline.TooLate, "What can be chosen in this offer has just changed. Please look at it and tap again."
	case offer.Price != o.Total.Minor || g.levels.Catalogue.Currency != o.Total.Currency:
		out.Reason, out.Details = pipeline.TooLate, "The price has just changed. Please look at the new one and tap again."
	case !offer.Has(o.Lines):
		out.Reason, out.Details = pipeline.TooLate, "What is in this offer has just changed. Please look at it and tap again."
	case g.levels.Left(o.Offer) == 0:
		out.Reason, out.Details = pipeline.SoldOut, "Sold out: somebody was a moment faster."
		if err := g.stand(o, offer, i, out); err != nil {
			return err
		}
	case len(o.Choice) > 0 && !g.levels.Has(offer):
		out.Reason, out.Details = pipeline.SoldOut, "Of what you chose there are not so many left. Please choose again."
		if !called {
			if err := g.stand(o, offer, i, out); err != nil {
				return err
			}
		}
	default:
		if why, err = g.mayHave(o.Viewer, offer); err != nil {
			return err
		}
		if why != "" {
			out.Reason, out.Details = pipeline.Refused, why
		}
	}
	if !out.OK() {
		if called {
			again()
		}
		return g.unburn(o)
	}
	if called {
		if err := g.leave(o.Viewer, o.Offer); err != nil {
			return err
		}
	}
	for _, l := range offer.Lines {
		g.move(l.SKU, -l.N)
	}
	g.levels.Offers[i].Sold++
	g.offers[i] = true
	g.number++
	out.Ticket, out.Title, out.Total, out.Left = pipeline.TicketNumber(g.number), pipeline.What(o.Title, o.Lines), o.Total, g.levels.Left(o.Offer)
	return nil
}

// mayHave says why a viewer may have no more of an offer, or of what is in it; "": they may.
func (g *group) mayHave(viewer string, offer pipeline.Offer) (why string, err error) {
	if offer.PerVisitor > 0 {
		had, err := bought(g.conn, viewer, offer.ID)
		if err != nil {
			return "", err
		}
		if had >= offer.PerVisitor {
			return fmt.Sprintf("There are %d of this for each visitor, and you have yours.", offer.PerVisitor), nil
		}
	}
	var had map[string]int
	for _, l := range offer.Lines {
		sku, _, _ := g.levels.Catalogue.SKU(l.SKU)
		if sku.PerVisitor == 0 {
			continue
		}
		if had == nil {
			if had, err = boughtOf(g.conn, viewer); err != nil {
				return "", err
			}
		}
		if had[l.SKU] += l.N; had[l.SKU] > sku.PerVisitor {
			return fmt.Sprintf("There are %d of %s for each visitor: this would be %d.", sku.PerVisitor, sku.Title, had[l.SKU]), nil
		}
	}
	return "", nil
}

// move has so many more pieces of a SKU, or below zero fewer, be left, if they are counted.
func (g *group) move(sku string, n int) {
	if s, k, ok := g.levels.Catalogue.SKU(sku); ok && !s.Uncounted {
		g.levels.Stock[k] = min(g.levels.Stock[k]+n, pipeline.MaxStock)
		g.stock[k] = true
	}
}

// putBack undoes take and burn.
func (g *group) putBack(o pipeline.Order, out *pipeline.Outcome) error {
	if !out.OK() {
		return nil
	}
	for _, l := range o.Lines {
		g.move(l.SKU, l.N)
	}
	_, i, _ := g.levels.Catalogue.Offer(o.Offer)
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
	q := conn.Prep("SELECT t.offer, t.reason, t.details, t.at, t.left, t.sale, s.title, s.total, s.currency, s.lines FROM taps t LEFT JOIN sales s ON s.number = t.sale WHERE t.viewer = ? AND t.id = ?")
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
		var lines []pipeline.OrderLine
		if err := json.Unmarshal([]byte(q.ColumnText(9)), &lines); err != nil {
			return out, true, fmt.Errorf("tap %s: its lines: %w", id, err)
		}
		out.Ticket, out.Title = pipeline.TicketNumber(q.ColumnInt64(5)), pipeline.What(q.ColumnText(6), lines)
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

// boughtOf counts the pieces of each SKU that a viewer bought, but for those that are void.
func boughtOf(conn *sqlite.Conn, viewer string) (had map[string]int, err error) {
	had = map[string]int{}
	return had, sqlitex.Execute(conn, "SELECT lines, coalesce(void, '[]') FROM taps JOIN sales ON number = sale LEFT JOIN fulfilment ON ticket = sale WHERE taps.viewer = ? AND sale IS NOT NULL",
		&sqlitex.ExecOptions{Args: []any{viewer}, ResultFunc: func(q *sqlite.Stmt) error {
			var lines []pipeline.OrderLine
			var void []int
			if err := errors.Join(json.Unmarshal([]byte(q.ColumnText(0)), &lines), json.Unmarshal([]byte(q.ColumnText(1)), &void)); err != nil {
				return err
			}
			for i, l := range lines {
				had[l.SKU] += l.N
				if i < len(void) {
					had[l.SKU] -= void[i]
				}
			}
			return nil
		}})
}
