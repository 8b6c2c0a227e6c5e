package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/hardware/clock"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
	"edgekit.internal/pipeline/store"
)

// TestKitTimeAfterACutBetweenAnyTwoWrites: a kit's clock and store write for a while; then the log on the card is taken to
// end at each of its pages, as if the power had gone there. What is left tells a kit time and a boot, and a kit that
// starts from it, in another boot, is never before them.
func TestKitTimeAfterACutBetweenAnyTwoWrites(t *testing.T) {
	dir, up := t.TempDir(), atomic.Int64{}
	up.Store(int64(10 * time.Second))
	path := filepath.Join(dir, "kit.db")
	open := func(path string, boot byte) (*store.Store, *clock.Clock) {
		t.Helper()
		var c *clock.Clock
		s, err := store.Open(path, store.Options{Now: func() time.Duration { return c.Now() }, Wall: func() time.Time { return time.Unix(9, 0) },
			Boot: func() uint32 { return c.Boot() }, Anchor: func() []byte { return c.Anchor() }})
		if err != nil {
			t.Fatal(err)
		}
		anchor, err := s.Anchor()
		if err != nil {
			t.Fatal(err)
		}
		c = clock.New(anchor, [16]byte{boot}, func() time.Duration { return time.Duration(up.Load()) })
		return s, c
	}
	s, c := open(path, 1)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for range 12 {
		up.Add(int64(7 * time.Second))
		if err := s.AddFix(ctx, pipeline.Fix{Source: "ntp", Boot: c.Boot(), At: c.Now(), Wall: time.Unix(9, 0), Within: time.Second}); err != nil {
			t.Fatal(err)
		}
	}
	main, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	last := c.Now()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	const header, frame = 32, 24 + 4096 // of a log and of each page in it (sqlite.org/fileformat2.html, section 4.1)
	up.Store(0)
	states := map[string]bool{}
	for n, at := 0, header; at <= len(log); n, at = n+1, at+frame {
		cut := filepath.Join(dir, fmt.Sprint("cut", n))
		if err := os.WriteFile(cut, main, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cut+"-wal", log[:at], 0o600); err != nil {
			t.Fatal(err)
		}
		s, again := open(cut, 2)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		told, boot := lastEntry(t, cut)
		states[told.String()] = true
		if again.Now() < told || boot != 0 && again.Boot() <= boot || again.Now() > last {
			t.Errorf("after %d pages: kit time %v in boot %d, and the journal has %v in boot %d", n, again.Now(), again.Boot(), told, boot)
		}
	}
	if len(states) != 13 {
		t.Errorf("the cuts left %d states, expected one before and one after each of 12 writes", len(states))
	}
}

// lastEntry is the kit time and boot of the youngest entry in a data base.
func lastEntry(t *testing.T, path string) (at time.Duration, boot uint32) {
	t.Helper()
	for _, e := range journalOf(t, path) {
		at, boot = time.Duration(e.Kit)*time.Millisecond, e.Boot
	}
	return at, boot
}

// journalOf reads a data base's journal.
func journalOf(t *testing.T, path string) (es []journal.Entry) {
	t.Helper()
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenWAL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := sqlitex.Execute(conn, "SELECT entry FROM journal ORDER BY seq", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
		b := make([]byte, q.ColumnLen(0))
		q.ColumnBytes(0, b)
		e, err := journal.Decode(b)
		es = append(es, e)
		return err
	}}); err != nil {
		t.Fatal(err)
	}
	return es
}

// TestTheJournalTellsTheTime: a kit on a machine that knows the time says so in its journal, once, and a sale is dated by
// that.
func TestTheJournalTellsTheTime(t *testing.T) {
	k := kittest.Start(t)
	v, err := kittest.NewVisitor(k.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	fixes := func() (n int) {
		for _, e := range journalOf(t, filepath.Join(k.Data, "kit.db")) {
			if e.Kind == journal.Fix {
				n++
			}
		}
		return n
	}
	kittest.Until(t, "a fix in the journal", func() bool { return fixes() > 0 })
	before := time.Now()
	confirmed(t, v, "pen")
	after := time.Now()
	all := journalOf(t, filepath.Join(k.Data, "kit.db"))
	for _, e := range all {
		if e.Kind != journal.Sale {
			continue
		}
		d := journal.NewDates(all).Of(e)
		if !d.Known() || d.Earliest.After(after) || d.Latest.Before(before) {
			t.Errorf("sold between %v and %v, dated %+v", before, after, d)
		}
	}
	if n := fixes(); n > 2 { // a client that keeps the clock may have told more exactly
		t.Errorf("%d fixes in a moment", n)
	}
}
