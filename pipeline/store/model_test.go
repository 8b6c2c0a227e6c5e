package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgekit.internal/pipeline"
)

// model is the same rules, written as plainly as possible.
type model struct {
	stock  map[string]int
	sold   map[string]int
	state  map[string]pipeline.OfferState
	starts map[string]time.Duration // of those that are counted down
	burned map[[8]byte]bool
	taps   map[string]pipeline.Outcome
	had    map[string]int
	n      int64

	corrections map[string]pipeline.CorrectionOutcome
	corrected   int64

	tickets []*modelTicket
	acts    map[string]modelAct
	served  int64
}

func newModel() *model {
	m := &model{stock: map[string]int{"MUG": 10, "PEN": 5}, sold: map[string]int{}, state: map[string]pipeline.OfferState{}, starts: map[string]time.Duration{}, burned: map[[8]byte]bool{}, taps: map[string]pipeline.Outcome{},
		had: map[string]int{}, corrections: map[string]pipeline.CorrectionOutcome{}, acts: map[string]modelAct{}}
	for _, o := range demo.Offers {
		m.state[o.ID] = pipeline.OfferLive
	}
	return m
}

// modelTicket is a ticket as somebody would keep it on paper.
type modelTicket struct {
	viewer, offer string
	lines         []pipeline.OrderLine
	handed, void  []int
	paid          int64
	last          *modelAct // that can be undone
}

// modelAct is what somebody did with one.
type modelAct struct {
	ok     bool
	do     pipeline.CounterAction
	pieces []int
	money  int64
}

func (t *modelTicket) open(i int) int { return t.lines[i].N - t.handed[i] - t.void[i] }

// due is what the pieces that are not void cost: of a line in part, no more than its part.
func (t *modelTicket) due() (minor int64) {
	for i, l := range t.lines {
		minor += l.Amount - l.Amount*int64(t.void[i])/int64(l.N)
	}
	return minor
}

func (t *modelTicket) gone() bool {
	for i, l := range t.lines {
		if t.void[i] < l.N {
			return false
		}
	}
	return true
}

// count is how many pieces an act is about, if there are so many.
func count(asked []int, n int, there func(int) int) ([]int, bool) {
	if asked != nil && len(asked) != n {
		return nil, false
	}
	pieces, sum := make([]int, n), 0
	for i := range pieces {
		pieces[i] = there(i)
		if asked != nil {
			if asked[i] > pieces[i] {
				return nil, false
			}
			pieces[i] = asked[i]
		}
		sum += pieces[i]
	}
	return pieces, sum > 0
}

func (m *model) serve(a pipeline.CounterAct) modelAct {
	if first, ok := m.acts[a.ID]; ok {
		return first
	}
	n, _ := pipeline.ParseTicketNumber(a.Ticket)
	t := m.tickets[n-1]
	act := m.try(t, a)
	m.acts[a.ID] = act
	if act.ok {
		m.served++
		t.last = &act
	}
	return act
}

func (m *model) try(t *modelTicket, a pipeline.CounterAct) modelAct {
	act := modelAct{ok: true, do: a.Do}
	left, owed, gone := 0, t.due()-t.paid, t.gone()
	for i := range t.lines {
		left += t.open(i)
	}
	switch a.Do {
	case pipeline.Ready:
		act.ok = left > 0
	case pipeline.Pay:
		if act.ok = owed > 0 && a.Amount <= owed; act.ok {
			if act.money = a.Amount; a.Amount == 0 {
				act.money = owed
			}
		}
	case pipeline.HandOver:
		if act.pieces, act.ok = count(a.Pieces, len(t.lines), t.open); !act.ok || a.Payment != "" && owed <= 0 {
			return modelAct{do: a.Do}
		}
		for i, n := range act.pieces {
			t.handed[i] += n
		}
		if a.Payment != "" {
			act.money = owed
		}
	case pipeline.Void, pipeline.TakeBack:
		there := t.open
		if a.Do == pipeline.TakeBack {
			there = func(i int) int { return t.handed[i] }
		}
		if act.pieces, act.ok = count(a.Pieces, len(t.lines), there); !act.ok {
			return modelAct{do: a.Do}
		}
		move := func(sign int) {
			for i, n := range act.pieces {
				t.void[i] += sign * n
				if a.Do == pipeline.TakeBack {
					t.handed[i] -= sign * n
				}
			}
		}
		move(1)
		if back := t.paid - t.due(); back > 0 && a.Payment == "" {
			move(-1)
			return modelAct{do: a.Do}
		} else if back > 0 {
			act.money = -back
		}
		for i, n := range act.pieces {
			if a.Restock {
				m.stock[t.lines[i].SKU] += n
			}
		}
		if t.gone() && !gone {
			m.sold[t.offer]--
			m.had[t.viewer+t.offer]--
		}
	case pipeline.Undo:
		if act.ok = t.last != nil && (t.last.do == pipeline.Ready || t.last.do == pipeline.Pay || t.last.do == pipeline.HandOver); !act.ok {
			return modelAct{do: a.Do}
		}
		for i, n := range t.last.pieces {
			t.handed[i] -= n
		}
		act.money = -t.last.money
	}
	t.paid += act.money
	return act
}

