package store

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

func press(t interface {
	Helper()
	Fatal(...any)
}, s *Store, n int, a pipeline.Action) pipeline.PressOutcome {
	t.Helper()
	out, err := s.Press(context.Background(), pipeline.Press{ID: fmt.Sprintf("%026d", n), Button: "a button", Gesture: "short", Action: a, Via: pipeline.ViaButton})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAPressIsOneOfEverything: what it changed, its record and its journal entry; and once, however often it is repeated.
func TestAPressIsOneOfEverything(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "kit.db"), atomic.Int64{}
	now.Store(int64(90 * time.Second))
	opt := Options{Now: func() time.Duration { return time.Duration(now.Load()) }, Boot: func() uint32 { return 7 }}
	s, stop := running(t, path, opt)
	for id, state := range map[string]pipeline.OfferState{"mug": pipeline.OfferHidden, "set": pipeline.OfferSoon, "one": pipeline.OfferOver} {
		if err := s.SetOffer(context.Background(), "", id, state, 0); err != nil {
			t.Fatal(err)
		}
	}
	first := press(t, s, 1, pipeline.StartNextDrop)
	if !first.OK() || first.Offer != "set" || first.Details != "Desk set is live." || s.Levels().Offers[1].State != pipeline.OfferLive {
		t.Fatalf("the announced one goes first: %+v", first)
	}
	if again := press(t, s, 1, pipeline.MarkSoldOut); !again.Repeat || again.Offer != "set" || again.Action != pipeline.StartNextDrop || s.Levels().Offers[1].State != pipeline.OfferLive {
		t.Errorf("%+v", again)
	}
	if hasty := press(t, s, 2, pipeline.StartNextDrop); hasty.OK() || !strings.Contains(hasty.Details, "just now") {
		t.Errorf("%+v", hasty)
	}
	now.Add(int64(dropPause))
	if out := press(t, s, 3, pipeline.StartNextDrop); out.Offer != "mug" {
		t.Errorf("%+v", out)
	}
	now.Add(int64(dropPause))
	if out := press(t, s, 4, pipeline.StartNextDrop); out.OK() || !strings.Contains(out.Details, "announce one") {
		t.Errorf("%+v", out)
	}
	if out := press(t, s, 5, pipeline.MarkSoldOut); !out.OK() || out.Offer != "mug" || s.Levels().Offers[0].State != pipeline.OfferSoldOut {
		t.Errorf("of two live ones, the one started last: %+v", out)
	}
	if out := act(t, s, order(1, "ann", "mug")); out.Reason != pipeline.SoldOut {
		t.Errorf("%+v", out)
	}
	if out := press(t, s, 6, pipeline.CallHelp); !out.OK() || !s.Help() {
		t.Errorf("%+v", out)
	}
	stop()

	s, _ = running(t, path, opt)
	if !s.Help() || s.Levels().Offers[0].State != pipeline.OfferSoldOut {
		t.Error("after a restart:", s.Help(), s.Levels().Offers)
	}
	if again := press(t, s, 5, pipeline.MarkSoldOut); !again.Repeat || again.Offer != "mug" || s.Levels().Offers[1].State != pipeline.OfferLive {
		t.Errorf("after a restart: %+v", again)
	}
	if out := press(t, s, 7, pipeline.CallHelp); out.Action != pipeline.ClearHelp || s.Help() {
		t.Errorf("%+v", out)
	}
	if out := press(t, s, 8, pipeline.ClearHelp); !out.OK() || s.Help() {
		t.Errorf("%+v", out)
	}
	ps, err := s.Presses(context.Background(), 100)
	if err != nil || len(ps) != 8 || ps[7].ID != first.ID || ps[0].Action != pipeline.ClearHelp {
		t.Errorf("%+v, %v", ps, err)
	}
	var told []string
	for _, e := range entries(t, s) {
		if e.Kind != journal.Press || len(e.Tap) != 16 || e.Boot != 7 || e.Button != "a button" || e.Via != "button" {
			t.Errorf("%+v", e)
		}
		told = append(told, strings.Join(strings.Fields(e.Action+" "+e.Offer+" "+e.Refused), " "))
	}
	want := "start-next-drop set, start-next-drop refused, start-next-drop mug, start-next-drop refused, sold-out mug, call-help, clear-help, clear-help"
	if got := strings.Join(told, ", "); got != want {
		t.Error(got)
	}
}

