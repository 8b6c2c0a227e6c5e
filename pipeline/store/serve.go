package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

// Serve decides what an operator does with a ticket at the counter in one durable transaction, with what it changes and its journal entry,
// or finds the decision of an earlier act with the same id. ErrUnknown: there is no such ticket.
func (s *Store) Serve(ctx context.Context, a pipeline.CounterAct) (out pipeline.CounterOutcome, err error) {
	if !a.Valid() {
		return out, fmt.Errorf("store: %.40q with %.40q as %.40q: expected a ULID, a ticket's number and one of %q, with pieces and payment where it takes them", a.Do, a.Ticket, a.ID, pipeline.CounterActions)
	}
	a.Note = pipeline.Masked(a.Note)
	err = s.change(ctx, func(g *group) error {
		first, ok, err := findAct(g.conn, "c.id = ?", a.ID)
		if ok || err != nil {
			out, out.Repeat = first, ok
			return err
		}
		out, err = g.serve(a)
		return err
	})
	return out, err
}

func (g *group) serve(a pipeline.CounterAct) (out pipeline.CounterOutcome, err error) {
	n, _ := pipeline.ParseTicketNumber(a.Ticket)
	ts, err := listTickets(g.conn, "WHERE number = ?", n)
	if err != nil {
		return out, err
	}
	if len(ts) == 0 {
		return out, ErrUnknown{"ticket", a.Ticket}
	}
	t := ts[0]
	last, _, err := findAct(g.conn, "c.ticket = ? AND c.outcome = ? ORDER BY c.seq DESC LIMIT 1", n, string(pipeline.Confirmed))
	if err != nil {
		return out, err
	}
	was := t.State()
	t.Fulfilment, out = t.Settle(a, last, g.at)
	out.Wall = g.wall
	switch {
	case out.OK() && a.For != "":
		return g.exchange(t, was, out)
	case out.OK():
		if err := errors.Join(g.settle(t, was, out), g.journalAct(n, out)); err != nil {
			return out, err
		}
	}
	return out, g.recordAct(n, out)
}

// exchange gives up pieces of a ticket and sells its buyer an offer, or does neither.
func (g *group) exchange(t pipeline.Ticket, was string, out pipeline.CounterOutcome) (pipeline.CounterOutcome, error) {
	refused := ""
	err := g.try(func() (ok bool, err error) {
		if err := errors.Join(g.settle(t, was, out), g.journalAct(t.N, out)); err != nil {
			return false, err
		}
		by, why, err := g.sellFor(t, out)
		if why != "" || err != nil {
			refused = why
			return false, err
		}
		if credit := min(-out.Money, by.Total.Minor); credit > 0 {
			paid := pipeline.CounterAct{ID: derived("exchange " + out.ID), Ticket: by.Number, Do: pipeline.Pay, Payment: out.Payment, Amount: credit, Via: out.Via}
			if _, err := g.serve(paid); err != nil {
				return false, err
			}
			by.Paid = credit
		}
		out = out.Exchanged(t, by)
		return true, g.recordAct(t.N, out)
	})
	if err != nil || refused == "" {
		return out, err
	}
	out.Outcome, out.Details, out.Moved, out.Money = pipeline.Refused, "Nothing is exchanged. "+refused, nil, 0
	return out, g.recordAct(t.N, out)
}

// sellFor sells what the pieces of a ticket are exchanged for; refused says why it does not.
func (g *group) sellFor(t pipeline.Ticket, act pipeline.CounterOutcome) (by pipeline.Ticket, refused string, err error) {
	c := g.levels.Catalogue
	_, i, ok := c.Offer(act.For)
	if !ok {
		return by, fmt.Sprintf("There is no offer %q.", pipeline.Masked(act.For)), nil
	}
	offer, why := g.levels.Pick(i, g.at, act.Choice)
	if why != "" {
		return by, fmt.Sprintf("%s: %s", c.Offers[i].Title, why), nil
	}
	if c.Currency != t.Total.Currency {
		return by, fmt.Sprintf("%s was sold in %s, and the catalogue is in %s now.", t.Number, t.Total.Currency, c.Currency), nil
	}
	o := pipeline.Order{Tap: pipeline.Tap{ID: act.ID, Viewer: t.Viewer, Offer: offer.ID, Choice: act.Choice, Via: act.Via, At: g.at}, Expires: int64(g.at/time.Second) + 3600, Title: offer.Title,
		Lines: pipeline.Price(c, offer), Total: pipeline.Money{Minor: offer.Price, Currency: c.Currency}, Decision: pipeline.Confirmed}
	sum := sha256.Sum256([]byte("exchange " + act.ID))
	copy(o.Nonce[:], sum[:])
	sold, err := g.decide(o)
	if err != nil || !sold.OK() {
		return by, fmt.Sprintf("%s: %s", offer.Title, sold.Details), err
	}
	return pipeline.Ticket{N: g.number, Number: sold.Ticket, Title: o.Title, Lines: o.Lines, Total: o.Total}, "", nil
}

