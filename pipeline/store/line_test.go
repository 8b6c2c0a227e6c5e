package store

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgekit.internal/pipeline"
)

// queue is a line as somebody would keep it on paper.
type queue struct {
	left    int
	waiting []string
	called  map[string]time.Duration
	tickets []bool // whether each is still sold
	limit   int
}

// free is how many there are for whoever comes next.
func (q *queue) free() int {
	sold := 0
	for _, is := range q.tickets {
		if is {
			sold++
		}
	}
	return min(q.left, q.limit-sold-len(q.called))
}

func (q *queue) call(until time.Duration) {
	for q.free() > 0 && len(q.waiting) > 0 {
		q.left--
		q.called[q.waiting[0]] = until
		q.waiting = q.waiting[1:]
	}
}

// TestTheLineIsByArrival: whatever is sold, brought back, corrected, left and waited for, with restarts between, nobody has what somebody who came before waits for, what is
// kept for one is sold to nobody else, and everybody is told how many are before them.
func TestTheLineIsByArrival(t *testing.T) {
	const turn = 10 * time.Second
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", time.Now().UnixNano()))
		var now atomic.Int64
		now.Store(int64(time.Hour))
		opt := Options{Now: func() time.Duration { return time.Duration(now.Load()) }, Line: turn}
		s, stop := running(t, path, opt)
		defer func() { stop() }()
		ctx := context.Background()
		if _, err := s.Correct(ctx, pipeline.Correction{ID: order(90000, "", "mug").ID, SKU: "MUG", Set: true, N: 2, Reason: pipeline.Counted}); err != nil {
			rt.Fatal(err)
		}
		m := &queue{left: 2, limit: 5, called: map[string]time.Duration{}}
		viewers := rapid.SampledFrom([]string{"ann", "bob", "cid", "dan", "eve", "fay"})
		n := 0
		rt.Repeat(map[string]func(*rapid.T){
			"tap": func(rt *rapid.T) {
				n++
				v, want := viewers.Draw(rt, "viewer"), pipeline.SoldOut
				switch _, called := m.called[v]; {
				case called:
					delete(m.called, v)
					want = pipeline.Confirmed
				case m.free() > 0:
					m.left--
					want = pipeline.Confirmed
				case !slices.Contains(m.waiting, v):
					m.waiting = append(m.waiting, v)
				}
				if want == pipeline.Confirmed {
					m.tickets = append(m.tickets, true)
				}
				o := order(n, v, "mug")
				if out, again := act(t, s, o), act(t, s, o); out.Reason != want || again.Reason != want || again.Details != out.Details {
					rt.Fatalf("%s: %+v, and again %+v; on paper %s", v, out, again, want)
				}
			},
			"at the counter": func(rt *rapid.T) {
				n++
				o := order(n, fmt.Sprint("counter", n), "mug")
				o.Via = pipeline.ViaConsole
				free := m.free() > 0
				if out := act(t, s, o); out.OK() != free {
					rt.Fatalf("%+v with %d left", out, m.left)
				}
				if free {
					m.left--
					m.tickets = append(m.tickets, true)
				}
			},
			"void": func(rt *rapid.T) {
				if len(m.tickets) == 0 {
					return
				}
				n++
				ticket := rapid.IntRange(0, len(m.tickets)-1).Draw(rt, "ticket")
				a := counterAct(n, pipeline.TicketNumber(int64(ticket+1)), pipeline.Void)
				a.Restock = rapid.Bool().Draw(rt, "restock")
				if out, err := s.Serve(ctx, a); err != nil || out.OK() != m.tickets[ticket] {
					rt.Fatalf("%+v, %v", out, err)
				}
				if m.tickets[ticket] && a.Restock {
					m.left++
				}
				m.tickets[ticket] = false
				m.call(opt.Now() + turn)
			},
			"correct": func(rt *rapid.T) {
				n++
				c := pipeline.Correction{ID: order(50000+n, "", "mug").ID, SKU: "MUG", N: rapid.IntRange(-2, 2).Draw(rt, "n"), Reason: pipeline.Delivered}
				if !c.Valid() {
					return
				}
				if out, err := s.Correct(ctx, c); err != nil || out.OK() != (m.left+c.N >= 0) {
					rt.Fatalf("%+v, %v with %d left", out, err, m.left)
				} else if out.OK() {
					m.left += c.N
				}
				m.call(opt.Now() + turn)
			},
			"leave": func(rt *rapid.T) {
				v := viewers.Draw(rt, "viewer")
				if err := s.Leave(ctx, v, "mug"); err != nil {
					rt.Fatal(err)
				}
				if _, called := m.called[v]; called {
					delete(m.called, v)
					m.left++
				}
				m.waiting = slices.DeleteFunc(m.waiting, func(w string) bool { return w == v })
				m.call(opt.Now() + turn)
			},
			"wait": func(rt *rapid.T) {
				now.Add(int64(time.Duration(rapid.IntRange(1, 12).Draw(rt, "s")) * time.Second))
				for v, until := range m.called {
					if until <= opt.Now() {
						delete(m.called, v)
						m.left++
					}
				}
				m.call(opt.Now() + turn)
				if err := s.change(ctx, passed); err != nil {
					rt.Fatal(err)
				}
			},
			"restart": func(rt *rapid.T) {
				stop()
				s, stop = running(t, path, opt)
			},
			"": func(rt *rapid.T) {
				l := s.Levels()
				_, i, _ := demo.Offer("mug")
				if l.Stock[0] != m.left || l.Offers[i].Kept != len(m.called) || l.Offers[i].Waiting != len(m.waiting) {
					rt.Fatalf("%d left, %+v; on paper %+v", l.Stock[0], l.Offers[i], m)
				}
				for v, until := range m.called {
					if p, ok := s.Place(v, "mug"); !ok || p.Until != until {
						rt.Fatalf("%s is called until %v: %+v, %v", v, until, p, ok)
					}
				}
				for ahead, v := range m.waiting {
					if p, ok := s.Place(v, "mug"); !ok || p != (pipeline.Place{Ahead: ahead}) {
						rt.Fatalf("%s has %d before them: %+v, %v", v, ahead, p, ok)
					}
				}
			},
		})
	})
}

