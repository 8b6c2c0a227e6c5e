package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

// Import makes c the catalogue in use, in one transaction, unless digest says that it is the one in use already. What
// was sold stays sold: the pieces left of a SKU are its stock in the catalogue less all that was ever sold of it, and by what corrections
// made of that, whatever catalogues were in use between; an offer's state changes only if the catalogue's did.
func (s *Store) Import(ctx context.Context, c *pipeline.Catalogue, digest []byte) (imported bool, err error) {
	return s.ImportOver(ctx, nil, c, digest)
}

// ErrOvertaken says that another catalogue came into use than the one that an import was made for.
var ErrOvertaken = errors.New("store: another catalogue has just been imported")

// ImportOver is Import of what was made of the catalogue now in use; ErrOvertaken, with nothing done, if that is another by now. Nil: of
// none in particular.
func (s *Store) ImportOver(ctx context.Context, now, c *pipeline.Catalogue, digest []byte) (imported bool, err error) {
	err = s.change(ctx, func(g *group) error {
		if now != nil && g.levels.Catalogue != now {
			return ErrOvertaken
		}
		imported, err = bring(g, c, digest)
		return err
	})
	return imported, err
}

// ImportFile is Import at a start, from the file that the kit was started with: only if that file changed since it was
// imported last. What was imported by other ways since is not undone by a start.
func (s *Store) ImportFile(ctx context.Context, c *pipeline.Catalogue, digest []byte) (imported bool, err error) {
	had, err := s.meta(metaFile)
	if err != nil || bytes.Equal(had, digest) { // without a write: a kit starts on a full disk too
		return false, err
	}
	err = s.change(ctx, func(g *group) error {
		if imported, err = bring(g, c, digest); err != nil {
			return err
		}
		return setMeta(g.conn, metaFile, digest)
	})
	return imported, err
}

// bring makes c the catalogue of the group, unless it is.
func bring(g *group, c *pipeline.Catalogue, digest []byte) (imported bool, err error) {
	have, err := getMeta(g.conn, metaDigest)
	if err != nil || have != nil && bytes.Equal(have, digest) {
		return false, err
	}
	if err := g.letGo(); err != nil {
		return false, err
	}
	old := g.levels
	taken, err := takenPieces(g.conn, old)
	if err != nil {
		return false, err
	}
	if g.levels, err = merge(g, old, c, taken); err != nil {
		return false, err
	}
	g.changed = true
	for i, sku := range c.SKUs { // only what is another: the writer has a catalogue's thousands in one transaction with sales
		if _, k, ok := old.Catalogue.SKU(sku.SKU); !ok || old.Stock[k] != g.levels.Stock[i] {
			g.stock[i] = true
		}
	}
	for i, o := range c.Offers {
		if _, k, ok := old.Catalogue.Offer(o.ID); !ok || old.Offers[k] != g.levels.Offers[i] {
			g.offers[i], g.windows[i] = true, true
		}
	}
	if err := g.flush(); err != nil {
		return false, err
	}
	b, err := cbor.Marshal(stored{c.Currency, c.SKUs, c.Offers, taken, c.Taxes, c.Language})
	if err != nil {
		return false, fmt.Errorf("catalogue: %w", err)
	}
	if err := setMeta(g.conn, metaCatalogue, b); err != nil {
		return false, err
	}
	return true, setMeta(g.conn, metaDigest, digest)
}

// takenPieces counts, for each SKU there ever was, the pieces that were sold, less those that corrections added: those before the catalogue
// in use, which is stored with it, and those since, which are missing from what it began with. Below zero more were added.
func takenPieces(conn *sqlite.Conn, l *pipeline.Levels) (map[string]int, error) {
	doc, err := readStored(conn)
	if err != nil {
		return nil, err
	}
	taken := map[string]int{}
	for sku, n := range doc.Taken {
		taken[sku] = n
	}
	for i, sku := range l.Catalogue.SKUs {
		n := max(sku.Stock, taken[sku.SKU]) - l.Stock[i]
		switch {
		case sku.Uncounted: // what it was when it was counted, if ever
		case n == 0:
			delete(taken, sku.SKU)
		default:
			taken[sku.SKU] = n
		}
	}
	return taken, nil
}

