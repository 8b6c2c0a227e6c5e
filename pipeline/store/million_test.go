package store

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

var operations = flag.Int("store.operations", 5_000, "how many, in TestManyOperationsThroughCrashes")

const (
	sellsEnv  = "EDGEKIT_TEST_STORE" // "PATH FROM TO": this process is the one that is killed
	inFlight  = 256
	perKill   = 25 // kills a run
	crowdSeed = 42
)

func TestMain(m *testing.M) {
	if of := os.Getenv(sellsEnv); of != "" {
		if err := sells(of, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// crowded is what is sold there: little of everything, and a bundle that has some of each.
var crowded = pipeline.NewCatalogue("EUR",
	[]pipeline.SKU{{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19000, Stock: 60}, {SKU: "PEN", Title: "Pen", Price: 300, Tax: 7000, Stock: 90}},
	[]pipeline.Offer{
		{ID: "mug", Title: "Mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: 1000, State: pipeline.OfferLive},
		{ID: "set", Title: "Desk set", Lines: []pipeline.Line{{SKU: "MUG", N: 1}, {SKU: "PEN", N: 2}}, Price: 1501, Limit: 40, State: pipeline.OfferLive,
			Steps: []pipeline.Step{{Sold: 20, Price: 1602}, {Sold: 38, Price: 1803}}},
		{ID: "one", Title: "One each", Lines: []pipeline.Line{{SKU: "PEN", N: 1}}, Price: 250, PerVisitor: 1, State: pipeline.OfferLive},
	})

// repeated is the operation that the n-th repeats: itself, or one in five an earlier one.
func repeated(n int) int {
	rnd := rand.New(rand.NewPCG(crowdSeed, uint64(n)))
	if n > 0 && rnd.IntN(5) == 0 {
		return repeated(max(0, n-1-rnd.IntN(1000)))
	}
	return n
}

// operate does the n-th operation, which is always the same, and says what came of it; "": that may be another the next time.
func operate(s *Store, n int) (said string, err error) {
	like := repeated(n)
	rnd := rand.New(rand.NewPCG(crowdSeed+1, uint64(like)))
	ctx := context.Background()
	id := fmt.Sprintf("%026d", like)
	switch what := rnd.IntN(20); {
	case what < 12:
		offer := s.Levels().At(rnd.IntN(3), s.opt.Now())
		o := pipeline.Order{Tap: pipeline.Tap{ID: id, Viewer: fmt.Sprint("v", rnd.IntN(5000)), Offer: offer.ID, Via: pipeline.ViaPage}, Decision: pipeline.Confirmed, Expires: 1 << 40,
			Title: offer.Title, Lines: pipeline.Price(crowded, offer), Total: pipeline.Money{Minor: offer.Price, Currency: "EUR"}}
		copy(o.Nonce[:], strconv.Itoa(like))
		out, err := s.Act(ctx, o)
		return fmt.Sprint(out.Reason, " ", out.Ticket), err
	case what < 18:
		a := pipeline.CounterAct{ID: id, Ticket: pipeline.TicketNumber(int64(rnd.IntN(like/6+1) + 1)), Do: pipeline.CounterActions[rnd.IntN(len(pipeline.CounterActions))]}
		if a.Do != pipeline.Ready && a.Do != pipeline.Undo {
			a.Payment = pipeline.Payments[rnd.IntN(3)]
		}
		if a.Restock = a.Do == pipeline.Void || a.Do == pipeline.TakeBack; a.Restock && rnd.IntN(3) == 0 {
			a.For = crowded.Offers[rnd.IntN(3)].ID
		}
		out, err := s.Serve(ctx, a)
		if errors.As(err, new(ErrUnknown)) {
			return "", nil
		}
		return fmt.Sprint(out.Outcome, " ", out.Money, " ", out.Details), err
	case what < 19:
		if rnd.IntN(1000) == 0 {
			c, err := s.CloseTill(ctx, id)
			return fmt.Sprint("closed ", c.N, " ", c.Ticket), err
		}
		offer, state, in := crowded.Offers[rnd.IntN(3)].ID, pipeline.OfferLive, time.Duration(0)
		switch rnd.IntN(10) {
		case 0:
			state = pipeline.OfferOver
		case 1, 2, 3:
			state, in = pipeline.OfferSoon, time.Duration(1+rnd.IntN(30))*time.Millisecond
		}
		return "done", s.SetOffer(ctx, id, offer, state, in)
	}
	c := pipeline.Correction{ID: id, SKU: []string{"MUG", "PEN"}[rnd.IntN(2)], N: rnd.IntN(30) - 5, Set: rnd.IntN(8) == 0, Reason: pipeline.Counted}
	if !c.Valid() {
		c.N = 7
	}
	out, err := s.Correct(ctx, c)
	return fmt.Sprint(out.Outcome, " ", out.Left), err
}

// sells is the process that is killed: it does the operations from one to another, many at once, and says what came of each once that is so.
func sells(of string, to io.Writer) error {
	var path string
	var from, upTo int
	if _, err := fmt.Sscan(of, &path, &from, &upTo); err != nil {
		return err
	}
	s, err := Open(path, Options{Line: 30 * time.Millisecond})
	if err != nil {
		return err
	}
	go s.Run(context.Background())
	if _, err := s.Import(context.Background(), crowded, []byte("crowded")); err != nil {
		return err
	}
	said := make(chan string, 4096)
	var fault error
	var all, writer sync.WaitGroup
	var mu sync.Mutex
	next := from
	for range inFlight {
		all.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				stop := fault != nil
				mu.Unlock()
				if n >= upTo || stop {
					return
				}
				line, err := operate(s, n)
				if err != nil {
					mu.Lock()
					fault = fmt.Errorf("operation %d: %w", n, err)
					mu.Unlock()
					return
				}
				said <- fmt.Sprintf("%d %s\n", n, line)
			}
		})
	}
	writer.Go(func() {
		w := bufio.NewWriter(to)
		for line := range said {
			w.WriteString(line)
			if len(said) == 0 {
				w.Flush()
			}
		}
		w.Flush()
	})
	all.Wait()
	close(said)
	writer.Wait()
	return fault
}

// TestManyOperationsThroughCrashes: sales, hand-overs, voids, returns, exchanges, corrections, offers that are ended, started and counted down, days that end, by 256 at once, a fifth of them
// repeats, in a process that is killed again and again. Each is sold at the price of its step, to the piece. What was said to be so stays so, word by word, and all that is in the journal, added up one after the other, is what there is: nothing is sold that is
// not there, at no moment. The same is run with a million: `make test` does.
func TestManyOperationsThroughCrashes(t *testing.T) {
	dir := t.TempDir()
	if mem, err := os.MkdirTemp("/dev/shm", "edgekit"); err == nil { // what is written outlives a kill there too, and a sync costs nothing
		t.Cleanup(func() { os.RemoveAll(mem) })
		dir = mem
	}
	path := filepath.Join(dir, "kit.db")
	said, told := make([]string, *operations), make([]bool, *operations)
	rnd := rand.New(rand.NewPCG(crowdSeed, 0))
	kills, from := 0, 0
	for from < len(said) {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d", sellsEnv, path, from, len(said)))
		c.Stderr = os.Stderr
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		die := from + 1 + rnd.IntN(2*len(said)/perKill+1) // how far it comes
		lines := bufio.NewReader(out)
		killed := false
		for {
			text, err := lines.ReadString('\n')
			if err != nil {
				break // what there is of it is half a line
			}
			n, line, _ := strings.Cut(strings.TrimSuffix(text, "\n"), " ")
			i, err := strconv.Atoi(n)
			if err != nil || i >= len(said) {
				t.Fatalf("%q", text)
			}
			told[i] = true
			if said[i] == "" {
				said[i] = line
			} else if line != "" && line != said[i] {
				t.Fatalf("operation %d: %q, and before it was killed %q", i, line, said[i])
			}
			if i >= die && !killed && i < len(said)-inFlight {
				killed = true
				kills++
				c.Process.Kill()
			}
		}
		if err := c.Wait(); err != nil && !killed {
			t.Fatalf("it ended by itself: %v", err)
		}
		if !killed {
			break
		}
		for from < die && told[from] { // what nobody was told of is done again
			from++
		}
	}
	for n, line := range said {
		if first := said[repeated(n)]; first != "" && line != "" && first != line {
			t.Fatalf("operation %d: %q, and %d, which it repeats: %q", n, line, repeated(n), first)
		}
	}
	s, _ := opened(t, path, Options{Line: time.Hour})
	sales, served, corrected := replayed(t, s, said)
	t.Logf("%d operations, killed %d times: %d sales, %d acts at the counter, %d corrections", len(said), kills, sales, served, corrected)
	if kills < perKill/3 || sales < len(said)/100 || served < len(said)/100 || corrected < len(said)/100 {
		t.Error("that proves little")
	}
}

// opened opens a store as it is.
func opened(t *testing.T, path string, opt Options) (*Store, func()) {
	t.Helper()
	s, err := Open(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		<-done
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return s, stop
}

// replayed adds up the journal, holds each step against what there was, and the end against the tables.
func replayed(t *testing.T, s *Store, said []string) (sales, served, corrected int) {
	t.Helper()
	stock, sold, had := map[string]int{}, map[string]int{}, map[string]int{}
	for _, sku := range crowded.SKUs {
		stock[sku.SKU] = sku.Stock
	}
	viewers, ids := map[int64]string{}, map[int64]string{}
	if err := s.query(context.Background(), "buyers", func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "SELECT number, viewer, tap FROM sales", &sqlitex.ExecOptions{ResultFunc: func(q *sqlite.Stmt) error {
			viewers[q.ColumnInt64(0)], ids[q.ColumnInt64(0)] = q.ColumnText(1), q.ColumnText(2)
			return nil
		}})
	}); err != nil {
		t.Fatal(err)
	}
	tickets, prices := map[int64]*modelTicket{}, map[int64]int{}
	var net, next int64
	for at, e := range entries(t, s) {
		switch e.Kind {
		case journal.Sale:
			sales++
			_, i, _ := crowded.Offer(e.Offer)
			offer := (&pipeline.Levels{Catalogue: crowded, Offers: []pipeline.Level{{Sold: sold[e.Offer]}, {Sold: sold[e.Offer]}, {Sold: sold[e.Offer]}}}).At(i, 0)
			if e.Total != offer.Price {
				t.Fatalf("entry %d: %d for %s, of which %d were sold before: expected %d", at, e.Total, e.Offer, sold[e.Offer], offer.Price)
			}
			if e.Offer == "set" {
				prices[e.Total]++
			}
			who := viewers[e.Ticket] + e.Offer
			sold[e.Offer]++
			had[who]++
			lines := pipeline.Price(crowded, offer)
			tickets[e.Ticket] = &modelTicket{viewer: viewers[e.Ticket], offer: e.Offer, lines: lines, handed: make([]int, len(lines)), void: make([]int, len(lines))}
			if n, err := strconv.Atoi(strings.TrimLeft(ids[e.Ticket], "0")); err == nil && said[n] != "" && !strings.Contains(said[n]+":", " "+pipeline.TicketNumber(e.Ticket)+":") {
				t.Fatalf("ticket %d is of operation %d, which was told %q", e.Ticket, n, said[n])
			}
			for _, l := range e.Lines {
				stock[l.SKU] -= l.N
			}
			net += e.Total
			if next++; e.Ticket != next || offer.Limit > 0 && sold[e.Offer] > offer.Limit || offer.PerVisitor > 0 && had[who] > offer.PerVisitor {
				t.Fatalf("entry %d: ticket %d, expected %d; %d of %s, %d for %s", at, e.Ticket, next, sold[e.Offer], e.Offer, had[who], who)
			}
		case journal.Closing:
			if e.Ticket > next || next-e.Ticket >= 999 {
				t.Fatalf("entry %d: closed up to ticket %d, after %d", at, e.Ticket, next)
			}
			next = (e.Ticket + 998) / 999 * 999
		case journal.Stock:
			corrected++
			stock[e.Lines[0].SKU] += e.Lines[0].N
		case journal.Counter:
			served++
			m := tickets[e.Ticket]
			gone := m.gone()
			m.paid += e.Total
			for _, l := range e.Lines {
				i := 0
				for m.lines[i].SKU != l.SKU {
					i++
				}
				switch pipeline.CounterAction(e.Action) {
				case pipeline.HandOver, pipeline.Undo:
					m.handed[i] += l.N
				case pipeline.TakeBack:
					m.handed[i] -= l.N
					m.void[i] += l.N
				case pipeline.Void:
					m.void[i] += l.N
				}
				if e.Restock {
					stock[l.SKU] += l.N
				}
				net -= l.Amount
				if m.handed[i] < 0 || m.open(i) < 0 {
					t.Fatalf("entry %d: ticket %d, line %d: %d handed over, %d void of %d", at, e.Ticket, i, m.handed[i], m.void[i], m.lines[i].N)
				}
			}
			if m.gone() && !gone {
				sold[m.offer]--
				had[m.viewer+m.offer]--
			}
			if m.paid < 0 || m.paid > m.due() {
				t.Fatalf("entry %d: %d paid of %d for ticket %d", at, m.paid, m.due(), e.Ticket)
			}
		}
		for sku, n := range stock {
			if n < 0 {
				t.Fatalf("entry %d: %d of %s are left", at, n, sku)
			}
		}
	}
	kept := map[string]int{}
	for i, o := range crowded.Offers {
		for _, l := range o.Lines {
			kept[l.SKU] += l.N * s.Levels().Offers[i].Kept
		}
	}
	for i, sku := range crowded.SKUs {
		if got := s.Levels().Stock[i] + kept[sku.SKU]; got != stock[sku.SKU] {
			t.Errorf("%d of %s are left, the journal says %d", got, sku.SKU, stock[sku.SKU])
		}
	}
	for i, o := range crowded.Offers {
		if got := s.Levels().Offers[i].Sold; got != sold[o.ID] {
			t.Errorf("%d of %s are sold, the journal says %d", got, o.ID, sold[o.ID])
		}
	}
	if got, err := s.Taken(context.Background()); err != nil || got != net {
		t.Errorf("%d taken, %v, the journal says %d", got, err, net)
	}
	open := 0
	for _, m := range tickets {
		for i := range m.lines {
			if m.open(i) > 0 {
				open++
				break
			}
		}
	}
	if ts, err := s.ToHandOver(context.Background(), -1, len(said)); err != nil || len(ts) != open {
		t.Errorf("%d tickets to hand over, %v, the journal says %d", len(ts), err, open)
	}
	t.Logf("the set at each price: %v; in line: %+v, kept %v", prices, s.Levels().Offers, kept)
	return sales, served, corrected
}
