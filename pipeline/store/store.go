// Package store is where a sale becomes true: one SQLite file, one writer, group commit. Whatever must hold together
// after a crash is changed in one transaction, and only what is committed is told to anybody.
//
// Speed comes from sharing the disk's sync: all orders that wait while one commit is under way go into the next
// (bounded by maxGroup), so the commit's cost is split among them however slow the card is.
package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

const (
	maxGroup = 256  // orders in one commit
	maxQueue = 2048 // orders waiting; beyond that they are refused, not delayed
	readers  = 4
)

// ErrBusy says that too many orders wait already. The same tap may be sent again.
var ErrBusy = errors.New("store: too many orders are waiting")

// ErrClosed says that the store is stopping. What was asked was not done.
var ErrClosed = errors.New("store: stopping")

// Options are what the store is told of the rest of the kit. The zero value works, with a clock that starts at zero.
type Options struct {
	Now       func() time.Duration  // kit time
	Wall      func() time.Time      // what the wall clock says, right or wrong
	Boot      func() uint32         // the kit's boot, for the journal
	Anchor    func() []byte         // the kit clock's anchor, stored with every commit
	Committed func([]Decision)      // called after each commit with its new decisions, in order; must not block
	Changed   func()                // called after a commit that changed an offer's state or what is left of it; must not block
	Served    func(pipeline.Ticket) // called after a ticket was served at the counter, as it is then; must not block
	Line      time.Duration         // how long one is kept for who is called from the line; 0: there are no lines
	Hold      time.Duration         // how long what visitors buy is held for them until it is paid; 0: for good
	MaxPages  int                   // bound of the database's size in pages of 4 KiB; 0: the disk's
}

// Decision is an order and what was durably decided about it.
type Decision struct {
	Order   pipeline.Order
	Outcome pipeline.Outcome
}

// Store is the kit's durable state. Its methods are safe for concurrent use.
type Store struct {
	opt   Options
	conn  *sqlite.Conn // the writer's; touched only by Run, and by Open before
	read  *sqlitex.Pool
	queue chan request
	stop  chan struct{} // closed when Run ends

	levels   atomic.Pointer[pipeline.Levels]
	taken    taken
	line     atomic.Pointer[line]
	consents sync.Map    // viewer → pipeline.Consent, a copy of the table
	help     atomic.Bool // of the meta table

	commits, orders, failures atomic.Int64
}

// request is an order to decide, or some other change to make in the writer's transaction.
type request struct {
	order *pipeline.Order
	do    func(*group) error
	done  chan<- result
}

type result struct {
	out pipeline.Outcome
	err error
}

// Open opens or makes the database at path, mode 0600, and brings its schema up to date. Run must be called for
// anything to be written. An error says what is wrong with the file.
func Open(path string, opt Options) (*Store, error) {
	if opt.Now == nil {
		start := time.Now()
		opt.Now = func() time.Duration { return time.Since(start) }
	}
	if opt.Wall == nil {
		opt.Wall = time.Now
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) // made here for its mode, which SQLite copies to -wal and -shm
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	f.Close()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenWAL)
	if err != nil {
		return nil, fmt.Errorf("store: open %s: %w", path, err)
	}
	s := &Store{opt: opt, conn: conn, queue: make(chan request, maxQueue), stop: make(chan struct{})}
	if err := s.load(path); err != nil {
		conn.Close()
		return nil, fmt.Errorf("store: %s: %w", path, err)
	}
	return s, nil
}

func (s *Store) load(path string) (err error) {
	if err := prepare(s.conn); err != nil {
		return err
	}
	if err := migrate(s.conn); err != nil {
		return err
	}
	if s.opt.MaxPages > 0 {
		if err := sqlitex.ExecuteTransient(s.conn, fmt.Sprintf("PRAGMA max_page_count = %d", s.opt.MaxPages), nil); err != nil {
			return err
		}
	}
	levels, err := readLevels(s.conn)
	if err != nil {
		return err
	}
	if err := recount(s.conn, levels); err != nil {
		return err
	}
	s.levels.Store(levels)
	waiting, err := readLine(s.conn)
	if err != nil {
		return err
	}
	s.line.Store(waiting)
	if err := s.readConsents(); err != nil {
		return err
	}
	called, err := getMeta(s.conn, metaHelp)
	if err != nil {
		return err
	}
	s.help.Store(len(called) > 0)
	s.read, err = sqlitex.NewPool(path, sqlitex.PoolOptions{Flags: sqlite.OpenReadOnly, PoolSize: readers})
	return err
}

// Close releases the files. Run must have ended.
func (s *Store) Close() error {
	return errors.Join(s.read.Close(), s.conn.Close())
}

// Act implements pipeline.Ledger. It waits for the commit; ctx ends the waiting, not the sale.
func (s *Store) Act(ctx context.Context, o pipeline.Order) (pipeline.Outcome, error) {
	return s.ask(ctx, request{order: &o})
}

// change makes a change in the writer's next transaction, whole or not at all, and waits for its commit.
func (s *Store) change(ctx context.Context, do func(*group) error) error {
	_, err := s.ask(ctx, request{do: do})
	return err
}

func (s *Store) ask(ctx context.Context, r request) (pipeline.Outcome, error) {
	done := make(chan result, 1)
	r.done = done
	select {
	case s.queue <- r:
	default:
		return pipeline.Outcome{}, ErrBusy
	}
	select {
	case got := <-done:
		return got.out, got.err
	case <-ctx.Done():
		return pipeline.Outcome{}, ctx.Err()
	case <-s.stop:
		select { // decided in Run's last commit?
		case got := <-done:
			return got.out, got.err
		default:
			return pipeline.Outcome{}, ErrClosed
		}
	}
}

// Probe commits a group that changes nothing that counts, to the disk: what a sale needs, works.
func (s *Store) Probe(ctx context.Context) error { return s.change(ctx, forget) }

// Levels implements pipeline.Ledger.
func (s *Store) Levels() *pipeline.Levels { return s.levels.Load() }

// Stats counts what the writer did since Open.
type Stats struct {
	Commits, Orders, Failures int64 // failures: transactions that were rolled back
	Waiting                   int   // orders in the queue now
}

// Stats tells what the writer did.
func (s *Store) Stats() Stats {
	return Stats{s.commits.Load(), s.orders.Load(), s.failures.Load(), len(s.queue)}
}
