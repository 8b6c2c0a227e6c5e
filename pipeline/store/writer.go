package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

// anchorEvery bounds how much kit time a power cut can take back when nothing is sold.
const anchorEvery = time.Minute

// group is one transaction in the making.
type group struct {
	store   *Store
	conn    *sqlite.Conn
	levels  *pipeline.Levels // a copy, published when the transaction is committed
	stock   map[int]bool     // places of SKUs changed
	offers  map[int]bool
	windows map[int]bool // places of offers whose Starts or Window changed
	changed bool         // an offer was
	lined   bool         // who stands in line for one did
	freed   bool         // there may be more left for those who do
	stood   int          // who came to do
	at      time.Duration
	wall    time.Time
	boot    uint32
	number  int64 // of the last ticket
	fresh   []Decision
	after   []func() // what memory copies of tables need once it is committed
}

// Run is the single writer: it takes what waits, commits it as one group, and answers. It ends when ctx does, after a
// last group of what was waiting by then.
func (s *Store) Run(ctx context.Context) error {
	defer close(s.stop)
	tick := time.NewTicker(anchorEvery)
	defer tick.Stop()
	turns := time.NewTicker(time.Second)
	defer turns.Stop()
	s.commit(nil) // the anchor: from here on, what is told is told in a boot that the disk knows of
	for {
		select {
		case r := <-s.queue:
			s.commit(s.waiting([]request{r}))
		case <-tick.C:
			s.commit([]request{{do: forget, done: make(chan result, 1)}})
		case <-turns.C:
			if s.turned() {
				s.commit([]request{{do: passed, done: make(chan result, 1)}})
			}
		case <-ctx.Done():
			for {
				rs := s.waiting(nil)
				s.commit(rs)
				if len(rs) == 0 {
					return nil
				}
			}
		}
	}
}

// turned tells whether somebody's place in a line ends by the time.
func (s *Store) turned() bool {
	l, levels, now := s.line.Load(), s.Levels(), s.opt.Now()
	if l.first > 0 && l.first <= now || len(l.offers) > 0 && !s.Lines() {
		return true
	}
	for offer := range l.offers {
		if levels.StateAt(offer, now) != pipeline.OfferLive {
			return true
		}
	}
	return false
}

// forget removes burned tokens that their own expiry refuses by now.
func forget(g *group) error {
	return sqlitex.Execute(g.conn, "DELETE FROM burned WHERE expires < ?", &sqlitex.ExecOptions{Args: []any{int64(g.at / time.Second)}})
}

// waiting adds what is in the queue to a group, up to its bound.
func (s *Store) waiting(rs []request) []request {
	for len(rs) < maxGroup {
		select {
		case r := <-s.queue:
			rs = append(rs, r)
		default:
			return rs
		}
	}
	return rs
}

// commit decides a group of requests in one transaction, and answers each of them after it.
func (s *Store) commit(rs []request) {
	results := make([]result, len(rs))
	g, err := s.transact(rs, results)
	if err != nil {
		s.failures.Add(1)
		for i := range results {
			results[i] = result{err: fmt.Errorf("store: not recorded: %w", err)}
		}
	} else {
		s.commits.Add(1)
		s.orders.Add(int64(len(g.fresh)))
		s.levels.Store(g.levels)
		for _, f := range g.after {
			f()
		}
	}
	for i, r := range rs {
		r.done <- results[i]
	}
	if err == nil && s.opt.Committed != nil && len(g.fresh) > 0 {
		s.opt.Committed(g.fresh)
	}
	if err == nil && s.opt.Changed != nil && g.changed {
		s.opt.Changed()
	}
}

// transact runs the group's transaction. On an error nothing of it is there, on disk or in memory.
func (s *Store) transact(rs []request, results []result) (g *group, err error) {
	end, err := sqlitex.ImmediateTransaction(s.conn)
	if err != nil {
		return nil, err
	}
	defer func() { end(&err) }()
	g = &group{store: s, conn: s.conn, levels: s.levels.Load().Clone(), stock: map[int]bool{}, offers: map[int]bool{}, windows: map[int]bool{},
		at: s.opt.Now().Truncate(time.Millisecond), wall: s.opt.Wall().Truncate(time.Millisecond)} // as they are written: an answer that is given again is the same
	if s.opt.Boot != nil {
		g.boot = s.opt.Boot()
	}
	if g.number, err = lastNumber(s.conn); err != nil {
		return nil, err
	}
	for i, r := range rs {
		if r.order != nil {
			if results[i].out, err = g.decide(*r.order); err != nil {
				return nil, err
			}
		} else if results[i].err, err = g.apart(r.do); err != nil {
			return nil, err
		}
		if r.order == nil || g.freed {
			if err := g.call(); err != nil {
				return nil, err
			}
		}
	}
	if err := g.writeLines(); err != nil {
		return nil, err
	}
	if s.opt.Anchor != nil {
		err = setMeta(s.conn, metaClock, s.opt.Anchor())
	}
	return g, err
}

// writeLines writes the levels, and has memory know of the lines as they are then.
func (g *group) writeLines() error {
	if err := g.flush(); err != nil || !g.lined {
		return err
	}
	g.changed = true
	l, err := readLine(g.conn)
	g.after = append(g.after, func() { g.store.line.Store(l) })
	return err
}

