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
	burned map[[8]byte]bool
	taps   map[string]pipeline.Outcome
	had    map[string]int
	n      int64

	corrections map[string]pipeline.CorrectionOutcome
	corrected   int64
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
		out.Ticket = pipeline.TicketNumber(m.n)
	}
	m.taps[key] = out
	return out
}

// TestAgainstAModel: taps, repeats, replays, corrections of stock and offers opened and closed, in any order, with restarts between.
func TestAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", time.Now().UnixNano()))
		s, stop := running(t, path, Options{})
		defer func() { stop() }()
		m := &model{map[string]int{"MUG": 10, "PEN": 5}, map[string]int{}, map[string]pipeline.OfferState{}, map[[8]byte]bool{}, map[string]pipeline.Outcome{}, map[string]int{}, 0, map[string]pipeline.CorrectionOutcome{}, 0}
		for _, o := range demo.Offers {
			m.state[o.ID] = pipeline.OfferLive
		}
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
			"set": func(rt *rapid.T) {
				id, state := offers.Draw(rt, "offer"), rapid.SampledFrom(pipeline.OfferStates).Draw(rt, "state")
				m.state[id] = state
				if err := s.SetOffer(context.Background(), id, state); err != nil {
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
			"restart": func(rt *rapid.T) {
				stop()
				s, stop = running(t, path, Options{})
			},
			"": func(rt *rapid.T) {
				for sku, want := range m.stock {
					if _, i, _ := demo.SKU(sku); s.Levels().Stock[i] != want {
						rt.Fatalf("%d %s left, the model says %d", s.Levels().Stock[i], sku, want)
					}
				}
				if es := entries(t, s); int64(len(es)) != m.n+m.corrected {
					rt.Fatalf("%d journal entries for %d sales and %d corrections", len(es), m.n, m.corrected)
				}
			},
		})
	})
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
