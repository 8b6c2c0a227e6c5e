package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
	"edgekit.internal/pipeline/store/internal/door"
)

// dropPause is how long the next drop cannot be started after one was: a finger that was not sure presses twice.
const dropPause = 2 * time.Second

// Press decides a press in one durable transaction, with what it changes and its journal entry, or finds the decision of an
// earlier one with the same id. What is beyond the store, such as a printer's doing, comes after it, and once: not for a Repeat.
func (s *Store) Press(ctx context.Context, p pipeline.Press) (out pipeline.PressOutcome, err error) {
	if !p.Valid() {
		return out, fmt.Errorf("store: press %.40q of %.40q for %.40q: expected a ULID, a button's name and an action, with an offer to show one", p.ID, p.Button, p.Action)
	}
	p.Button, p.Gesture = pipeline.Masked(p.Button), pipeline.Masked(p.Gesture)
	err = s.change(ctx, func(g *group) error {
		first, ok, err := findPress(g.conn, p.ID)
		if ok || err != nil {
			out = first
			return err
		}
		out = pipeline.PressOutcome{Press: p, Reason: pipeline.Confirmed, At: g.at, Wall: g.wall}
		if err := g.press(&out); err != nil {
			return err
		}
		return g.recordPress(out)
	})
	return out, err
}

// press does what a press is for, or refuses it.
func (g *group) press(out *pipeline.PressOutcome) error {
	switch out.Action {
	case pipeline.StartNextDrop:
		return g.startNext(out)
	case pipeline.MarkSoldOut:
		return g.markSoldOut(out)
	case pipeline.ReprintLast:
		return g.reprint(out)
	case pipeline.ShowOffer:
		return g.showOffer(out)
	case pipeline.CallHelp, pipeline.ClearHelp:
		return g.help(out)
	}
	return nil // nothing of it is kept here
}

func refusePress(out *pipeline.PressOutcome, why string) error {
	out.Reason, out.Details = pipeline.Refused, why
	return nil
}

func (g *group) startNext(out *pipeline.PressOutcome) error {
	last, err := lastDone(g.conn, out.Action)
	if err != nil {
		return err
	}
	if last >= 0 && g.at-last < dropPause {
		return refusePress(out, "A drop was started just now. Press again in a moment for the next one.")
	}
	for _, state := range []pipeline.OfferState{pipeline.OfferSoon, pipeline.OfferHidden} {
		for _, o := range g.levels.Catalogue.Offers {
			if g.levels.StateAt(o.ID, g.at) != state {
				continue
			}
			out.Offer, out.Details = o.ID, o.Title+" is live."
			return g.setOffer(o.ID, pipeline.OfferLive, 0)
		}
	}
	return refusePress(out, "No drop is left to start: announce one in the console.")
}

// showOffer puts an offer on show. What is prepared goes live; what is announced does not, since others were told to wait for it.
func (g *group) showOffer(out *pipeline.PressOutcome) error {
	offer, _, ok := g.levels.Catalogue.Offer(out.Offer)
	if !ok {
		out.Offer = pipeline.Masked(out.Offer)
		return refusePress(out, fmt.Sprintf("There is no offer %q.", out.Offer))
	}
	switch state := g.levels.StateAt(offer.ID, g.at); {
	case state == pipeline.OfferHidden:
		out.Details = offer.Title + " is live."
		return g.setOffer(offer.ID, pipeline.OfferLive, 0)
	case !state.Showable():
		return refusePress(out, offer.Title+" is not for sale now: start it in the console.")
	}
	out.Details = offer.Title + " is on show."
	return g.show(offer.ID)
}

func (g *group) markSoldOut(out *pipeline.PressOutcome) error {
	var live []pipeline.Offer
	for _, o := range g.levels.Catalogue.Offers {
		if g.levels.StateAt(o.ID, g.at) != pipeline.OfferLive {
			continue
		}
		if live = append(live, o); o.ID == g.levels.Shown {
			live = []pipeline.Offer{o}
			break
		}
	}
	switch len(live) {
	case 0:
		return refusePress(out, "No offer is live, so none can be sold out.")
	case 1:
		out.Offer, out.Details = live[0].ID, live[0].Title+" is sold out. Start it in the console if there is more."
		return g.setOffer(live[0].ID, pipeline.OfferSoldOut, 0)
	}
	return refusePress(out, "Several offers are live, and none was started last: mark the one that is sold out in the console.")
}

