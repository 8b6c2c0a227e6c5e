package store

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

// Paid takes word from elsewhere that a ticket was paid, once, in one durable transaction with what it means for the ticket, or finds the decision of an earlier
// one with the same id. ErrUnknown: there is no such ticket. What is not owed is refused, and listed: the money came in all the same.
func (s *Store) Paid(ctx context.Context, p pipeline.Paid) (out pipeline.PaidOutcome, err error) {
	err = s.change(ctx, func(g *group) error {
		first, ok, err := findPaid(g.conn, p.ID)
		if ok || err != nil {
			out, out.Repeat = first, ok
			return err
		}
		out, err = g.paid(p)
		return err
	})
	return out, err
}

func (g *group) paid(p pipeline.Paid) (out pipeline.PaidOutcome, err error) {
	out = pipeline.PaidOutcome{Paid: p, Outcome: pipeline.Confirmed, At: g.at, Wall: g.wall}
	n, _ := pipeline.ParseTicketNumber(p.Ticket)
	ts, err := listTickets(g.conn, "WHERE number = ? AND tap = ?", n, p.Tap)
	if err != nil {
		return out, err
	}
	if len(ts) == 0 {
		return out, ErrUnknown{"ticket", p.Ticket}
	}
	refuse := func(why string) {
		out.Outcome, out.Details = pipeline.Refused, fmt.Sprintf("%s were paid for %s by the payment link, and %s Give them back there.", p.Money, p.Ticket, why)
	}
	switch owed := ts[0].Owed(); {
	case p.Money.Currency != ts[0].Total.Currency:
		refuse(fmt.Sprintf("it was sold in %s.", ts[0].Total.Currency))
	case p.Money.Minor == 0 && owed <= 0:
		out.Details = fmt.Sprintf("%s costs nothing.", p.Ticket)
	case ts[0].State() == pipeline.TicketVoid:
		refuse("it is void.")
	case p.Money.Minor == 0 || p.Money.Minor > owed:
		refuse(fmt.Sprintf("%s are owed for it.", pipeline.Money{Minor: max(0, owed), Currency: p.Money.Currency}))
	default:
		act, err := g.serve(pipeline.CounterAct{ID: derived("paid " + p.ID), Ticket: p.Ticket, Do: pipeline.Pay, Payment: pipeline.ByLink, Amount: p.Money.Minor, Via: pipeline.ViaCheckout})
		if err != nil {
			return out, err
		}
		out.Outcome, out.Details = act.Outcome, act.Details
	}
	q := g.conn.Prep("INSERT INTO paid (id, ticket, tap, minor, currency, outcome, details, at, wall) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
	for i, v := range []string{p.ID, p.Tap, p.Money.Currency, string(out.Outcome), out.Details} {
		q.BindText([]int{1, 3, 5, 6, 7}[i], v)
	}
	q.BindInt64(2, n)
	q.BindInt64(4, p.Money.Minor)
	q.BindInt64(8, out.At.Milliseconds())
	q.BindInt64(9, out.Wall.UnixMilli())
	if _, err := q.Step(); err != nil {
		return out, fmt.Errorf("store: paid: %w", err)
	}
	return out, q.Reset()
}

const paidColumns = "SELECT id, ticket, tap, minor, currency, outcome, details, at, wall FROM paid "

func scanPaid(q *sqlite.Stmt) pipeline.PaidOutcome {
	return pipeline.PaidOutcome{Paid: pipeline.Paid{ID: q.ColumnText(0), Ticket: pipeline.TicketNumber(q.ColumnInt64(1)), Tap: q.ColumnText(2), Money: pipeline.Money{Minor: q.ColumnInt64(3), Currency: q.ColumnText(4)}},
		Outcome: pipeline.Reason(q.ColumnText(5)), Details: q.ColumnText(6), At: millis(q.ColumnInt64(7)), Wall: time.UnixMilli(q.ColumnInt64(8))}
}

func findPaid(conn *sqlite.Conn, id string) (out pipeline.PaidOutcome, ok bool, err error) {
	err = sqlitex.Execute(conn, paidColumns+"WHERE id = ?", &sqlitex.ExecOptions{Args: []any{id}, ResultFunc: func(q *sqlite.Stmt) error {
		out, ok = scanPaid(q), true
		return nil
	}})
	return out, ok, err
}

// Payments lists what was said elsewhere to be paid, newest first, at most n; with refused only what nobody owed.
func (s *Store) Payments(ctx context.Context, refused bool, n int) (list []pipeline.PaidOutcome, err error) {
	where := ""
	if refused {
		where = "WHERE outcome <> 'confirmed' "
	}
	err = s.query(ctx, "list payments", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, paidColumns+where+"ORDER BY rowid DESC LIMIT ?", &sqlitex.ExecOptions{Args: []any{n}, ResultFunc: func(q *sqlite.Stmt) error {
			list = append(list, scanPaid(q))
			return nil
		}})
	})
	return list, err
}