// merge works out the levels under a new catalogue. Rows of offers that the old one lacks may still be there from one
// before it.
func merge(g *group, old *pipeline.Levels, c *pipeline.Catalogue, taken map[string]int) (*pipeline.Levels, error) {
	l := &pipeline.Levels{Catalogue: c, Stock: make([]int, len(c.SKUs)), Offers: make([]pipeline.Level, len(c.Offers)), Shown: old.Shown}
	for i, sku := range c.SKUs {
		l.Stock[i] = max(0, sku.Stock-taken[sku.SKU])
	}
	sold, windows := map[string]int{}, map[string]uint32{}
	err := sqlitex.Execute(g.conn, "SELECT id, sold, coalesce(n, 0) FROM offers LEFT JOIN windows ON offer = id", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		sold[q.ColumnText(0)], windows[q.ColumnText(0)] = q.ColumnInt(1), uint32(q.ColumnInt64(2))
		return nil
	}})
	for i, o := range c.Offers {
		was, k, ok := old.Catalogue.Offer(o.ID)
		if ok && was.State == o.State && was.Lasts == o.Lasts {
			l.Offers[i] = old.Offers[k]
		} else {
			l.Offers[i] = pipeline.Level{State: o.State, Window: windows[o.ID]}
			if o.State == pipeline.OfferLive {
				l.Offers[i].Starts, l.Offers[i].Ends = opens(o, g.at)
				if _, known := sold[o.ID]; known && old.StateAt(o.ID, g.at) != pipeline.OfferLive {
					l.Offers[i].Window++
				}
			}
		}
		l.Offers[i].Sold = sold[o.ID]
	}
	if err != nil {
		return nil, err
	}
	return l, recount(g.conn, l)
}

// opens is from when to when an offer is live that goes live at a kit time; ends is 0 where nothing but somebody's hand ends it.
func opens(o pipeline.Offer, at time.Duration) (starts, ends time.Duration) {
	starts = max(at, time.Millisecond) // 0 is none
	if o.Lasts > 0 {
		ends = starts + o.Lasts
	}
	return starts, ends
}

// ErrUnknown says that there is no such offer, SKU or ticket.
type ErrUnknown struct{ What, ID string }

// Error says what is not there.
func (e ErrUnknown) Error() string { return fmt.Sprintf("there is no %s %q", e.What, e.ID) }

// MaxCountdown is how long before it starts an offer may be announced: kit time, which stands still while the kit is off, is no calendar.
const MaxCountdown = 24 * time.Hour

// ErrCountdown says that an offer cannot be told to start so.
var ErrCountdown = errors.New("store: only an offer that is announced starts by itself, and within 24 hours: expected the state soon, and from 1 to 86400000 ms")

// SetOffer puts an offer into a state; one that is announced (pipeline.OfferSoon) goes live by itself after in, if that is not 0. Going live starts its time
// anew: so a repeat of the same wish, a ULID made where it was made, does nothing; "" is none that is repeated.
func (s *Store) SetOffer(ctx context.Context, wish, id string, state pipeline.OfferState, in time.Duration) error {
	if in < 0 || in > MaxCountdown || in > 0 && state != pipeline.OfferSoon {
		return ErrCountdown
	}
	what := fmt.Sprintf("offer %s %s", id, state)
	if in > 0 {
		what += " in " + in.String()
	}
	return s.once(ctx, wish, what, func(g *group) error { return g.setOffer(id, state, in) })
}

func (g *group) setOffer(id string, state pipeline.OfferState, in time.Duration) error {
	offer, i, ok := g.levels.Catalogue.Offer(id)
	if !ok {
		return ErrUnknown{"offer", id}
	}
	other := pipeline.Level{State: state, Sold: g.levels.Offers[i].Sold, Kept: g.levels.Offers[i].Kept, Waiting: g.levels.Offers[i].Waiting, Window: g.levels.Offers[i].Window}
	live := state == pipeline.OfferLive
	if in > 0 || live && g.levels.StateAt(id, g.at) != pipeline.OfferLive {
		other.Window++
	}
	if in > 0 || live {
		other.Starts, other.Ends = opens(offer, g.at+in)
	}
	g.levels.Offers[i] = other
	g.offers[i], g.windows[i] = true, true
	if in == 0 && !live {
		return nil
	}
	return g.show(id)
}

// show has an offer be the one on show.
func (g *group) show(id string) error {
	g.levels.Shown, g.changed = id, true
	return setMeta(g.conn, metaDrop, []byte(id))
}

// AddFix puts a fix of the wall clock into the journal, so that whoever reads that can date the other entries.
func (s *Store) AddFix(ctx context.Context, f pipeline.Fix) error {
	return s.change(ctx, func(g *group) error {
		return g.append(journal.Entry{Kind: journal.Fix, Kit: f.At.Milliseconds(), Boot: f.Boot, Wall: f.Wall.UnixMilli(), Source: f.Source,
			Within: max(1, f.Within.Milliseconds())})
	})
}