func (m *model) correct(c pipeline.Correction) pipeline.CorrectionOutcome {
	if first, ok := m.corrections[c.ID]; ok {
		return first
	}
	out := pipeline.CorrectionOutcome{Outcome: pipeline.Confirmed, Left: m.stock[c.SKU] + c.N}
	if c.Set {
		out.Left = c.N
	}
	if out.Left < 0 {
		out.Outcome, out.Left = pipeline.Refused, m.stock[c.SKU]
	} else {
		m.corrected++
	}
	m.stock[c.SKU] = out.Left
	m.corrections[c.ID] = out
	return out
}

func (m *model) act(o pipeline.Order) pipeline.Outcome {
	key := o.Viewer + " " + o.ID
	if first, ok := m.taps[key]; ok {
		return first
	}
	out := pipeline.Outcome{Tap: o.ID, Reason: pipeline.Confirmed}
	offer, _, _ := demo.Offer(o.Offer)
	enough := true
	for _, l := range offer.Lines {
		enough = enough && m.stock[l.SKU] >= l.N
	}
	switch {
	case m.burned[o.Nonce]:
		out.Reason = pipeline.TokenUsed
	case m.state[o.Offer] == pipeline.OfferSoldOut:
		out.Reason = pipeline.SoldOut
	case m.state[o.Offer] != pipeline.OfferLive:
		out.Reason = pipeline.TooLate
	case !enough || offer.Limit > 0 && m.sold[o.Offer] >= offer.Limit:
		out.Reason = pipeline.SoldOut
	case offer.PerVisitor > 0 && m.had[o.Viewer+o.Offer] >= offer.PerVisitor:
		out.Reason = pipeline.Refused
	default:
		for _, l := range offer.Lines {
			m.stock[l.SKU] -= l.N
		}
		m.sold[o.Offer]++
		m.had[o.Viewer+o.Offer]++
		m.burned[o.Nonce] = true
		m.n++
		m.tickets = append(m.tickets, &modelTicket{viewer: o.Viewer, offer: o.Offer, lines: o.Lines, handed: make([]int, len(o.Lines)), void: make([]int, len(o.Lines))})
		out.Ticket = pipeline.TicketNumber(m.n)
	}
	m.taps[key] = out
	return out
}