// TestAProductThatIsHeldUpIsOnShow: what is prepared goes live, what is live or announced only gets its place, and what is over stays so.
// It stays on show over a restart and an import, and is in the journal with the way it came.
func TestAProductThatIsHeldUpIsOnShow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	for id, state := range map[string]pipeline.OfferState{"mug": pipeline.OfferHidden, "set": pipeline.OfferSoon, "one": pipeline.OfferOver} {
		if err := s.SetOffer(context.Background(), "", id, state, 0); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	hold := func(offer, says string) {
		t.Helper()
		n++
		out, err := s.Press(context.Background(), pipeline.Press{ID: fmt.Sprintf("%026d", n), Action: pipeline.ShowOffer, Offer: offer, Via: pipeline.ViaCamera})
		if err != nil || out.Details != says || out.Offer != offer {
			t.Errorf("%s: %+v, %v", offer, out, err)
		}
	}
	hold("mug", "Mug is live.")
	if l := s.Levels(); l.Shown != "mug" || l.Offers[0].State != pipeline.OfferLive {
		t.Errorf("%+v", l)
	}
	hold("set", "Desk set is on show.")
	hold("mug", "Mug is on show.")
	hold("one", demo.Offers[2].Title+" is not for sale now: start it in the console.")
	hold("none", `There is no offer "none".`)
	if l := s.Levels(); l.Shown != "mug" || l.Offers[1].State != pipeline.OfferSoon || l.Offers[2].State != pipeline.OfferOver {
		t.Errorf("%+v", l)
	}
	for _, p := range []pipeline.Press{{Action: pipeline.ShowOffer}, {Action: pipeline.CallHelp, Offer: "mug"}, {Action: pipeline.ShowOffer, Offer: strings.Repeat("x", 65)}} {
		if p.ID = fmt.Sprintf("%026d", 99); p.Valid() {
			t.Errorf("%+v is taken", p)
		}
	}
	stop()
	s, _ = running(t, path, Options{})
	if _, err := s.Import(context.Background(), pipeline.NewCatalogue("EUR", demo.SKUs, demo.Offers[:1]), []byte("another")); err != nil || s.Levels().Shown != "mug" {
		t.Errorf("%q, %v", s.Levels().Shown, err)
	}
	es := entries(t, s)
	if e := es[0]; len(es) != n || e.Kind != journal.Press || e.Via != "camera" || e.Action != "show-offer" || e.Offer != "mug" || e.Refused != "" {
		t.Errorf("%d entries, %+v", len(es), e)
	}
	if ps, err := s.Presses(context.Background(), 1); err != nil || ps[0].Offer != "none" || ps[0].Via != pipeline.ViaCamera || ps[0].OK() {
		t.Errorf("%+v, %v", ps, err)
	}
}

// TestOnlyASlipThatIsOutIsReprinted, and as a possible copy.
func TestOnlyASlipThatIsOutIsReprinted(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	if out := press(t, s, 1, pipeline.ReprintLast); out.OK() || !strings.Contains(out.Details, "no slip yet") {
		t.Errorf("%+v", out)
	}
	act(t, s, order(1, "ann", "mug"))
	act(t, s, order(2, "ann", "mug"))
	for n, state := range []pipeline.PrintState{pipeline.PrintQueued, pipeline.PrintSending} {
		if err := s.SetPrint(context.Background(), 2, state); err != nil {
			t.Fatal(err)
		}
		if out := press(t, s, 10+n, pipeline.ReprintLast); out.OK() || !strings.Contains(out.Details, "A-002 is not out yet") {
			t.Errorf("%s: %+v", state, out)
		}
	}
	if err := s.SetPrint(context.Background(), 2, pipeline.Printed); err != nil {
		t.Fatal(err)
	}
	if out := press(t, s, 20, pipeline.ReprintLast); !out.OK() || out.Ticket != 2 {
		t.Errorf("%+v", out)
	}
	if ts, err := s.Unprinted(context.Background(), 1, 10); err != nil || len(ts) != 1 || ts[0].Print != pipeline.PrintSending {
		t.Errorf("%+v, %v", ts, err)
	}
}