// derived is the ULID of an act that comes of something else, always the same.
func derived(of string) string {
	sum := sha256.Sum256([]byte(of))
	return ulid.ULID(sum[:16]).String()
}

// settle writes how far a ticket is now, and what that means for stock, offer and slip.
func (g *group) settle(t pipeline.Ticket, was string, out pipeline.CounterOutcome) error {
	gone := t.State() == pipeline.TicketVoid
	handed, err := json.Marshal(t.Handed)
	if err != nil {
		return err
	}
	void, err := json.Marshal(t.Void)
	if err != nil {
		return err
	}
	q := g.conn.Prep("INSERT INTO fulfilment (ticket, ready, done, handed, void, voided, paid, gone) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (ticket) DO UPDATE SET ready = excluded.ready, done = excluded.done, handed = excluded.handed, void = excluded.void, voided = excluded.voided, paid = excluded.paid, gone = excluded.gone")
	q.BindInt64(1, t.N)
	q.BindInt64(2, t.Ready.Milliseconds())
	q.BindInt64(3, t.Done.Milliseconds())
	q.BindText(4, string(handed))
	q.BindText(5, string(void))
	q.BindInt64(6, t.Voided)
	q.BindInt64(7, t.Paid)
	q.BindInt64(8, bit(gone))
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("store: ticket %s: %w", t.Number, err)
	}
	q.Reset()
	if err := g.held(t); err != nil {
		return err
	}
	if g.store.opt.Served != nil {
		g.after = append(g.after, func() { g.store.opt.Served(t) })
	}
	if out.Restock {
		for _, m := range out.Moved {
			g.move(m.SKU, m.N)
			g.changed = true
		}
	}
	if gone && was != pipeline.TicketVoid { // it was never sold: somebody else may have what is limited
		if _, i, ok := g.levels.Catalogue.Offer(t.Offer); ok && g.levels.Offers[i].Sold > 0 {
			g.levels.Offers[i].Sold--
			g.offers[i] = true
		}
		if t.Print.Due() || t.Print == pipeline.PrintHeld || t.Print == pipeline.PrintHeldSending {
			return g.setPrint(t.N, pipeline.PrintDropped)
		}
	}
	return nil
}

func (g *group) recordAct(ticket int64, out pipeline.CounterOutcome) error {
	pieces, moved := "", ""
	for to, v := range map[*string]any{&pieces: out.Pieces, &moved: out.Moved} {
		b, err := json.Marshal(v)
		if err != nil {
			return err
		}
		*to = string(b)
	}
	voided, _ := out.Voided()
	q := g.conn.Prep("INSERT INTO counter (id, ticket, do, pieces, payment, amount, restock, swap, note, via, outcome, details, moved, money, voided, undone, swapped, at, wall) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	q.BindText(1, out.ID)
	q.BindInt64(2, ticket)
	for i, v := range []string{string(out.Do), pieces, string(out.Payment)} {
		q.BindText(3+i, v)
	}
	q.BindInt64(6, out.Amount)
	q.BindInt64(7, bit(out.Restock))
	for i, v := range []string{pipeline.Masked(out.For), out.Note, string(out.Via), string(out.Outcome), out.Details, moved} {
		q.BindText(8+i, v)
	}
	q.BindInt64(14, out.Money)
	q.BindInt64(15, voided)
	q.BindText(16, out.Undone)
	swapped, _ := pipeline.ParseTicketNumber(out.New) // 0: there is none
	q.BindInt64(17, swapped)
	q.BindInt64(18, out.At.Milliseconds())
	q.BindInt64(19, out.Wall.UnixMilli())
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("store: counter: %w", err)
	}
	return q.Reset()
}

