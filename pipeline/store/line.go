package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

const (
	// maxLine is how many may stand in line, for all offers together: a drop's crowd.
	maxLine = 5000
	// looked is how far into a line those are looked for who wait for what there is of several that one can choose from.
	looked = 500
)

// line is who stands in line, by viewer and offer, as of a commit.
type line struct {
	places map[string]map[string]pipeline.Place
	offers map[string]bool
	n      int
	first  time.Duration // when the first of those who are called has been so for long enough; 0: nobody is
}

// Place is a viewer's place in the line for an offer; false: they are in none.
func (s *Store) Place(viewer, offer string) (p pipeline.Place, ok bool) {
	if l := s.line.Load(); l != nil {
		p, ok = l.places[viewer][offer]
	}
	return p, ok
}

// Lines tells whether who taps what is sold out stands in line for it.
func (s *Store) Lines() bool { return s.opt.Line > 0 }

func readLine(conn *sqlite.Conn) (*line, error) {
	l := &line{places: map[string]map[string]pipeline.Place{}, offers: map[string]bool{}}
	ahead := map[string]int{}
	return l, sqlitex.Execute(conn, "SELECT viewer, offer, until FROM line ORDER BY seq", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		viewer, offer, p := q.ColumnText(0), q.ColumnText(1), pipeline.Place{Until: millis(q.ColumnInt64(2))}
		switch {
		case p.Until == 0:
			p.Ahead = ahead[offer]
			ahead[offer]++
		case l.first == 0 || p.Until < l.first:
			l.first = p.Until
		}
		if l.places[viewer] == nil {
			l.places[viewer] = map[string]pipeline.Place{}
		}
		l.places[viewer][offer] = p
		l.offers[offer] = true
		l.n++
		return nil
	}})
}

// stand puts who found an offer sold out in line for it, behind all whose taps came before, and says so; what they were told before stands.
func (g *group) stand(o pipeline.Order, offer pipeline.Offer, i int, out *pipeline.Outcome) error {
	if !g.store.Lines() || o.Via != pipeline.ViaPage {
		return nil
	}
	if _, decided, err := findTap(g.conn, o.Viewer, o.ID); decided || err != nil {
		return err
	}
	if had, err := g.mayHave(o.Viewer, offer); had != "" || err != nil {
		return err
	}
	choice, err := json.Marshal(o.Choice)
	if err != nil {
		return err
	}
	// who stands there already keeps their place, and waits for what they chose last
	if err := sqlitex.Execute(g.conn, "UPDATE line SET choice = ? WHERE viewer = ? AND offer = ?", &sqlitex.ExecOptions{Args: []any{string(choice), o.Viewer, o.Offer}}); err != nil {
		return fmt.Errorf("store: line: %w", err)
	}
	ahead, fresh := g.levels.Offers[i].Waiting, g.conn.Changes() == 0
	if fresh && g.store.line.Load().n+g.stood >= maxLine {
		out.Details = "Sold out, and the line for it is full."
		return nil
	}
	if fresh {
		g.levels.Offers[i].Waiting++
		g.stood++
		g.lined = true
		err = sqlitex.Execute(g.conn, "INSERT INTO line (viewer, offer, choice, at) VALUES (?, ?, ?, ?)", &sqlitex.ExecOptions{Args: []any{o.Viewer, o.Offer, string(choice), g.at.Milliseconds()}})
	} else {
		err = sqlitex.Execute(g.conn, "SELECT count(*) FROM line AS l JOIN line AS mine ON l.offer = mine.offer AND l.seq < mine.seq WHERE mine.viewer = ? AND mine.offer = ? AND l.until = 0",
			&sqlitex.ExecOptions{Args: []any{o.Viewer, o.Offer}, ResultFunc: func(q *sqlite.Stmt) error { ahead = q.ColumnInt(0); return nil }})
	}
	if err != nil {
		return fmt.Errorf("store: line: %w", err)
	}
	out.Details = fmt.Sprintf("Sold out. You are in line, with %d before you: if one comes free, it is kept for you for a moment.", ahead)
	if ahead == 0 {
		out.Details = "Sold out. You are the next in line: if one comes free, it is kept for you for a moment."
	}
	return nil
}