func TestSeveralLiveOffersAreNotGuessedAt(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	if out := press(t, s, 1, pipeline.MarkSoldOut); out.OK() || !strings.Contains(out.Details, "Several") {
		t.Errorf("%+v", out)
	}
	for _, id := range []string{"mug", "set"} {
		if err := s.SetOffer(context.Background(), "", id, pipeline.OfferOver, 0); err != nil {
			t.Fatal(err)
		}
	}
	if out := press(t, s, 2, pipeline.MarkSoldOut); out.Offer != "one" {
		t.Errorf("the only one: %+v", out)
	}
	if out := press(t, s, 3, pipeline.MarkSoldOut); out.OK() || !strings.Contains(out.Details, "No offer is live") {
		t.Errorf("%+v", out)
	}
}

// TestPressesAgainstAModel: whatever is pressed, again and again, with restarts between, each press has one record, which never
// changes, and one journal entry; and the last of those done say whether help is called.
func TestPressesAgainstAModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		path, now := filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", time.Now().UnixNano())), atomic.Int64{}
		opt := Options{Now: func() time.Duration { return time.Duration(now.Load()) }}
		s, stop := running(t, path, opt)
		defer func() { stop() }()
		decided, help := map[int]string{}, false
		rt.Repeat(map[string]func(*rapid.T){
			"press": func(rt *rapid.T) {
				n, a := rapid.IntRange(1, 30).Draw(rt, "id"), rapid.SampledFrom(pipeline.Actions).Draw(rt, "action")
				out := press(rt, s, n, a)
				told := fmt.Sprint(out.Action, out.Reason, out.Offer, out.Ticket, out.Details, out.At)
				was, known := decided[n]
				if out.Repeat != known || known && told != was {
					rt.Fatalf("press %d: %q, repeat %v; before %q", n, told, out.Repeat, was)
				}
				decided[n] = told
				if !known && a == pipeline.CallHelp {
					help = !help
				}
				if !known && a == pipeline.ClearHelp {
					help = false
				}
			},
			"set": func(rt *rapid.T) {
				if err := s.SetOffer(context.Background(), "", rapid.SampledFrom([]string{"mug", "set", "one"}).Draw(rt, "offer"), rapid.SampledFrom(pipeline.OfferStates).Draw(rt, "state"), 0); err != nil {
					rt.Fatal(err)
				}
			},
			"wait":    func(rt *rapid.T) { now.Add(int64(time.Second)) },
			"restart": func(*rapid.T) { stop(); s, stop = running(t, path, opt) },
			"": func(rt *rapid.T) {
				if s.Help() != help {
					rt.Fatalf("help is called: %v", s.Help())
				}
			},
		})
		if n := len(entries(t, s)); n != len(decided) {
			rt.Fatalf("%d entries of %d presses", n, len(decided))
		}
	})
}

func TestWhatIsNoPress(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	good := pipeline.Press{ID: fmt.Sprintf("%026d", 1), Button: "b", Gesture: "short", Action: pipeline.CallHelp}
	for _, change := range []func(*pipeline.Press){func(p *pipeline.Press) { p.ID = "1" }, func(p *pipeline.Press) { p.Action = "sell" },
		func(p *pipeline.Press) { p.Button = strings.Repeat("b", 33) }, func(p *pipeline.Press) { p.Gesture = strings.Repeat("g", 17) }} {
		p := good
		change(&p)
		if _, err := s.Press(context.Background(), p); err == nil || s.Help() {
			t.Errorf("%+v", p)
		}
	}
}
