package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/pipeline/journal"
)

var (
	crashRounds = flag.Int("crash.rounds", defaultRounds(), "how many times the daemon is killed")
	crashSeed   = flag.Uint64("crash.seed", 0, "seed of the kills and taps; 0: a new one, which is printed")
)

// defaultRounds is a quick look on a developer's machine, and the whole proof in CI.
func defaultRounds() int {
	if os.Getenv("CI") != "" {
		return 200
	}
	return 20
}

// tapped is one tap as its visitor remembers it.
type tapped struct {
	id, offer, token string
	ticket           string // what the first confirmation said; empty: none came
	reason           string // of the first refusal that is a decision
}

// buyer taps as fast as the kit lets them, and repeats what was not answered.
type buyer struct {
	*kittest.Visitor
	rand *rand.Rand
	taps []*tapped
	open *tapped // sent, and not answered
}

// TestKilledAtAnyMoment kills the daemon with SIGKILL at random moments under load, many times over the same data, and
// then holds what visitors were told against what is in the data: every acknowledged tap has one conversion, one
// ticket, one decrement of stock and one journal entry; no token sold twice; a repeated tap got its first outcome.
func TestKilledAtAnyMoment(t *testing.T) {
	seed := *crashSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d, %d rounds", seed, *crashRounds)
	rnd := rand.New(rand.NewPCG(seed, 1))
	programs, data := kittest.Programs(t), t.TempDir()
	flags := []string{"-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue), "-picture", "160x90@2", "-printer", "none"}
	var buyers []*buyer
	addresses := []string{}
	var down int
	for round := range *crashRounds {
		k, err := kittest.Launch(programs, data, append(flags, addresses...)...)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if round == 0 { // the same addresses from now on: visitors come back to where they were
			addresses = []string{"-listen", strings.TrimPrefix(k.Viewer, "http://"), "-operator", strings.TrimPrefix(k.Console, "http://")}
			for i := range 48 {
				buyers = append(buyers, &buyer{Visitor: k.Visit(t), rand: rand.New(rand.NewPCG(seed, uint64(i+2)))})
			}
		}
		stop := make(chan struct{})
		var all sync.WaitGroup
		for _, b := range buyers {
			all.Go(func() { b.shop(t, stop) })
		}
		time.Sleep(time.Duration(10+rnd.IntN(240)) * time.Millisecond) // the moment of the kill is the input here, not a wait
		k.Kill()
		down++
		close(stop)
		all.Wait()
		if t.Failed() {
			t.Fatalf("round %d, seed %d\n%s", round, seed, k.Log())
		}
	}
	settle(t, programs, data, append(flags, addresses...), buyers)
	acked, sales := held(t, buyers, audit(t, data))
	t.Logf("%d kills, %d sales acknowledged, %d in the data", down, acked, sales)
	if acked < *crashRounds {
		t.Errorf("only %d sales in %d rounds: this was no load", acked, *crashRounds)
	}
}

// held holds what visitors were told against the sales in the data, by viewer and tap.
func held(t *testing.T, buyers []*buyer, sales map[string]string) (acked, sold int) {
	t.Helper()
	for _, b := range buyers {
		for _, tap := range b.taps {
			s, sold := sales[b.ID+" "+tap.id]
			switch {
			case tap.ticket != "":
				acked++
				if !sold || s != tap.ticket {
					t.Errorf("tap %s was acknowledged with ticket %s; the data says %q", tap.id, tap.ticket, s)
				}
			case sold:
				t.Errorf("tap %s became ticket %s, and its visitor was told %q", tap.id, s, tap.reason)
			}
		}
	}
	return acked, len(sales)
}

// shop taps until stop, or until the kit is gone.
func (b *buyer) shop(t *testing.T, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if b.open == nil {
			offer := []string{"mug", "pen", "pen", "set"}[b.rand.IntN(4)]
			o, err := b.Offer(offer)
			if err != nil {
				return
			}
			tap := &tapped{id: kittest.NewTap(), offer: offer, token: o.Token}
			b.taps = append(b.taps, tap)
			b.open = tap
			if n := len(b.taps); n > 1 && b.rand.IntN(4) == 0 {
				tap.token = b.taps[b.rand.IntN(n-1)].token // a replay: may be of a token that sold, or of one for something else
			}
		}
		if !b.send(t, b.open) {
			return
		}
		if old := b.taps[b.rand.IntN(len(b.taps))]; b.rand.IntN(4) == 0 && old != b.open && !b.send(t, old) {
			return
		}
	}
}