// turn lets go of what is kept for a viewer whose turn it is, who is about to buy; called is false if it is not. again keeps it for them as before.
func (g *group) turn(viewer, offer string, i int) (called bool, again func(), err error) {
	if g.levels.Offers[i].Kept == 0 {
		return false, nil, nil
	}
	var kept []pipeline.Line
	err = sqlitex.Execute(g.conn, "SELECT kept FROM line WHERE viewer = ? AND offer = ? AND until > 0", &sqlitex.ExecOptions{Args: []any{viewer, offer}, ResultFunc: func(q *sqlite.Stmt) error {
		called = true
		return json.Unmarshal([]byte(q.ColumnText(0)), &kept)
	}})
	if err != nil || !called {
		return false, nil, err
	}
	g.keep(i, kept, -1)
	return true, func() { g.keep(i, kept, 1) }, nil
}

// keep takes what is kept for somebody out of what is left, or, with -1, puts it back.
func (g *group) keep(i int, kept []pipeline.Line, sign int) {
	for _, l := range kept {
		g.move(l.SKU, -sign*l.N)
	}
	g.levels.Offers[i].Kept += sign
	g.changed, g.freed = true, g.freed || sign < 0
}

// leave takes a viewer out of the line for an offer.
func (g *group) leave(viewer, offer string) error {
	g.lined = true
	if err := sqlitex.Execute(g.conn, "DELETE FROM line WHERE viewer = ? AND offer = ?", &sqlitex.ExecOptions{Args: []any{viewer, offer}}); err != nil {
		return fmt.Errorf("store: line: %w", err)
	}
	return nil
}

// Leave takes a viewer out of the line for an offer, if they are in it. What was kept for them is the next one's.
func (s *Store) Leave(ctx context.Context, viewer, offer string) error {
	return s.change(ctx, func(g *group) error { return g.dissolve("viewer = ? AND offer = ?", viewer, offer) })
}

// passed ends the turns of those who were called for long enough, and the lines for what is not for sale any more.
func passed(g *group) error {
	if !g.store.Lines() { // any more
		return g.dissolve("true")
	}
	if err := g.dissolve("until > 0 AND until <= ?", g.at.Milliseconds()); err != nil {
		return err
	}
	for offer := range g.store.line.Load().offers {
		if g.levels.StateAt(offer, g.at) != pipeline.OfferLive {
			if err := g.dissolve("offer = ?", offer); err != nil {
				return err
			}
		}
	}
	return nil
}

// letGo puts what is kept for those who are called back, and has them wait where they stood: another catalogue may have fewer pieces than were kept, and whoever can
// be called under it is, at once.
func (g *group) letGo() error {
	if err := sqlitex.Execute(g.conn, "SELECT offer, kept FROM line WHERE until > 0", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		var kept []pipeline.Line
		if err := json.Unmarshal([]byte(q.ColumnText(1)), &kept); err != nil {
			return err
		}
		for _, l := range kept {
			g.move(l.SKU, l.N)
		}
		g.lined = true
		return nil
	}}); err != nil {
		return fmt.Errorf("store: line: %w", err)
	}
	if err := sqlitex.Execute(g.conn, "UPDATE line SET until = 0, kept = '' WHERE until > 0", nil); err != nil {
		return fmt.Errorf("store: line: %w", err)
	}
	return g.flush() // while places in levels are those of the catalogue that these pieces are of
}

