package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
)

// TestALogTornAnywhere: the power goes while the log is being written, so that it ends anywhere, or in what the card
// made of it. What is there is the state after some commit, and it sells on from there: never two stories, never a
// ticket or a piece twice.
func TestALogTornAnywhere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kit.db")
	s, _ := running(t, path, Options{})
	for n := range 8 {
		act(t, s, order(n, fmt.Sprint("v", n), []string{"mug", "set", "one"}[n%3]))
	}
	main, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal") // it runs: nothing of it is in the database yet
	if err != nil || len(log) < 1<<15 {
		t.Fatalf("a log of %d bytes, %v", len(log), err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	most := int64(0)
	for round := range 60 {
		at := filepath.Join(dir, fmt.Sprint(round))
		torn := append([]byte(nil), log[:len(log)-rnd.IntN(len(log)>>(round%4)+1)]...) // anywhere, and often near the end
		if round%3 == 0 && len(torn) > 32 {                                            // the last sectors are rubbish
			for i := max(32, len(torn)-512); i < len(torn); i++ {
				torn[i] = byte(rnd.Uint32())
			}
		}
		if err := os.WriteFile(at, main, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at+"-wal", torn, 0o600); err != nil {
			t.Fatal(err)
		}
		s, stop := running(t, at, Options{})
		sold := agree(t, s)
		most = max(most, sold)
		out := act(t, s, order(100, "late", "mug"))
		if !out.OK() || out.Ticket != pipeline.TicketNumber(sold+1) {
			t.Errorf("round %d: after %d sales: %+v", round, sold, out)
		}
		if again := agree(t, s); again != sold+1 {
			t.Errorf("round %d: %d sales and one more are %d", round, sold, again)
		}
		stop()
	}
	if most < 6 {
		t.Errorf("at most %d sales survived: nothing was torn near the end", most)
	}
}

// agree holds the tables against one another, and against what is in memory, and counts the sales.
func agree(t *testing.T, s *Store) (sales int64) {
	t.Helper()
	err := s.query(context.Background(), "audit", func(c *sqlite.Conn) error {
		one := func(query string) (n int64) {
			if err := sqlitex.Execute(c, query, &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error { n = q.ColumnInt64(0); return nil }}); err != nil {
				t.Error(err)
			}
			return n
		}
		sales = one("SELECT count(*) FROM sales")
		for what, query := range map[string]string{
			"journal entries": "SELECT count(*) FROM journal", "decisions": "SELECT count(*) FROM taps WHERE sale IS NOT NULL", "burned tokens": "SELECT count(*) FROM burned",
			"the last number": "SELECT coalesce(max(number), 0) FROM sales", "sold by offers": "SELECT coalesce(sum(sold), 0) FROM offers",
		} {
			if n := one(query); n != sales {
				t.Errorf("%d sales, %s: %d", sales, what, n)
			}
		}
		mugs := one("SELECT count(*) FROM sales WHERE offer IN ('mug', 'set')")
		pens := one("SELECT coalesce(sum(CASE offer WHEN 'set' THEN 2 WHEN 'one' THEN 1 ELSE 0 END), 0) FROM sales")
		if l := s.Levels(); l.Stock[0] != 10-int(mugs) || l.Stock[1] != 5-int(pens) {
			t.Errorf("stock %v after %d mugs and %d pens", l.Stock, mugs, pens)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sales
}