// TestWhatIsKeptIsNotSoldByAnImport: catalogues with more or fewer pieces come while some are kept and others wait, with restarts between: what is left, with what is kept, is
// always what the catalogue has less all that was sold, and those who wait longest have it.
func TestWhatIsKeptIsNotSoldByAnImport(t *testing.T) {
	const turn = 10 * time.Second
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", time.Now().UnixNano()))
		var now atomic.Int64
		now.Store(int64(time.Hour))
		opt := Options{Now: func() time.Duration { return time.Duration(now.Load()) }, Line: turn}
		s, stop := running(t, path, opt)
		defer func() { stop() }()
		ctx := context.Background()
		mug, _, _ := demo.Offer("mug")
		mug.Limit = 0
		stock, sold, n, imports := 10, 0, 0, 0
		bring := func() {
			imports++
			c := pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "MUG", Title: "Mug", Price: 1250, Tax: 19000, Stock: stock}}, []pipeline.Offer{mug})
			if _, err := s.Import(ctx, c, fmt.Append(nil, imports)); err != nil {
				rt.Fatal(err)
			}
		}
		stock = 1
		bring()
		var inLine []string // who waits or is called, by when they came
		called := map[string]time.Duration{}
		settle := func() {
			for _, v := range inLine {
				if _, is := called[v]; !is && len(called) < max(0, stock-sold) {
					called[v] = opt.Now() + turn
				}
			}
		}
		gone := func(v string) {
			delete(called, v)
			inLine = slices.DeleteFunc(inLine, func(w string) bool { return w == v })
		}
		rt.Repeat(map[string]func(*rapid.T){
			"import": func(rt *rapid.T) {
				stock = rapid.IntRange(0, 8).Draw(rt, "stock")
				bring()
				clear(called)
				settle()
			},
			"tap": func(rt *rapid.T) {
				n++
				v, want := rapid.SampledFrom([]string{"ann", "bob", "cid", "dan", "eve"}).Draw(rt, "viewer"), pipeline.SoldOut
				if _, is := called[v]; is || len(called) < max(0, stock-sold) {
					want = pipeline.Confirmed
					sold++
					gone(v)
				} else if !slices.Contains(inLine, v) {
					inLine = append(inLine, v)
				}
				if out := act(t, s, order(n, v, "mug")); out.Reason != want {
					rt.Fatalf("%s: %+v; on paper %s, %d of %d sold, %v called of %v", v, out, want, sold, stock, called, inLine)
				}
			},
			"wait": func(rt *rapid.T) {
				now.Add(int64(time.Duration(rapid.IntRange(1, 12).Draw(rt, "s")) * time.Second))
				for v, until := range called {
					if until <= opt.Now() {
						gone(v)
					}
				}
				settle()
				if err := s.change(ctx, passed); err != nil {
					rt.Fatal(err)
				}
			},
			"restart": func(rt *rapid.T) {
				stop()
				s, stop = opened(t, path, opt)
			},
			"": func(rt *rapid.T) {
				l := s.Levels()
				if want := max(0, stock-sold) - len(called); l.Stock[0] != want || l.Offers[0].Kept != len(called) || l.Offers[0].Waiting != len(inLine)-len(called) {
					rt.Fatalf("%d left, %+v; on paper %d, %d of %d sold, %v called of %v", l.Stock[0], l.Offers[0], want, sold, stock, called, inLine)
				}
				for v, until := range called {
					if p, ok := s.Place(v, "mug"); !ok || p.Until != until {
						rt.Fatalf("%s is called until %v: %+v, %v", v, until, p, ok)
					}
				}
			},
		})
	})
}