// dissolve takes some out of their lines, with what is kept for them.
func (g *group) dissolve(where string, args ...any) error {
	type row struct{ viewer, offer, kept string }
	var rows []row
	if err := sqlitex.Execute(g.conn, "SELECT viewer, offer, kept FROM line WHERE "+where, &sqlitex.ExecOptions{Args: args, ResultFunc: func(q *sqlite.Stmt) error {
		rows = append(rows, row{q.ColumnText(0), q.ColumnText(1), q.ColumnText(2)})
		return nil
	}}); err != nil {
		return fmt.Errorf("store: line: %w", err)
	}
	for _, r := range rows {
		_, i, known := g.levels.Catalogue.Offer(r.offer)
		if r.kept != "" {
			var kept []pipeline.Line
			if err := json.Unmarshal([]byte(r.kept), &kept); err != nil {
				return fmt.Errorf("store: line: %w", err)
			}
			if known {
				g.keep(i, kept, -1)
			} else {
				for _, l := range kept {
					g.move(l.SKU, l.N)
				}
			}
		} else if known {
			g.levels.Offers[i].Waiting--
		}
		if err := g.leave(r.viewer, r.offer); err != nil {
			return err
		}
	}
	return nil
}

// call keeps what is left for those who have waited longest for it: after each change that leaves more, so that whoever taps next finds nothing left that somebody
// in line could have.
func (g *group) call() error {
	if g.freed = false; !g.store.Lines() {
		return nil
	}
	for i, o := range g.levels.Catalogue.Offers {
		if g.levels.Offers[i].Waiting == 0 || g.levels.StateAt(o.ID, g.at) != pipeline.OfferLive || g.levels.Left(o.ID) == 0 {
			continue
		}
		type row struct{ viewer, choice string }
		var rows []row
		if err := sqlitex.Execute(g.conn, "SELECT viewer, choice FROM line WHERE offer = ? AND until = 0 ORDER BY seq LIMIT ?", &sqlitex.ExecOptions{Args: []any{o.ID, looked}, ResultFunc: func(q *sqlite.Stmt) error {
			rows = append(rows, row{q.ColumnText(0), q.ColumnText(1)})
			return nil
		}}); err != nil {
			return fmt.Errorf("store: line: %w", err)
		}
		for _, r := range rows {
			if g.levels.Left(o.ID) == 0 {
				break
			}
			if err := g.callOne(i, r.viewer, r.choice); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *group) callOne(i int, viewer, chosen string) error {
	var choice []string
	if err := json.Unmarshal([]byte(chosen), &choice); err != nil {
		return fmt.Errorf("store: line: %w", err)
	}
	offer, why := g.levels.Pick(i, g.at, choice)
	if why == "" {
		if !g.levels.Has(offer) { // they wait for another of several
			return nil
		}
		had, err := g.mayHave(viewer, offer)
		if err != nil {
			return err
		}
		why = had
	}
	if why != "" { // what they wait for is not there any more, or they may not have it
		g.levels.Offers[i].Waiting--
		return g.leave(viewer, g.levels.Catalogue.Offers[i].ID)
	}
	kept := []pipeline.Line{}
	for _, l := range offer.Lines {
		if sku, _, _ := g.levels.Catalogue.SKU(l.SKU); !sku.Uncounted {
			kept = append(kept, pipeline.Line{SKU: l.SKU, N: l.N})
		}
	}
	text, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	g.keep(i, kept, 1)
	g.levels.Offers[i].Waiting--
	g.lined = true
	if err := sqlitex.Execute(g.conn, "UPDATE line SET until = ?, kept = ? WHERE viewer = ? AND offer = ?",
		&sqlitex.ExecOptions{Args: []any{(g.at + g.store.opt.Line).Milliseconds(), string(text), viewer, g.levels.Catalogue.Offers[i].ID}}); err != nil {
		return fmt.Errorf("store: line: %w", err)
	}
	return nil
}

// recount has levels say of each offer how many are kept and wait.
func recount(conn *sqlite.Conn, l *pipeline.Levels) error {
	for i := range l.Offers {
		l.Offers[i].Kept, l.Offers[i].Waiting = 0, 0
	}
	return sqlitex.Execute(conn, "SELECT offer, count(*) FILTER (WHERE until > 0), count(*) FILTER (WHERE until = 0) FROM line GROUP BY offer", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		if _, i, ok := l.Catalogue.Offer(q.ColumnText(0)); ok {
			l.Offers[i].Kept, l.Offers[i].Waiting = q.ColumnInt(1), q.ColumnInt(2)
		}
		return nil
	}})
}