// apart runs one change so that its failure undoes only itself. failed is the change's own error; err one that takes
// the group down.
func (g *group) apart(do func(*group) error) (failed, err error) {
	if err := g.flush(); err != nil { // under the catalogue it was counted in: do may bring another
		return nil, err
	}
	levels, number, fresh, after := g.levels, g.number, len(g.fresh), len(g.after)
	g.levels = levels.Clone()
	end := sqlitex.Save(g.conn)
	failed = do(g)
	end(&failed)
	if failed != nil {
		g.levels, g.number, g.fresh, g.after = levels, number, g.fresh[:fresh], g.after[:after]
	}
	if failed != nil && g.conn.AutocommitEnabled() {
		return nil, failed // SQLite has rolled all of it back (sqlite.org/lang_transaction.html, section 3)
	}
	return failed, nil
}

// try does what is to be whole or not at all, within a change that goes on either way.
func (g *group) try(do func() (ok bool, err error)) error {
	levels, number, fresh, after := g.levels, g.number, len(g.fresh), len(g.after)
	g.levels = levels.Clone()
	end := sqlitex.Save(g.conn)
	ok, err := do()
	failed := err
	if failed == nil && !ok {
		failed = errUndone
	}
	end(&failed)
	if failed != nil {
		g.levels, g.number, g.fresh, g.after = levels, number, g.fresh[:fresh], g.after[:after]
	}
	return err
}

var errUndone = errors.New("store: undone")

// flush writes the levels that changed: once for all the orders that took from them.
func (g *group) flush() error {
	defer func() { clear(g.stock); clear(g.offers); clear(g.windows) }()
	for i := range g.stock {
		q := g.conn.Prep("INSERT INTO stock (sku, left) VALUES (?, ?) ON CONFLICT (sku) DO UPDATE SET left = excluded.left")
		q.BindText(1, g.levels.Catalogue.SKUs[i].SKU)
		q.BindInt64(2, int64(g.levels.Stock[i]))
		if _, err := q.Step(); err != nil {
			return fmt.Errorf("stock: %w", err)
		}
		q.Reset()
	}
	for i := range g.offers {
		g.changed = true
		level := g.levels.Offers[i]
		q := g.conn.Prep("INSERT INTO offers (id, state, sold, ends) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, sold = excluded.sold, ends = excluded.ends")
		q.BindText(1, g.levels.Catalogue.Offers[i].ID)
		q.BindText(2, string(level.State))
		q.BindInt64(3, int64(level.Sold))
		q.BindInt64(4, level.Ends.Milliseconds())
		if _, err := q.Step(); err != nil {
			return fmt.Errorf("offers: %w", err)
		}
		q.Reset()
		if !g.windows[i] {
			continue // as at every sale
		}
		q = g.conn.Prep("INSERT INTO windows (offer, n, starts) VALUES (?, ?, ?) ON CONFLICT (offer) DO UPDATE SET n = excluded.n, starts = excluded.starts")
		q.BindText(1, g.levels.Catalogue.Offers[i].ID)
		q.BindInt64(2, int64(level.Window))
		q.BindInt64(3, level.Starts.Milliseconds())
		if _, err := q.Step(); err != nil {
			return fmt.Errorf("offers: %w", err)
		}
		q.Reset()
	}
	return nil
}

// ErrReused says that a wish's id was used for another one. Nothing was done.
var ErrReused = errors.New("store: that id was used for something else: make a new one for each wish")

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

// maxAnswers is how many answers are kept.
const maxAnswers = 1000

// Answer is what was answered to what has that key; false: nothing was, or it was long ago.
func (s *Store) Answer(ctx context.Context, key string) (a pipeline.Answer, ok bool, err error) {
	err = s.query(ctx, "look up answer", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "SELECT of, status, kind, body FROM answers WHERE key = ?", &sqlitex.ExecOptions{Args: []any{key}, ResultFunc: func(q *sqlite.Stmt) error {
			ok = true
			a = pipeline.Answer{Of: make([]byte, q.ColumnLen(0)), Status: q.ColumnInt(1), Kind: q.ColumnText(2), Body: make([]byte, q.ColumnLen(3))}
			q.ColumnBytes(0, a.Of)
			q.ColumnBytes(3, a.Body)
			return nil
		}})
	})
	return a, ok, err
}

// KeepAnswer keeps what was answered, in place of the oldest that is kept. The first of a key stays.
func (s *Store) KeepAnswer(ctx context.Context, key string, a pipeline.Answer) error {
	return s.change(ctx, func(g *group) error {
		body := a.Body
		if body == nil {
			body = []byte{}
		}
		if err := sqlitex.Execute(g.conn, "INSERT INTO answers (key, of, status, kind, body, at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			&sqlitex.ExecOptions{Args: []any{key, a.Of, a.Status, a.Kind, body, g.at.Milliseconds()}}); err != nil {
			return err
		}
		return sqlitex.Execute(g.conn, "DELETE FROM answers WHERE seq <= (SELECT max(seq) FROM answers) - ?", &sqlitex.ExecOptions{Args: []any{maxAnswers}})
	})
}