func (g *group) reprint(out *pipeline.PressOutcome) error {
	last, err := lastSold(g.conn)
	if err != nil {
		return err
	}
	if last == 0 {
		return refusePress(out, "There is no slip yet.")
	}
	number := pipeline.TicketNumber(last)
	out.Ticket = last
	ts, err := listTickets(g.conn, "WHERE number = ?", last)
	if err != nil {
		return err
	}
	if len(ts) == 1 && ts[0].State() == pipeline.TicketVoid {
		return refusePress(out, number+" is void: it gets no slip.")
	}
	q := g.conn.Prep("UPDATE sales SET print = ? WHERE number = ? AND print = ?")
	q.BindInt64(1, int64(pipeline.PrintSending)) // which is printed as a possible copy
	q.BindInt64(2, last)
	q.BindInt64(3, int64(pipeline.Printed))
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("store: ticket %s: %w", number, err)
	}
	q.Reset()
	if g.conn.Changes() == 0 {
		return refusePress(out, "Slip "+number+" is not out yet: it comes by itself once the printer can.")
	}
	out.Details = "Slip " + number + " is printed once more."
	return nil
}

// help calls somebody, or takes that back.
func (g *group) help(out *pipeline.PressOutcome) error {
	on, err := getMeta(g.conn, metaHelp)
	if err != nil {
		return err
	}
	if len(on) > 0 || out.Action == pipeline.ClearHelp {
		out.Action, out.Details = pipeline.ClearHelp, "Help is not called any more."
		on = []byte{}
	} else {
		out.Details = "Help is called."
		on = binary.BigEndian.AppendUint64(nil, uint64(g.at.Milliseconds()))
	}
	called := len(on) > 0
	g.after = append(g.after, func() { g.store.help.Store(called) })
	return setMeta(g.conn, metaHelp, on)
}

// Help tells whether help is called. It stays so over restarts.
func (s *Store) Help() bool { return s.help.Load() }

func (g *group) recordPress(out pipeline.PressOutcome) error {
	q := g.conn.Prep("INSERT INTO presses (id, button, gesture, action, via, reason, details, offer, ticket, at, wall) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
	for i, v := range []string{out.ID, out.Button, out.Gesture, string(out.Action), string(out.Via), string(out.Reason), out.Details, out.Offer} {
		q.BindText(i+1, v)
	}
	q.BindInt64(9, out.Ticket)
	q.BindInt64(10, out.At.Milliseconds())
	q.BindInt64(11, out.Wall.UnixMilli())
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("store: press: %w", err)
	}
	q.Reset()
	e := journal.Entry{Kind: journal.Press, Kit: out.At.Milliseconds(), Wall: out.Wall.UnixMilli(), Boot: g.boot, Button: out.Button, Action: string(out.Action),
		Via: string(out.Via), Offer: out.Offer, Ticket: out.Ticket}
	if !out.OK() {
		e.Refused = string(out.Reason)
	}
	e.Tap = binaryID(out.ID)
	return g.append(e)
}

const pressColumns = "SELECT id, button, gesture, action, via, reason, details, offer, ticket, at, wall FROM presses "

func scanPress(q *sqlite.Stmt) pipeline.PressOutcome {
	return pipeline.PressOutcome{
		Press: pipeline.Press{ID: q.ColumnText(0), Button: q.ColumnText(1), Gesture: q.ColumnText(2), Action: pipeline.Action(q.ColumnText(3)), Via: pipeline.Channel(q.ColumnText(4)),
			Offer: q.ColumnText(7)},
		Reason: pipeline.Reason(q.ColumnText(5)), Details: q.ColumnText(6), Ticket: q.ColumnInt64(8),
		At: millis(q.ColumnInt64(9)), Wall: time.UnixMilli(q.ColumnInt64(10)),
	}
}

