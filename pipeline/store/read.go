package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/fxamacker/cbor/v2"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

// Keys of the meta table.
const (
	metaCatalogue = "catalogue"
	metaDigest    = "catalogue-digest"
	metaFile      = "catalogue-file-digest" // of the file a start imported last
	metaClock     = "clock"
	metaDrop      = "drop" // id of the offer that was put on show last by somebody's hand: pipeline.Levels.Shown
	metaHelp      = "help" // kit ms since when help is called, 8 bytes; empty: it is not
)

func millis(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// query runs a read on one of the readers' connections.
func (s *Store) query(ctx context.Context, what string, do func(*sqlite.Conn) error) error {
	conn, err := s.read.Take(ctx)
	if err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	defer s.read.Put(conn)
	if err := do(conn); err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return nil
}

// Decided implements pipeline.Ledger.
func (s *Store) Decided(ctx context.Context, viewer, tap string) (out pipeline.Outcome, ok bool, err error) {
	err = s.query(ctx, "look up tap", func(c *sqlite.Conn) error {
		out, ok, err = findTap(c, viewer, tap)
		return err
	})
	return out, ok, err
}

const ticketColumns = "SELECT number, tap, viewer, offer, title, total, currency, lines, via, at, wall, print, printed, ready, done, coalesce(handed, '[]'), coalesce(void, '[]'), voided, paid FROM sales LEFT JOIN fulfilment ON ticket = number "

func scanTicket(q *sqlite.Stmt) (pipeline.Ticket, error) {
	t := pipeline.Ticket{
		N: q.ColumnInt64(0), Tap: q.ColumnText(1), Viewer: q.ColumnText(2), Offer: q.ColumnText(3), Title: q.ColumnText(4),
		Total: pipeline.Money{Minor: q.ColumnInt64(5), Currency: q.ColumnText(6)}, Via: pipeline.Channel(q.ColumnText(8)),
		At: millis(q.ColumnInt64(9)), Wall: time.UnixMilli(q.ColumnInt64(10)), Print: pipeline.PrintState(q.ColumnInt(11)),
	}
	t.Number = pipeline.TicketNumber(t.N)
	t.Fulfilment = pipeline.Fulfilment{Printed: millis(q.ColumnInt64(12)), Ready: millis(q.ColumnInt64(13)), Done: millis(q.ColumnInt64(14)), Voided: q.ColumnInt64(17), Paid: q.ColumnInt64(18)}
	for i, into := range map[int]any{7: &t.Lines, 15: &t.Handed, 16: &t.Void} {
		if err := json.Unmarshal([]byte(q.ColumnText(i)), into); err != nil {
			return t, fmt.Errorf("ticket %s: its lines: %w", t.Number, err)
		}
	}
	return t, nil
}

func (s *Store) tickets(ctx context.Context, where string, args ...any) (ts []pipeline.Ticket, err error) {
	err = s.query(ctx, "list tickets", func(c *sqlite.Conn) error {
		ts, err = listTickets(c, where, args...)
		return err
	})
	return ts, err
}

func listTickets(conn *sqlite.Conn, where string, args ...any) (ts []pipeline.Ticket, err error) {
	err = sqlitex.Execute(conn, ticketColumns+where, &sqlitex.ExecOptions{Args: args, ResultFunc: func(q *sqlite.Stmt) error {
		t, err := scanTicket(q)
		ts = append(ts, t)
		return err
	}})
	return ts, err
}

// Tickets lists the latest tickets, newest first, at most n.
func (s *Store) Tickets(ctx context.Context, n int) ([]pipeline.Ticket, error) {
	return s.tickets(ctx, "ORDER BY number DESC LIMIT ?", n)
}

// Count is how many tickets there are.
func (s *Store) Count(ctx context.Context) (n int64, err error) {
	err = s.query(ctx, "count tickets", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "SELECT count(*) FROM sales", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error { n = q.ColumnInt64(0); return nil }})
	})
	return n, err
}

