package store

import (
	"context"
	"errors"
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

// ErrReused says that a wish's id was used for another one. Nothing was done.
var ErrReused = errors.New("store: that id was used for something else: make a new one for each wish")

// ErrVoid says that a ticket is void: nothing is to be handed over for it, and so it has no slip any more.
var ErrVoid = errors.New("store: that ticket is void: it gets no slip")

// once makes a change unless the wish that it is was fulfilled before.
func (s *Store) once(ctx context.Context, wish, what string, do func(*group) error) error {
	if wish == "" {
		return s.change(ctx, do)
	}
	if !pipeline.ValidTapID(wish) {
		return fmt.Errorf("store: wish %.40q: expected a ULID", wish)
	}
	return s.change(ctx, func(g *group) error {
		was := ""
		if err := sqlitex.Execute(g.conn, "SELECT what FROM wishes WHERE id = ?", &sqlitex.ExecOptions{Args: []any{wish}, ResultFunc: func(q *sqlite.Stmt) error {
			was = q.ColumnText(0)
			return nil
		}}); err != nil {
			return err
		}
		switch was {
		case "":
		case what:
			return nil
		default:
			return ErrReused
		}
		if err := do(g); err != nil {
			return err
		}
		return sqlitex.Execute(g.conn, "INSERT INTO wishes (id, what, at) VALUES (?, ?, ?)", &sqlitex.ExecOptions{Args: []any{wish, what, g.at.Milliseconds()}})
	})
}

// PrintAgain has a slip that is out be printed once more, as a possible copy; one that is on its way comes by itself. A repeat of the same wish, a ULID, does
// nothing; "" is none that is repeated.
func (s *Store) PrintAgain(ctx context.Context, wish, ticket string) (n int64, err error) {
	n, ok := pipeline.ParseTicketNumber(ticket)
	if !ok {
		return 0, ErrUnknown{"ticket", ticket}
	}
	return n, s.once(ctx, wish, "print "+ticket, func(g *group) error {
		ts, err := listTickets(g.conn, "WHERE number = ?", n)
		switch {
		case err != nil:
			return err
		case len(ts) == 0:
			return ErrUnknown{"ticket", ticket}
		case ts[0].State() == pipeline.TicketVoid:
			return ErrVoid
		case ts[0].Print.Due():
			return nil
		}
		return g.setPrint(n, pipeline.PrintSending)
	})
}
