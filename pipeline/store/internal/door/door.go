// Package door has the tables of who is on the list of a ticketed event and who came in, as the store's writer and readers see them.
package door

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

const columns = "SELECT n, code, name, kind, walk, since, wall FROM guests "

func scan(q *sqlite.Stmt) (g pipeline.Guest) {
	g = pipeline.Guest{N: q.ColumnInt64(0), Name: q.ColumnText(2), Kind: q.ColumnText(3), Walk: q.ColumnInt(4) != 0, In: time.Duration(q.ColumnInt64(5)) * time.Millisecond}
	q.ColumnBytes(1, g.Code[:])
	if g.In > 0 {
		g.Wall = time.UnixMilli(q.ColumnInt64(6))
	}
	return g
}

func find(conn *sqlite.Conn, where string, args ...any) (g pipeline.Guest, ok bool, err error) {
	err = sqlitex.Execute(conn, columns+where, &sqlitex.ExecOptions{Args: args, ResultFunc: func(q *sqlite.Stmt) error {
		g, ok = scan(q), true
		return nil
	}})
	return g, ok, err
}

// Listed tells whether a ticket's code is somebody's on the list.
func Listed(conn *sqlite.Conn, code [16]byte) (bool, error) {
	_, ok, err := find(conn, "WHERE code = ?", code[:])
	return ok, err
}

// Act decides what is done at the door, or finds the decision of an earlier act with the same id. known is false where there is no such guest: nothing is decided.
func Act(conn *sqlite.Conn, a pipeline.DoorAct, at time.Duration, wall time.Time) (out pipeline.DoorOutcome, known bool, err error) {
	if first, ok, err := decided(conn, a); ok || err != nil {
		return first, ok, err
	}
	var g pipeline.Guest
	switch {
	case a.Do == pipeline.WalkIn:
		g, known = pipeline.Guest{Name: a.Name, Kind: a.Kind, Walk: true}, true
		if err = sqlitex.Execute(conn, "INSERT INTO guests (name, kind, walk) VALUES (?, ?, 1)", &sqlitex.ExecOptions{Args: []any{a.Name, a.Kind}}); err == nil {
			g.N = conn.LastInsertRowID()
		}
	case a.Guest > 0:
		g, known, err = find(conn, "WHERE n = ?", a.Guest)
	default:
		code := pipeline.GuestCode(a.Code)
		g, known, err = find(conn, "WHERE code = ?", code[:])
	}
	if err != nil || !known {
		return out, known, err
	}
	g, out = g.Door(a, at, wall)
	out.Code = ""
	if out.OK() {
		since, is := g.In.Milliseconds(), int64(0)
		if g.In > 0 {
			is = g.Wall.UnixMilli()
		}
		if err := sqlitex.Execute(conn, "UPDATE guests SET since = ?, wall = ? WHERE n = ?", &sqlitex.ExecOptions{Args: []any{since, is, g.N}}); err != nil {
			return out, true, err
		}
	}
	return out, true, sqlitex.Execute(conn, "INSERT INTO door (id, do, guest, via, outcome, details, at, wall) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		&sqlitex.ExecOptions{Args: []any{a.ID, string(a.Do), g.N, string(a.Via), string(out.Outcome), out.Details, at.Milliseconds(), wall.UnixMilli()}})
}

func decided(conn *sqlite.Conn, a pipeline.DoorAct) (out pipeline.DoorOutcome, ok bool, err error) {
	err = sqlitex.Execute(conn, "SELECT do, guest, via, outcome, details, at, wall FROM door WHERE id = ?", &sqlitex.ExecOptions{Args: []any{a.ID}, ResultFunc: func(q *sqlite.Stmt) error {
		out = pipeline.DoorOutcome{DoorAct: pipeline.DoorAct{ID: a.ID, Do: pipeline.CheckInAction(q.ColumnText(0)), Guest: a.Guest, Name: a.Name, Kind: a.Kind, Via: pipeline.Channel(q.ColumnText(2))},
			Who: pipeline.Guest{N: q.ColumnInt64(1)}, Outcome: pipeline.Reason(q.ColumnText(3)), Details: q.ColumnText(4), At: time.Duration(q.ColumnInt64(5)) * time.Millisecond,
			Wall: time.UnixMilli(q.ColumnInt64(6)), Repeat: true}
		ok = true
		return nil
	}})
	if err != nil || !ok {
		return out, ok, err
	}
	if g, still, err := find(conn, "WHERE n = ?", out.Who.N); err != nil || still {
		out.Who = g
		return out, true, err
	}
	return out, true, nil
}

// Import makes a list the one at the door: who is on it by the same code stays in, and who is not on it any more is gone, unless they are in. look tells what it
// would do, and does nothing.
func Import(conn *sqlite.Conn, list []pipeline.Guest, look bool) (added, changed, gone int, err error) {
	was := map[[16]byte]pipeline.Guest{}
	if err := sqlitex.Execute(conn, columns+"WHERE walk = 0", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		g := scan(q)
		was[g.Code] = g
		return nil
	}}); err != nil {
		return 0, 0, 0, err
	}
	stays := map[[16]byte]bool{}
	for _, g := range list {
		old, there := was[g.Code]
		stays[g.Code] = true
		what := ""
		args := []any{g.Name, g.Kind, g.Code[:]}
		switch {
		case !there:
			added++
			what = "INSERT INTO guests (name, kind, code) VALUES (?, ?, ?)"
		case old.Name != g.Name || old.Kind != g.Kind:
			changed++
			what = "UPDATE guests SET name = ?, kind = ? WHERE code = ?"
		}
		if what == "" || look {
			continue
		}
		if err := sqlitex.Execute(conn, what, &sqlitex.ExecOptions{Args: args}); err != nil {
			return 0, 0, 0, err
		}
	}
	for code, g := range was {
		if stays[code] || g.In > 0 {
			continue
		}
		gone++
		if look {
			continue
		}
		if err := sqlitex.Execute(conn, "DELETE FROM guests WHERE n = ?", &sqlitex.ExecOptions{Args: []any{g.N}}); err != nil {
			return 0, 0, 0, err
		}
	}
	return added, changed, gone, nil
}

// Forget deletes the list, with those who came without being on it, and all names: the store has what is deleted overwritten. What of them is in the write-ahead log
// goes when that begins anew, at the latest when the kit stops.
func Forget(conn *sqlite.Conn) error {
	for _, q := range []string{"DELETE FROM guests", "UPDATE door SET details = ''"} {
		if err := sqlitex.ExecuteTransient(conn, q, nil); err != nil {
			return err
		}
	}
	return nil
}

// Find lists guests of whose names or kinds the text is a part, at most n, and says how many there are in all.
func Find(conn *sqlite.Conn, text string, n int) (d pipeline.Door, list []pipeline.Guest, err error) {
	text = strings.ToLower(strings.TrimSpace(text))
	err = sqlitex.Execute(conn, columns+"ORDER BY n", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		g := scan(q)
		switch {
		case g.Walk && g.In > 0:
			d.WalkIns++
		case !g.Walk:
			d.Listed++
			if g.In > 0 {
				d.In++
			}
		}
		if text == "" || strings.Contains(strings.ToLower(g.Called()), text) { // not SQLite's lower: that knows ASCII alone
			list = append(list, g)
		}
		return nil
	}})
	if err != nil {
		return d, nil, fmt.Errorf("guests: %w", err)
	}
	slices.SortStableFunc(list, func(a, b pipeline.Guest) int { // who comes next is not in yet
		return int(min(a.In, 1) - min(b.In, 1))
	})
	return d, list[:min(len(list), n)], nil
}