// TicketsOf lists a viewer's latest tickets, newest first, at most n.
func (s *Store) TicketsOf(ctx context.Context, viewer string, n int) ([]pipeline.Ticket, error) {
	return s.tickets(ctx, "WHERE number IN (SELECT sale FROM taps WHERE viewer = ? AND sale IS NOT NULL ORDER BY sale DESC LIMIT ?) ORDER BY number DESC", viewer, n)
}

// taken is the sum of all sales in a currency up to a ticket, less what was voided of any up to an act at the counter, so that a look at it adds only
// those since.
type taken struct {
	mu       sync.Mutex
	currency string
	upTo     int64
	acts     int64
	minor    int64
}

// Taken is the sum of all sales in the currency in use, less what of them is void, in minor units.
func (s *Store) Taken(ctx context.Context) (minor int64, err error) {
	t := &s.taken
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := s.Levels().Catalogue.Currency; c != t.currency {
		t.currency, t.upTo, t.acts, t.minor = c, 0, 0, 0
	}
	err = s.query(ctx, "sum of sales", func(c *sqlite.Conn) (err error) {
		defer sqlitex.Save(c)(&err) // both of one moment: what is not in the sum yet is not taken from it
		if err := sqlitex.Execute(c, "SELECT coalesce(sum(voided) FILTER (WHERE currency = ?), 0), max(seq) FROM counter JOIN sales ON number = ticket WHERE seq > ?",
			&sqlitex.ExecOptions{Args: []any{t.currency, t.acts}, ResultFunc: func(q *sqlite.Stmt) error {
				t.minor -= q.ColumnInt64(0)
				t.acts = max(t.acts, q.ColumnInt64(1))
				return nil
			}}); err != nil {
			return err
		}
		return sqlitex.Execute(c, "SELECT coalesce(sum(total) FILTER (WHERE currency = ?), 0), max(number) FROM sales WHERE number > ?",
			&sqlitex.ExecOptions{Args: []any{t.currency, t.upTo}, ResultFunc: func(q *sqlite.Stmt) error {
				t.minor += q.ColumnInt64(0)
				t.upTo = max(t.upTo, q.ColumnInt64(1))
				return nil
			}})
	})
	return t.minor, err
}

// Unprinted lists tickets after number whose slips are not known to be out, oldest first, at most n.
func (s *Store) Unprinted(ctx context.Context, after int64, n int) ([]pipeline.Ticket, error) {
	return s.tickets(ctx, "WHERE number > ? AND print < ? ORDER BY number LIMIT ?", after, int(pipeline.Printed), n)
}

// Held counts the slips that are held because they are old.
func (s *Store) Held(ctx context.Context) (n int, err error) {
	err = s.query(ctx, "count held slips", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "SELECT count(*) FROM sales WHERE print IN (?, ?)", &sqlitex.ExecOptions{
			Args: []any{int(pipeline.PrintHeld), int(pipeline.PrintHeldSending)}, ResultFunc: func(q *sqlite.Stmt) error {
				n = q.ColumnInt(0)
				return nil
			}})
	})
	return n, err
}

// meta reads a key of the meta table; nil when it was never set.
func (s *Store) meta(key string) (value []byte, err error) {
	err = s.query(context.Background(), "read "+key, func(c *sqlite.Conn) error {
		value, err = getMeta(c, key)
		return err
	})
	return value, err
}

// Anchor reads the kit clock's last anchor, nil on the first start.
func (s *Store) Anchor() ([]byte, error) { return s.meta(metaClock) }

func getMeta(conn *sqlite.Conn, key string) (value []byte, err error) {
	err = sqlitex.Execute(conn, "SELECT value FROM meta WHERE key = ?", &sqlitex.ExecOptions{Args: []any{key}, ResultFunc: func(q *sqlite.Stmt) error {
		value = make([]byte, q.ColumnLen(0))
		q.ColumnBytes(0, value)
		return nil
	}})
	return value, err
}

func setMeta(conn *sqlite.Conn, key string, value []byte) error {
	q := conn.Prep("INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value")
	q.BindText(1, key)
	q.BindBytes(2, value)
	if _, err := q.Step(); err != nil {
		return fmt.Errorf("set %s: %w", key, err)
	}
	return q.Reset()
}