// TestAgainstAModel: taps, repeats, replays, corrections of stock, tickets paid, handed over, voided and brought back, and offers opened, counted down and closed, in any
// order, with restarts between.
func TestAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", time.Now().UnixNano()))
		var now atomic.Int64
		now.Store(int64(time.Hour))
		opt := Options{Now: func() time.Duration { return time.Duration(now.Load()) }}
		s, stop := running(t, path, opt)
		defer func() { stop() }()
		m := newModel()
		offers := rapid.SampledFrom([]string{"mug", "set", "one"})
		rt.Repeat(map[string]func(*rapid.T){
			"tap": func(rt *rapid.T) {
				o := order(rapid.IntRange(1, 20).Draw(rt, "tap"), rapid.SampledFrom([]string{"ann", "bob"}).Draw(rt, "viewer"), offers.Draw(rt, "offer"))
				o.Nonce[0] = byte(rapid.IntRange(0, 3).Draw(rt, "token"))
				want, got := m.act(o), act(t, s, o)
				if got.Reason != want.Reason || got.Ticket != want.Ticket {
					rt.Fatalf("%s %s: %s %q, the model says %s %q", o.Viewer, o.ID, got.Reason, got.Ticket, want.Reason, want.Ticket)
				}
			},
			"announce": func(rt *rapid.T) {
				id, in := offers.Draw(rt, "offer"), time.Duration(rapid.IntRange(1, 5).Draw(rt, "s"))*time.Second
				m.state[id], m.starts[id] = pipeline.OfferSoon, opt.Now()+in
				if err := s.SetOffer(context.Background(), "", id, pipeline.OfferSoon, in); err != nil {
					rt.Fatal(err)
				}
			},
			"wait": func(rt *rapid.T) {
				now.Add(int64(time.Duration(rapid.IntRange(1, 5).Draw(rt, "s")) * time.Second))
				for id, at := range m.starts {
					if opt.Now() >= at {
						m.state[id] = pipeline.OfferLive
						delete(m.starts, id)
					}
				}
			},
			"set": func(rt *rapid.T) {
				id, state := offers.Draw(rt, "offer"), rapid.SampledFrom(pipeline.OfferStates).Draw(rt, "state")
				m.state[id] = state
				delete(m.starts, id)
				if err := s.SetOffer(context.Background(), "", id, state, 0); err != nil {
					rt.Fatal(err)
				}
			},
			"correct": func(rt *rapid.T) {
				c := pipeline.Correction{ID: order(rapid.IntRange(1, 20).Draw(rt, "correction"), "", "mug").ID, SKU: rapid.SampledFrom([]string{"MUG", "PEN"}).Draw(rt, "sku"),
					Set: rapid.Bool().Draw(rt, "set"), N: rapid.IntRange(-4, 4).Draw(rt, "n"), Reason: pipeline.Counted}
				if !c.Valid() {
					return
				}
				want := m.correct(c)
				if got, err := s.Correct(context.Background(), c); err != nil || got.Outcome != want.Outcome || got.Left != want.Left {
					rt.Fatalf("%+v: %+v, %v, the model says %+v", c, got, err, want)
				}
			},
			"serve": func(rt *rapid.T) {
				if len(m.tickets) == 0 {
					return
				}
				a := pipeline.CounterAct{ID: order(rapid.IntRange(1, 60).Draw(rt, "act"), "", "mug").ID, Ticket: pipeline.TicketNumber(int64(rapid.IntRange(1, len(m.tickets)).Draw(rt, "ticket"))),
					Do: rapid.SampledFrom(pipeline.CounterActions).Draw(rt, "do"), Payment: rapid.SampledFrom([]pipeline.Payment{"", pipeline.Cash, pipeline.Card}).Draw(rt, "payment"),
					Amount: rapid.SampledFrom([]int64{0, 0, 100, 10_000}).Draw(rt, "amount"), Restock: rapid.Bool().Draw(rt, "restock")}
				if rapid.Bool().Draw(rt, "in part") {
					a.Pieces = rapid.SliceOfN(rapid.IntRange(0, 2), 1, 2).Draw(rt, "pieces")
				}
				if !a.Valid() {
					return
				}
				want := m.serve(a)
				got, err := s.Serve(context.Background(), a)
				if err != nil || got.OK() != want.ok || got.Money != want.money {
					rt.Fatalf("%+v: %+v, %v, the model says %+v", a, got, err, want)
				}
			},
			"restart": func(rt *rapid.T) {
				stop()
				s, stop = running(t, path, opt)
			},
			"": func(rt *rapid.T) {
				for sku, want := range m.stock {
					if _, i, _ := demo.SKU(sku); s.Levels().Stock[i] != want {
						rt.Fatalf("%d %s left, the model says %d", s.Levels().Stock[i], sku, want)
					}
				}
				if es := entries(t, s); int64(len(es)) != m.n+m.corrected+m.served {
					rt.Fatalf("%d journal entries for %d sales, %d corrections and %d acts at the counter", len(es), m.n, m.corrected, m.served)
				}
				m.check(rt, s)
			},
		})
	})
}

