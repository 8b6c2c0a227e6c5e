package store

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
	"edgekit.internal/pipeline/till"
)

// CloseTill closes the till in one durable transaction, with its journal entry, or finds the closing of an earlier call with the same id.
func (s *Store) CloseTill(ctx context.Context, id string) (c pipeline.Closing, err error) {
	if !pipeline.ValidTapID(id) {
		return c, fmt.Errorf("store: closing %.40q: expected a ULID", id)
	}
	err = s.change(ctx, func(g *group) error {
		first, ok, err := findClosing(g.conn, "WHERE id = ?", id)
		if ok || err != nil {
			c = first
			return err
		}
		last, _, err := findClosing(g.conn, "ORDER BY n DESC LIMIT 1")
		if err != nil {
			return err
		}
		act, err := number(g.conn, "SELECT coalesce(max(seq), 0) FROM counter")
		if err != nil {
			return err
		}
		sold, err := lastSold(g.conn)
		if err != nil {
			return err
		}
		c = pipeline.Closing{N: last.N + 1, ID: id, Ticket: sold, Act: int64(act), At: g.at, Wall: g.wall}
		q := g.conn.Prep("INSERT INTO closings (n, id, ticket, act, at, wall) VALUES (?, ?, ?, ?, ?, ?)")
		q.BindInt64(1, c.N)
		q.BindText(2, c.ID)
		for i, v := range []int64{c.Ticket, c.Act, c.At.Milliseconds(), c.Wall.UnixMilli()} {
			q.BindInt64(3+i, v)
		}
		if _, err := q.Step(); err != nil {
			return fmt.Errorf("store: closing: %w", err)
		}
		q.Reset()
		if err := g.append(journal.Entry{Kind: journal.Closing, Kit: c.At.Milliseconds(), Wall: c.Wall.UnixMilli(), Boot: g.boot, Ticket: c.Ticket, Tap: binaryID(id)}); err != nil {
			return err
		}
		g.number = max(g.number, c.Before())
		return nil
	})
	return c, err
}

const closingColumns = "SELECT n, id, ticket, act, at, wall FROM closings "

func scanClosing(q *sqlite.Stmt) pipeline.Closing {
	return pipeline.Closing{N: q.ColumnInt64(0), ID: q.ColumnText(1), Ticket: q.ColumnInt64(2), Act: q.ColumnInt64(3), At: millis(q.ColumnInt64(4)), Wall: time.UnixMilli(q.ColumnInt64(5))}
}

func findClosing(conn *sqlite.Conn, where string, args ...any) (c pipeline.Closing, ok bool, err error) {
	err = sqlitex.Execute(conn, closingColumns+where, &sqlitex.ExecOptions{Args: args, ResultFunc: func(q *sqlite.Stmt) error {
		c, ok = scanClosing(q), true
		return nil
	}})
	return c, ok, err
}

// Closings lists the latest closings, newest first, at most n.
func (s *Store) Closings(ctx context.Context, n int) (list []pipeline.Closing, err error) {
	err = s.query(ctx, "list closings", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, closingColumns+"ORDER BY n DESC LIMIT ?", &sqlitex.ExecOptions{Args: []any{n}, ResultFunc: func(q *sqlite.Stmt) error {
			list = append(list, scanClosing(q))
			return nil
		}})
	})
	return list, err
}

// Roll is what was sold and done at the counter up to the n-th closing and after the one before, as of one moment; 0: since the last. from is that before, to the
// closing itself, whose N is 0 where there is none yet. ErrUnknown: there was no such closing.
func (s *Store) Roll(ctx context.Context, n int64) (from, to pipeline.Closing, tickets []pipeline.Ticket, acts []till.Act, err error) {
	err = s.query(ctx, "read the till", func(c *sqlite.Conn) (err error) {
		defer sqlitex.Save(c)(&err)
		open := pipeline.Closing{Ticket: 1<<62 - 1, Act: 1<<62 - 1}
		if n == 0 {
			from, _, err = findClosing(c, "ORDER BY n DESC LIMIT 1")
		} else {
			ok := false
			if open, ok, err = findClosing(c, "WHERE n = ?", n); err == nil && !ok {
				err = ErrUnknown{"closing", fmt.Sprint(n)}
			}
			to = open
			if err == nil {
				from, _, err = findClosing(c, "WHERE n = ?", n-1)
			}
		}
		if err != nil {
			return err
		}
		if tickets, err = listTickets(c, "WHERE number > ? AND number <= ? ORDER BY number", from.Ticket, open.Ticket); err != nil {
			return err
		}
		acts, err = rollActs(c, tickets, from.Act, open.Act)
		return err
	})
	return from, to, tickets, acts, err
}

// rollActs are the acts of a roll, each with its ticket: most are of the roll's own.
func rollActs(c *sqlite.Conn, tickets []pipeline.Ticket, after, upTo int64) (acts []till.Act, err error) {
	of := map[string]pipeline.Ticket{}
	for _, t := range tickets {
		of[t.Number] = t
	}
	if err := sqlitex.Execute(c, actColumns+"c.seq > ? AND c.seq <= ? AND c.outcome = ? ORDER BY c.seq", &sqlitex.ExecOptions{Args: []any{after, upTo, string(pipeline.Confirmed)}, ResultFunc: func(q *sqlite.Stmt) error {
		out, err := scanAct(q)
		acts = append(acts, till.Act{CounterOutcome: out})
		return err
	}}); err != nil {
		return nil, err
	}
	for i, a := range acts {
		t, ok := of[a.Ticket]
		if !ok {
			n, _ := pipeline.ParseTicketNumber(a.Ticket)
			ts, err := listTickets(c, "WHERE number = ?", n)
			if err != nil {
				return nil, err
			}
			if len(ts) == 0 {
				return nil, ErrUnknown{"ticket", a.Ticket}
			}
			t = ts[0]
			of[a.Ticket] = t
		}
		acts[i].Of = t
	}
	return acts, nil
}