// SetPrint records how far a ticket's slip has got.
func (s *Store) SetPrint(ctx context.Context, number int64, state pipeline.PrintState) error {
	return s.change(ctx, func(g *group) error {
		if err := g.setPrint(number, state); err != nil || state != pipeline.Printed && state != pipeline.PrintSent {
			return err
		}
		q := g.conn.Prep("INSERT INTO fulfilment (ticket, printed) VALUES (?, ?) ON CONFLICT (ticket) DO UPDATE SET printed = excluded.printed WHERE printed = 0")
		q.BindInt64(1, number)
		q.BindInt64(2, g.at.Milliseconds())
		if _, err := q.Step(); err != nil {
			return fmt.Errorf("store: ticket %d: %w", number, err)
		}
		return q.Reset()
	})
}

func (g *group) setPrint(number int64, state pipeline.PrintState) error {
	q := g.conn.Prep("UPDATE sales SET print = ? WHERE number = ?")
	q.BindInt64(1, int64(state))
	q.BindInt64(2, number)
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("store: ticket %d: %w", number, err)
	}
	q.Reset()
	if g.conn.Changes() == 0 {
		return ErrUnknown{"ticket", pipeline.TicketNumber(number)}
	}
	return nil
}

// ErrVoid says that a ticket is void: nothing is to be handed over for it, and so it has no slip any more.
var ErrVoid = errors.New("store: that ticket is void: it gets no slip")

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

// DecideHeld has all slips printed that are held because they are old, or none of them ever. It returns how many, and the highest
// ticket's number among them. A repeat of the same wish, a ULID, does nothing; "" is none that is repeated.
func (s *Store) DecideHeld(ctx context.Context, wish string, print bool) (n int, last int64, err error) {
	err = s.once(ctx, wish, fmt.Sprint("held slips, print ", print), func(g *group) error {
		n, last = 0, 0
		q := g.conn.Prep("UPDATE sales SET print = CASE WHEN NOT ? THEN ? WHEN print = ? THEN ? ELSE ? END WHERE print IN (?, ?) RETURNING number")
		for i, v := range []int64{bit(print), int64(pipeline.PrintDropped), int64(pipeline.PrintHeld), int64(pipeline.PrintQueued), int64(pipeline.PrintSending),
			int64(pipeline.PrintHeld), int64(pipeline.PrintHeldSending)} {
			q.BindInt64(i+1, v)
		}
		for {
			row, err := q.Step()
			if err != nil {
				return fmt.Errorf("store: slips that are held: %w", err)
			}
			if !row {
				return nil
			}
			n, last = n+1, max(last, q.ColumnInt64(0))
		}
	})
	return n, last, err
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// SetConsent records a visitor's choice about the notice of a version.
func (s *Store) SetConsent(ctx context.Context, viewer string, version int, choice string) (pipeline.Consent, error) {
	var c pipeline.Consent
	err := s.change(ctx, func(g *group) error {
		c = pipeline.Consent{Version: version, Choice: choice, At: g.at, Wall: g.wall}
		q := g.conn.Prep("INSERT INTO consents (viewer, version, choice, at, wall) VALUES (?, ?, ?, ?, ?) ON CONFLICT (viewer) DO UPDATE SET version = excluded.version, choice = excluded.choice, at = excluded.at, wall = excluded.wall")
		q.BindText(1, viewer)
		q.BindInt64(2, int64(version))
		q.BindText(3, choice)
		q.BindInt64(4, g.at.Milliseconds())
		q.BindInt64(5, g.wall.UnixMilli())
		if _, err := q.Step(); err != nil {
			return fmt.Errorf("store: consent: %w", err)
		}
		q.Reset()
		kept := c
		g.after = append(g.after, func() { s.consents.Store(viewer, kept) })
		return nil
	})
	return c, err
}

// Consent is a visitor's latest choice; false: none yet.
func (s *Store) Consent(viewer string) (pipeline.Consent, bool) {
	c, ok := s.consents.Load(viewer)
	if !ok {
		return pipeline.Consent{}, false
	}
	return c.(pipeline.Consent), true
}

// Consented implements pipeline.Ledger.
func (s *Store) Consented(viewer string) bool {
	c, ok := s.Consent(viewer)
	return ok && c.Choice == pipeline.Agreed
}

func (s *Store) readConsents() error {
	return sqlitex.Execute(s.conn, "SELECT viewer, version, choice, at, wall FROM consents", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		s.consents.Store(q.ColumnText(0), pipeline.Consent{Version: q.ColumnInt(1), Choice: q.ColumnText(2), At: millis(q.ColumnInt64(3)), Wall: time.UnixMilli(q.ColumnInt64(4))})
		return nil
	}})
}