// lastNumber is after which the next ticket is numbered: the last one's, or where the day begins that came after the last closing.
func lastNumber(conn *sqlite.Conn) (int64, error) {
	sold, err := lastSold(conn)
	if err != nil {
		return 0, err
	}
	last, _, err := findClosing(conn, "ORDER BY n DESC LIMIT 1")
	return max(sold, last.Before()), err
}

func lastSold(conn *sqlite.Conn) (int64, error) {
	q := conn.Prep("SELECT coalesce(max(number), 0) FROM sales")
	defer q.Reset()
	if _, err := q.Step(); err != nil {
		return 0, fmt.Errorf("last ticket: %w", err)
	}
	return q.ColumnInt64(0), nil
}

// stored is the catalogue's form in the meta table.
type stored struct {
	Currency string            `cbor:"1,keyasint"`
	SKUs     []pipeline.SKU    `cbor:"2,keyasint"`
	Offers   []pipeline.Offer  `cbor:"3,keyasint"`
	Taken    map[string]int    `cbor:"4,keyasint,omitempty"` // pieces sold before it was imported, by SKU, also of SKUs it lacks
	Taxes    pipeline.TaxRules `cbor:"5,keyasint"`
	Language string            `cbor:"6,keyasint,omitempty"`
}

func readStored(conn *sqlite.Conn) (doc stored, err error) {
	b, err := getMeta(conn, metaCatalogue)
	if err != nil || b == nil {
		return doc, err
	}
	if err := cbor.Unmarshal(b, &doc); err != nil {
		return doc, fmt.Errorf("stored catalogue: %w", err)
	}
	return doc, nil
}

// readLevels rebuilds what is left to sell from the tables.
func readLevels(conn *sqlite.Conn) (*pipeline.Levels, error) {
	doc, err := readStored(conn)
	if err != nil {
		return nil, err
	}
	shown, err := getMeta(conn, metaDrop)
	if err != nil {
		return nil, err
	}
	c := pipeline.NewCatalogue(doc.Currency, doc.SKUs, doc.Offers).Speaking(doc.Language).Under(doc.Taxes)
	l := &pipeline.Levels{Catalogue: c, Stock: make([]int, len(c.SKUs)), Offers: make([]pipeline.Level, len(c.Offers)), Shown: string(shown)}
	err = sqlitex.Execute(conn, "SELECT sku, left FROM stock", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		if _, i, ok := c.SKU(q.ColumnText(0)); ok {
			l.Stock[i] = q.ColumnInt(1)
		}
		return nil
	}})
	if err != nil {
		return nil, err
	}
	return l, sqlitex.Execute(conn, "SELECT id, state, sold, ends, coalesce(n, 0), coalesce(starts, 0) FROM offers LEFT JOIN windows ON offer = id", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		if _, i, ok := c.Offer(q.ColumnText(0)); ok {
			l.Offers[i] = pipeline.Level{State: pipeline.OfferState(q.ColumnText(1)), Sold: q.ColumnInt(2), Ends: millis(q.ColumnInt64(3)), Window: uint32(q.ColumnInt64(4)), Starts: millis(q.ColumnInt64(5))}
		}
		return nil
	}})
}

// Burned tells whether a token was used. Where that cannot be read it was not: who uses it is told.
func (s *Store) Burned(ctx context.Context, nonce [8]byte) (used bool) {
	_ = s.query(ctx, "look up token", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "SELECT 1 FROM burned WHERE nonce = ?", &sqlitex.ExecOptions{Args: []any{nonce[:]}, ResultFunc: func(*sqlite.Stmt) error { used = true; return nil }})
	})
	return used
}

// Ticket finds a ticket by its number.
func (s *Store) Ticket(ctx context.Context, number string) (pipeline.Ticket, bool, error) {
	n, ok := pipeline.ParseTicketNumber(number)
	if !ok {
		return pipeline.Ticket{}, false, nil
	}
	ts, err := s.tickets(ctx, "WHERE number = ?", n)
	if err != nil || len(ts) == 0 {
		return pipeline.Ticket{}, false, err
	}
	return ts[0], true, nil
}
