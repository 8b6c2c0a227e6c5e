package store

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

// Correct decides a correction of stock in one durable transaction, with its journal entry, or finds the decision of an earlier one with
// the same id. It is in order with sales: none that was confirmed before is undone by it, and none after it takes what is not there.
func (s *Store) Correct(ctx context.Context, c pipeline.Correction) (out pipeline.CorrectionOutcome, err error) {
	if !c.Valid() {
		return out, fmt.Errorf("store: correction %.40q of %.40q by %d: expected a ULID, a SKU, a number of pieces and one of the reasons %q", c.ID, c.SKU, c.N, pipeline.CorrectionReasons)
	}
	c.Note = pipeline.Masked(c.Note)
	err = s.change(ctx, func(g *group) error {
		first, ok, err := findCorrection(g.conn, c.ID)
		if ok || err != nil {
			out = first
			return err
		}
		out = pipeline.CorrectionOutcome{Correction: c, Outcome: pipeline.Confirmed, At: g.at, Wall: g.wall}
		g.correct(&out)
		return g.recordCorrection(out)
	})
	return out, err
}

// correct changes what is left, or refuses to.
func (g *group) correct(out *pipeline.CorrectionOutcome) {
	refuse := func(why string, args ...any) { out.Outcome, out.Details = pipeline.Refused, fmt.Sprintf(why, args...) }
	sku, i, ok := g.levels.Catalogue.SKU(out.SKU)
	if !ok {
		out.SKU = pipeline.Masked(out.SKU)
		refuse("There is no SKU %q.", out.SKU)
		return
	}
	if sku.Uncounted {
		refuse("%s is not counted: import a catalogue with a stock for it.", sku.Title)
		return
	}
	was := g.levels.Stock[i]
	is := was + out.N
	if out.Set {
		is = out.N
	}
	out.By, out.Left = is-was, is
	if is < 0 || is > pipeline.MaxStock {
		out.By, out.Left = 0, was
		refuse("There are %d of %s: expected 0 to %d after it, not %d.", was, sku.Title, pipeline.MaxStock, is)
		return
	}
	g.levels.Stock[i] = is
	g.stock[i], g.changed = true, true
}

func (g *group) recordCorrection(out pipeline.CorrectionOutcome) error {
	q := g.conn.Prep("INSERT INTO corrections (id, sku, set_to, n, reason, note, via, outcome, details, by, left, at, wall) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	q.BindText(1, out.ID)
	q.BindText(2, out.SKU)
	q.BindInt64(3, bit(out.Set))
	q.BindInt64(4, int64(out.N))
	for i, v := range []string{string(out.Reason), out.Note, string(out.Via), string(out.Outcome), out.Details} {
		q.BindText(5+i, v)
	}
	for i, v := range []int64{int64(out.By), int64(out.Left), out.At.Milliseconds(), out.Wall.UnixMilli()} {
		q.BindInt64(10+i, v)
	}
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("store: correction: %w", err)
	}
	q.Reset()
	if !out.OK() {
		return nil // nothing changed, and it was nobody's sale
	}
	e := journal.Entry{Kind: journal.Stock, Kit: out.At.Milliseconds(), Wall: out.Wall.UnixMilli(), Boot: g.boot, Via: string(out.Via), Action: string(out.Reason),
		Lines: []journal.Line{{SKU: out.SKU, N: out.By}}}
	e.Tap = binaryID(out.ID)
	return g.append(e)
}

const correctionColumns = "SELECT id, sku, set_to, n, reason, note, via, outcome, details, by, left, at, wall FROM corrections "

func scanCorrection(q *sqlite.Stmt) pipeline.CorrectionOutcome {
	return pipeline.CorrectionOutcome{
		Correction: pipeline.Correction{ID: q.ColumnText(0), SKU: q.ColumnText(1), Set: q.ColumnInt(2) != 0, N: q.ColumnInt(3), Reason: pipeline.CorrectionReason(q.ColumnText(4)),
			Note: q.ColumnText(5), Via: pipeline.Channel(q.ColumnText(6))},
		Outcome: pipeline.Reason(q.ColumnText(7)), Details: q.ColumnText(8), By: q.ColumnInt(9), Left: q.ColumnInt(10), At: millis(q.ColumnInt64(11)), Wall: time.UnixMilli(q.ColumnInt64(12)),
	}
}

func findCorrection(conn *sqlite.Conn, id string) (out pipeline.CorrectionOutcome, ok bool, err error) {
	err = sqlitex.Execute(conn, correctionColumns+"WHERE id = ?", &sqlitex.ExecOptions{Args: []any{id}, ResultFunc: func(q *sqlite.Stmt) error {
		out, ok = scanCorrection(q), true
		out.Repeat = true
		return nil
	}})
	return out, ok, err
}

// Corrections lists the latest corrections, newest first, at most n.
func (s *Store) Corrections(ctx context.Context, n int) (list []pipeline.CorrectionOutcome, err error) {
	err = s.query(ctx, "list corrections", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, correctionColumns+"ORDER BY seq DESC LIMIT ?", &sqlitex.ExecOptions{Args: []any{n}, ResultFunc: func(q *sqlite.Stmt) error {
			list = append(list, scanCorrection(q))
			return nil
		}})
	})
	return list, err
}