// check holds tickets and sums against the store's.
func (m *model) check(rt *rapid.T, s *Store) {
	var taken int64
	open := 0
	for i, t := range m.tickets {
		got, ok, err := s.Ticket(context.Background(), pipeline.TicketNumber(int64(i+1)))
		if err != nil || !ok {
			rt.Fatalf("ticket %d: %v, %v", i+1, ok, err)
		}
		left := 0
		for j := range t.lines {
			left += t.open(j)
			if len(got.Handed) > 0 && (got.Handed[j] != t.handed[j] || got.Void[j] != t.void[j]) {
				rt.Fatalf("%s: %v handed over and %v void, the model says %v and %v", got.Number, got.Handed, got.Void, t.handed, t.void)
			}
		}
		if left > 0 {
			open++
		}
		if got.Paid != t.paid || got.Owed() != t.due()-t.paid || (got.Done > 0) != (left == 0) || (got.State() == pipeline.TicketVoid) != t.gone() {
			rt.Fatalf("%s: %+v, %d owed; the model says %+v, %d", got.Number, got.Fulfilment, got.Owed(), t, t.due()-t.paid)
		}
		taken += t.due()
	}
	if got, err := s.Taken(context.Background()); err != nil || got != taken {
		rt.Fatalf("%d taken, %v, the model says %d", got, err, taken)
	}
	if ts, err := s.ToHandOver(context.Background(), -1, 1000); err != nil || len(ts) != open {
		rt.Fatalf("%d tickets to hand over, %v, the model says %d", len(ts), err, open)
	}
	for i, o := range demo.Offers {
		if s.Levels().Offers[i].Sold != m.sold[o.ID] {
			rt.Fatalf("%d of %s sold, the model says %d", s.Levels().Offers[i].Sold, o.ID, m.sold[o.ID])
		}
	}
}

// TestManyAtOnce: 64 buyers race for 10 mugs, each tap sent twice.
func TestManyAtOnce(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	var confirmed atomic.Int32
	var all sync.WaitGroup
	for n := range 64 {
		offer := []string{"mug", "set"}[n%2]
		all.Go(func() {
			var outs [2]pipeline.Outcome
			var both sync.WaitGroup
			for i := range outs {
				both.Go(func() { outs[i], _ = s.Act(context.Background(), order(n+1, fmt.Sprint("viewer ", n), offer)) })
			}
			both.Wait()
			if outs[0].Ticket != outs[1].Ticket || outs[0].Reason != outs[1].Reason {
				t.Errorf("tap %d: %+v and %+v", n, outs[0], outs[1])
			}
			if outs[0].OK() {
				confirmed.Add(1)
			}
		})
	}
	all.Wait()
	l := s.Levels()
	if l.Left("mug") != 0 || l.Left("set") != 0 || confirmed.Load() != int32(l.Offers[0].Sold+l.Offers[1].Sold) || 10-l.Stock[0] != int(confirmed.Load()) {
		t.Errorf("%d confirmed; levels %+v %+v", confirmed.Load(), l.Stock, l.Offers)
	}
}

// BenchmarkAct measures durable taps a second at 1 and 256 in flight, on the disk of the temporary folder.
func BenchmarkAct(b *testing.B) {
	for _, flight := range []int{1, 256} {
		b.Run(fmt.Sprint(flight, "-in-flight"), func(b *testing.B) {
			s, _ := running(b, filepath.Join(b.TempDir(), "kit.db"), Options{})
			many := pipeline.NewCatalogue("EUR", []pipeline.SKU{{SKU: "MUG", Stock: 1 << 40}}, []pipeline.Offer{{ID: "mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: 1000, State: pipeline.OfferLive}})
			if _, err := s.Import(context.Background(), many, []byte("many")); err != nil {
				b.Fatal(err)
			}
			var next atomic.Int64
			var all sync.WaitGroup
			b.ResetTimer()
			for range flight {
				all.Go(func() {
					for {
						n := int(next.Add(1))
						if n > b.N {
							return
						}
						if out, err := s.Act(context.Background(), order(n, fmt.Sprintf("v%04d", n%500), "mug")); err != nil || !out.OK() {
							b.Errorf("%+v, %v", out, err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "taps/s")
		})
	}
}