// send sends a tap, perhaps again, and holds the answer against what was answered before; false: the kit is gone.
func (b *buyer) send(t *testing.T, tap *tapped) bool {
	a, err := b.Tap(tap.id, tap.offer, tap.token)
	if err != nil || a.Status == http.StatusServiceUnavailable {
		return false
	}
	if a.Status == http.StatusTooManyRequests {
		return true
	}
	switch {
	case a.Status == http.StatusOK:
		if tap.ticket != "" && tap.ticket != a.Ticket || tap.reason != "" {
			t.Errorf("tap %s: first %q %q, then ticket %s", tap.id, tap.ticket, tap.reason, a.Ticket)
		}
		tap.ticket = a.Ticket
	case tap.ticket != "":
		t.Errorf("tap %s: first ticket %s, then %s", tap.id, tap.ticket, a.Reason)
	default:
		tap.reason = a.Reason
	}
	if tap == b.open {
		b.open = nil
	}
	return true
}

// settle brings every tap to an answer: what was under way when the kit was killed is sent again.
func (b *buyer) settle(t *testing.T) {
	t.Helper()
	kittest.Until(t, "answer to the last tap", func() bool { return b.open == nil || b.send(t, b.open) && b.open == nil })
	for _, tap := range b.taps[max(0, len(b.taps)-3):] {
		b.send(t, tap)
	}
}

// settle starts the kit once more, for every buyer to settle.
func settle(t *testing.T, programs, data string, flags []string, buyers []*buyer) {
	t.Helper()
	k, err := kittest.Launch(programs, data, flags...)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Kill()
	for _, b := range buyers {
		b.settle(t)
	}
}

// audit reads the data and holds its parts against one another. It returns the sales, by viewer and tap.
func audit(t *testing.T, data string) map[string]string {
	t.Helper()
	conn, err := sqlite.OpenConn(filepath.Join(data, "kit.db"), sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	each := func(query string, f func(q *sqlite.Stmt)) {
		t.Helper()
		err := sqlitex.ExecuteTransient(conn, query, &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error { f(q); return nil }})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	none := func(what, query string) {
		t.Helper()
		each(query, func(q *sqlite.Stmt) { t.Errorf("%s: %s", what, q.ColumnText(0)) })
	}
	each("PRAGMA integrity_check", func(q *sqlite.Stmt) {
		if q.ColumnText(0) != "ok" {
			t.Error("integrity: ", q.ColumnText(0))
		}
	})
	none("a sale without its tap's decision", "SELECT number FROM sales s WHERE NOT EXISTS (SELECT 1 FROM taps t WHERE t.viewer = s.viewer AND t.id = s.tap AND t.sale = s.number)")
	none("a decision without its sale", "SELECT id FROM taps t WHERE sale IS NOT NULL AND NOT EXISTS (SELECT 1 FROM sales s WHERE s.number = t.sale AND s.tap = t.id)")
	none("a tap that sold twice", "SELECT tap FROM sales GROUP BY viewer, tap HAVING count(*) > 1")
	none("a gap in the tickets", "SELECT max(number) || ' tickets, ' || count(*) || ' there' FROM sales HAVING max(number) != count(*)")
	none("tokens burned and sales differ", "SELECT (SELECT count(*) FROM burned) || ' burned, ' || (SELECT count(*) FROM sales) || ' sold' WHERE (SELECT count(*) FROM burned) < (SELECT count(*) FROM sales)")
	none("an offer's count is off", "SELECT id || ' sold ' || sold FROM offers o WHERE sold != (SELECT count(*) FROM sales s WHERE s.offer = o.id)")

	mugs, pens, sales := 10, 1_000_000, map[string]string{}
	tickets := map[int64]string{}
	each("SELECT number, viewer, tap, offer FROM sales", func(q *sqlite.Stmt) {
		switch q.ColumnText(3) {
		case "mug":
			mugs--
		case "pen":
			pens--
		case "set":
			mugs--
			pens -= 2
		}
		tickets[q.ColumnInt64(0)] = q.ColumnText(3)
		sales[q.ColumnText(1)+" "+q.ColumnText(2)] = number(q.ColumnInt64(0))
	})
	each("SELECT sku, left FROM stock", func(q *sqlite.Stmt) {
		if want := map[string]int{"MUG": mugs, "PEN": pens}[q.ColumnText(0)]; q.ColumnInt(1) != want {
			t.Errorf("stock of %s is %d, the sales leave %d", q.ColumnText(0), q.ColumnInt(1), want)
		}
	})
	if mugs < 0 {
		t.Errorf("%d mugs oversold", -mugs)
	}
	each("SELECT entry FROM journal ORDER BY seq", func(q *sqlite.Stmt) {
		b := make([]byte, q.ColumnLen(0))
		q.ColumnBytes(0, b)
		e, err := journal.Decode(b)
		if err == nil && e.Kind == journal.Fix {
			return // what the wall clock is, and no sale
		}
		if err != nil || tickets[e.Ticket] != e.Offer {
			t.Errorf("journal entry %+v, %v", e, err)
		}
		delete(tickets, e.Ticket)
	})
	for n := range tickets {
		t.Errorf("no journal entry for ticket %d", n)
	}
	return sales
}

func number(n int64) string {
	return fmt.Sprintf("%c-%03d", 'A'+rune((n-1)/999%26), (n-1)%999+1) // enough for this test's sales
}