// hold has a ticket be for who bought it until it is paid, for a while.
func (g *group) hold(o pipeline.Order) error {
	if g.store.opt.Hold <= 0 || o.Total.Minor == 0 || o.Via != pipeline.ViaPage && o.Via != pipeline.ViaQR {
		return nil
	}
	q := g.conn.Prep("INSERT INTO holds (ticket, until) VALUES (?, ?)")
	q.BindInt64(1, g.number)
	q.BindInt64(2, (g.at + g.store.opt.Hold).Milliseconds())
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("store: hold %d: %w", g.number, err)
	}
	return q.Reset()
}

// held lets go of a ticket's hold once it is settled: paid, void, or in somebody's hands.
func (g *group) held(t pipeline.Ticket) error {
	if s := t.State(); t.Owed() > 0 && (s == pipeline.TicketOpen || s == pipeline.TicketReady) {
		return nil
	}
	q := g.conn.Prep("DELETE FROM holds WHERE ticket = ?")
	q.BindInt64(1, t.N)
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("store: hold %s: %w", t.Number, err)
	}
	return q.Reset()
}

// released is the most holds that are released at once: sales do not wait for more.
const released = 100

// Release voids tickets that were not paid while they were held, and has others buy what is in them. It says which. To be called again while there are any.
func (s *Store) Release(ctx context.Context) (numbers []string, err error) {
	due := false
	if err := s.query(ctx, "look for holds", func(c *sqlite.Conn) error { // without a write, nearly always
		return sqlitex.Execute(c, "SELECT 1 FROM holds WHERE until <= ? LIMIT 1", &sqlitex.ExecOptions{Args: []any{s.opt.Now().Milliseconds()}, ResultFunc: func(*sqlite.Stmt) error { due = true; return nil }})
	}); err != nil || !due {
		return nil, err
	}
	err = s.change(ctx, func(g *group) error {
		ts, err := listTickets(g.conn, "WHERE number IN (SELECT ticket FROM holds WHERE until <= ? ORDER BY until LIMIT ?)", g.at.Milliseconds(), released)
		if err != nil {
			return err
		}
		for _, t := range ts {
			if t.Paid == 0 { // whoever paid some of it is talked to
				out, err := g.serve(pipeline.CounterAct{ID: derived("release " + t.Tap), Ticket: t.Number, Do: pipeline.Void, Restock: true, Note: "not paid in time", Via: pipeline.ViaKit})
				if err != nil {
					return err
				}
				if out.OK() {
					numbers = append(numbers, t.Number)
				}
			}
			if err := sqlitex.Execute(g.conn, "DELETE FROM holds WHERE ticket = ?", &sqlitex.ExecOptions{Args: []any{t.N}}); err != nil {
				return err
			}
		}
		return nil
	})
	return numbers, err
}

// Holds are until when, by kit time, tickets of a viewer are held for them.
func (s *Store) Holds(ctx context.Context, viewer string) (until map[string]time.Duration, err error) {
	until = map[string]time.Duration{}
	err = s.query(ctx, "look for a viewer's holds", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "SELECT ticket, until FROM holds JOIN sales ON number = ticket WHERE viewer = ?", &sqlitex.ExecOptions{Args: []any{viewer}, ResultFunc: func(q *sqlite.Stmt) error {
			until[pipeline.TicketNumber(q.ColumnInt64(0))] = millis(q.ColumnInt64(1))
			return nil
		}})
	})
	return until, err
}