func findPress(conn *sqlite.Conn, id string) (out pipeline.PressOutcome, ok bool, err error) {
	err = sqlitex.Execute(conn, pressColumns+"WHERE id = ?", &sqlitex.ExecOptions{Args: []any{id}, ResultFunc: func(q *sqlite.Stmt) error {
		out, ok = scanPress(q), true
		out.Repeat = true
		return nil
	}})
	return out, ok, err
}

// lastDone is when an action was done last; below zero: never.
func lastDone(conn *sqlite.Conn, a pipeline.Action) (at time.Duration, err error) {
	at = -1
	err = sqlitex.Execute(conn, "SELECT at FROM presses WHERE action = ? AND reason = ? ORDER BY seq DESC LIMIT 1",
		&sqlitex.ExecOptions{Args: []any{string(a), string(pipeline.Confirmed)}, ResultFunc: func(q *sqlite.Stmt) error {
			at = millis(q.ColumnInt64(0))
			return nil
		}})
	return at, err
}

// Presses lists the latest presses, newest first, at most n.
func (s *Store) Presses(ctx context.Context, n int) (ps []pipeline.PressOutcome, err error) {
	err = s.query(ctx, "list presses", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, pressColumns+"ORDER BY seq DESC LIMIT ?", &sqlitex.ExecOptions{Args: []any{n}, ResultFunc: func(q *sqlite.Stmt) error {
			ps = append(ps, scanPress(q))
			return nil
		}})
	})
	return ps, err
}

// Door decides what is done at the door of a ticketed event in one durable transaction, with its journal entry, or finds the decision of an earlier act with the
// same id. ErrUnknown: there is no such guest.
func (s *Store) Door(ctx context.Context, a pipeline.DoorAct) (out pipeline.DoorOutcome, err error) {
	if !a.Valid() {
		return out, fmt.Errorf("store: %.40q at the door as %.40q: expected a ULID and one of %q, with a guest's number or code, or to walk in", a.Do, a.ID, pipeline.CheckInActions)
	}
	a.Name, a.Kind = pipeline.Masked(a.Name), pipeline.Masked(a.Kind)
	err = s.change(ctx, func(g *group) error {
		known := false
		out, known, err = door.Act(g.conn, a, g.at, g.wall)
		switch {
		case err != nil:
			return fmt.Errorf("store: door: %w", err)
		case !known:
			return ErrUnknown{"guest", fmt.Sprint(a.Guest)}
		case out.Repeat || !out.OK():
			return nil
		}
		return g.append(journal.Entry{Kind: journal.Guest, Kit: g.at.Milliseconds(), Wall: g.wall.UnixMilli(), Boot: g.boot, Via: string(a.Via), Action: string(a.Do), Guest: out.Who.N, Tap: binaryID(a.ID)})
	})
	return out, err
}

// ImportGuests makes a list the one at the door, whole or not at all; look tells what it would do. See door.Import.
func (s *Store) ImportGuests(ctx context.Context, list []pipeline.Guest, look bool) (added, changed, gone int, err error) {
	err = s.change(ctx, func(g *group) error {
		added, changed, gone, err = door.Import(g.conn, list, look)
		return err
	})
	return added, changed, gone, err
}

// ForgetGuests deletes the list at the door, with all names, and answers that may have names in them.
func (s *Store) ForgetGuests(ctx context.Context) error {
	return s.change(ctx, func(g *group) error {
		if err := door.Forget(g.conn); err != nil {
			return err
		}
		return sqlitex.Execute(g.conn, "DELETE FROM answers", nil)
	})
}

// Guests lists those of whose names a text is a part, who is not in yet first, at most n, and says how many there are in all.
func (s *Store) Guests(ctx context.Context, text string, n int) (d pipeline.Door, list []pipeline.Guest, err error) {
	err = s.query(ctx, "list guests", func(c *sqlite.Conn) error {
		d, list, err = door.Find(c, text, n)
		return err
	})
	return d, list, err
}

// Listed tells whether a code is that of somebody's ticket on the list. Where that cannot be read it is not.
func (s *Store) Listed(ctx context.Context, code string) (is bool) {
	_ = s.query(ctx, "look up guest", func(c *sqlite.Conn) (err error) {
		is, err = door.Listed(c, pipeline.GuestCode(code))
		return err
	})
	return is
}