// journalAct tells of what was done with a ticket.
func (g *group) journalAct(ticket int64, out pipeline.CounterOutcome) error {
	e := journal.Entry{Kind: journal.Counter, Kit: out.At.Milliseconds(), Wall: out.Wall.UnixMilli(), Boot: g.boot, Via: string(out.Via), Ticket: ticket,
		Action: string(out.Do), Total: out.Money, Payment: string(out.Payment), Restock: out.Restock}
	for _, m := range out.Moved {
		e.Lines = append(e.Lines, journal.Line{SKU: m.SKU, N: m.N, Amount: m.Amount, Tax: m.Tax})
	}
	e.Tap = binaryID(out.ID)
	return g.append(e)
}

const actColumns = "SELECT c.id, c.ticket, c.do, c.pieces, c.payment, c.amount, c.restock, c.note, c.via, c.outcome, c.details, c.moved, c.money, c.undone, c.at, c.wall, c.swap, c.swapped FROM counter c WHERE "

func scanAct(q *sqlite.Stmt) (out pipeline.CounterOutcome, err error) {
	out = pipeline.CounterOutcome{
		CounterAct: pipeline.CounterAct{ID: q.ColumnText(0), Ticket: pipeline.TicketNumber(q.ColumnInt64(1)), Do: pipeline.CounterAction(q.ColumnText(2)),
			Payment: pipeline.Payment(q.ColumnText(4)), Amount: q.ColumnInt64(5), Restock: q.ColumnInt(6) != 0, Note: q.ColumnText(7), Via: pipeline.Channel(q.ColumnText(8))},
		Outcome: pipeline.Reason(q.ColumnText(9)), Details: q.ColumnText(10), Money: q.ColumnInt64(12), Undone: q.ColumnText(13),
		At: millis(q.ColumnInt64(14)), Wall: time.UnixMilli(q.ColumnInt64(15)),
	}
	out.For = q.ColumnText(16)
	if n := q.ColumnInt64(17); n > 0 {
		out.New = pipeline.TicketNumber(n)
	}
	if err := json.Unmarshal([]byte(q.ColumnText(3)), &out.Pieces); err != nil {
		return out, fmt.Errorf("counter %s: its pieces: %w", out.ID, err)
	}
	if err := json.Unmarshal([]byte(q.ColumnText(11)), &out.Moved); err != nil {
		return out, fmt.Errorf("counter %s: what it moved: %w", out.ID, err)
	}
	return out, nil
}

func findAct(conn *sqlite.Conn, where string, args ...any) (out pipeline.CounterOutcome, ok bool, err error) {
	err = sqlitex.Execute(conn, actColumns+where, &sqlitex.ExecOptions{Args: args, ResultFunc: func(q *sqlite.Stmt) (err error) {
		out, err = scanAct(q)
		ok = true
		return err
	}})
	return out, ok, err
}

// Served lists what was done with a ticket, or asked in vain, oldest first.
func (s *Store) Served(ctx context.Context, number string) (list []pipeline.CounterOutcome, err error) {
	n, ok := pipeline.ParseTicketNumber(number)
	if !ok {
		return nil, nil
	}
	err = s.query(ctx, "list what was done with a ticket", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, actColumns+"c.ticket = ? ORDER BY c.seq LIMIT 1000", &sqlitex.ExecOptions{Args: []any{n}, ResultFunc: func(q *sqlite.Stmt) error {
			out, err := scanAct(q)
			list = append(list, out)
			return err
		}})
	})
	return list, err
}

// ToHandOver lists the latest tickets that were sold after a kit time and of which something is still to be handed over, oldest first, at most n.
func (s *Store) ToHandOver(ctx context.Context, after time.Duration, n int) ([]pipeline.Ticket, error) {
	// Tickets are in the order of kit time: those before are not looked at.
	ts, err := s.tickets(ctx, "WHERE number > coalesce((SELECT number FROM sales WHERE at <= ? ORDER BY number DESC LIMIT 1), 0) AND coalesce(done, 0) = 0 ORDER BY number DESC LIMIT ?", after.Milliseconds(), n)
	slices.Reverse(ts)
	return ts, err
}
