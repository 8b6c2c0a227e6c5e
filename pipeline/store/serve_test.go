package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

// counterAct is the n-th act at the counter.
func counterAct(n int, ticket string, do pipeline.CounterAction) pipeline.CounterAct {
	return pipeline.CounterAct{ID: order(5000+n, "", "mug").ID, Ticket: ticket, Do: do, Via: pipeline.ViaConsole}
}

func serve(t *testing.T, s *Store, a pipeline.CounterAct) pipeline.CounterOutcome {
	t.Helper()
	out, err := s.Serve(context.Background(), a)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestAnActAtTheCounterIsDoneOnce: the same id has the same answer, word by word, after a restart too; and it is in the journal once.
func TestAnActAtTheCounterIsDoneOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	act(t, s, order(1, "ann", "set"))
	all := []pipeline.CounterAct{}
	for n, do := range []pipeline.CounterAction{pipeline.Ready, pipeline.HandOver, pipeline.HandOver, pipeline.TakeBack, pipeline.Pay, pipeline.Undo} {
		a := counterAct(n, "A-001", do)
		switch n {
		case 1:
			a.Payment, a.Pieces, a.Note = pipeline.Cash, []int{1, 1}, "asked for a bag"
		case 3:
			a.Pieces, a.Payment, a.Restock = []int{0, 1}, pipeline.Cash, true
		case 4:
			a.Payment = pipeline.Card
		}
		all = append(all, a)
	}
	var first []pipeline.CounterOutcome
	for _, a := range all {
		first = append(first, serve(t, s, a))
	}
	if !first[1].OK() || first[1].Money != 1500 || first[3].Money >= 0 || first[4].OK() || first[5].OK() {
		t.Fatalf("%+v", first)
	}
	again := func() {
		t.Helper()
		for i, a := range all {
			got := serve(t, s, a)
			if !got.Repeat {
				t.Errorf("%d was not known", i)
			}
			got.Repeat = false
			if d := cmp.Diff(first[i], got); d != "" {
				t.Errorf("%d: %s", i, d)
			}
		}
	}
	again()
	stop()
	s, _ = running(t, path, Options{})
	again()
	served := 0
	for _, e := range entries(t, s) {
		if e.Kind == journal.Counter {
			served++
		}
	}
	if served != 4 {
		t.Errorf("%d in the journal, expected the 4 that were done", served)
	}
	if list, err := s.Served(context.Background(), "A-001"); err != nil || len(list) != 6 || list[1].Note != "asked for a bag" {
		t.Errorf("%+v, %v", list, err)
	}
	if d := cmp.Diff([]int{9, 4}, s.Levels().Stock); d != "" {
		t.Error(d)
	}
	var unknown ErrUnknown
	if _, err := s.Serve(context.Background(), counterAct(99, "A-002", pipeline.HandOver)); !errors.As(err, &unknown) {
		t.Errorf("a ticket that there is not: %v", err)
	}
	if _, err := s.Serve(context.Background(), counterAct(99, "A-001", "eat")); err == nil {
		t.Error("an action that there is not")
	}
}

// TestNoSlipIsHandedOverTwice, by however many at once.
func TestNoSlipIsHandedOverTwice(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	act(t, s, order(1, "ann", "mug"))
	var handed, taken atomic.Int64
	var all sync.WaitGroup
	for n := range 32 {
		all.Go(func() {
			a := counterAct(n/2, "A-001", pipeline.HandOver) // each twice
			a.Payment = pipeline.Cash
			out, err := s.Serve(context.Background(), a)
			if err != nil {
				t.Error(err)
			}
			if out.OK() && !out.Repeat {
				handed.Add(1)
				taken.Add(out.Money)
			}
		})
	}
	all.Wait()
	if handed.Load() != 1 || taken.Load() != 1000 {
		t.Errorf("handed over %d times for %d", handed.Load(), taken.Load())
	}
}

// TestWhatIsVoidIsForOthers: the limits of an offer and of a visitor, and the stock; its slip does not come out any more.
func TestWhatIsVoidIsForOthers(t *testing.T) {
	s, _ := running(t, filepath.Join(t.TempDir(), "kit.db"), Options{})
	act(t, s, order(1, "ann", "one"))
	if out := act(t, s, order(2, "ann", "one")); out.Reason != pipeline.Refused {
		t.Fatalf("a second one for a visitor: %+v", out)
	}
	a := counterAct(1, "A-001", pipeline.Void)
	a.Restock = true
	if out := serve(t, s, a); !out.OK() || out.Details != "A-001 is void: 1 x Pen." {
		t.Fatalf("%+v", out)
	}
	if ts, err := s.Unprinted(context.Background(), 0, 10); err != nil || len(ts) != 0 {
		t.Errorf("still to print: %+v, %v", ts, err)
	}
	if l := s.Levels(); l.Stock[1] != 5 || l.Offers[2].Sold != 0 {
		t.Errorf("%+v", l)
	}
	if out := act(t, s, order(3, "ann", "one")); !out.OK() || out.Ticket != "A-002" {
		t.Errorf("once it was void: %+v", out)
	}
	if _, err := s.PrintAgain(context.Background(), "", "A-001"); !errors.Is(err, ErrVoid) {
		t.Errorf("its slip once more: %v", err)
	}
	if out, err := s.Press(context.Background(), pipeline.Press{ID: order(8000, "", "mug").ID, Button: "reprint", Action: pipeline.ReprintLast, Via: pipeline.ViaButton}); err != nil || out.Ticket != 2 {
		t.Errorf("the last slip once more: %+v, %v", out, err)
	}
	if out := serve(t, s, counterAct(2, "A-001", pipeline.HandOver)); out.OK() || out.Details != "A-001 is void: hand nothing over." {
		t.Errorf("%+v", out)
	}
}

// TestTicketsOfAnOlderProgramAreHandedOver: it has no row for them.
func TestTicketsOfAnOlderProgramAreHandedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	act(t, s, order(1, "ann", "mug"))
	act(t, s, order(2, "ann", "mug"))
	stop()
	for _, left := range []string{"DELETE FROM fulfilment WHERE ticket = 2", "DROP TABLE fulfilment; DROP TABLE counter"} {
		conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(sqlitex.ExecuteScript(conn, left, nil), conn.Close()); err != nil {
			t.Fatal(err)
		}
		s, stop := running(t, path, Options{})
		if ts, err := s.ToHandOver(context.Background(), -1, 10); err != nil || len(ts) != 2 {
			t.Errorf("after %s: %+v, %v", left, ts, err)
		}
		stop()
	}
}

// TestAWishIsFulfilledOnce: a repeat of it, late and after a restart too, does not start a drop anew, print a slip again, or decide about others.
func TestAWishIsFulfilledOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	var clock atomic.Int64
	clock.Store(int64(time.Hour))
	opt := Options{Now: func() time.Duration { return time.Duration(clock.Load()) }}
	s, stop := running(t, path, opt)
	ctx := context.Background()
	timed := pipeline.NewCatalogue("EUR", demo.SKUs, []pipeline.Offer{{ID: "mug", Title: "Mug", Lines: []pipeline.Line{{SKU: "MUG", N: 1}}, Price: 1000, State: pipeline.OfferHidden, Lasts: 10 * time.Minute}})
	if _, err := s.Import(ctx, timed, []byte("timed")); err != nil {
		t.Fatal(err)
	}
	id := func(n int) string { return order(7000+n, "", "mug").ID }
	ends := func() time.Duration { return s.Levels().Offers[0].Ends }
	live := func(n int) error { return s.SetOffer(ctx, id(n), "mug", pipeline.OfferLive, 0) }
	if err := live(1); err != nil || ends() != opt.Now()+10*time.Minute {
		t.Fatalf("%v, %v", ends(), err)
	}
	o := order(1, "ann", "mug")
	if out := act(t, s, o); !out.OK() {
		t.Fatalf("%+v", out)
	}
	first := ends()
	again := func() {
		t.Helper()
		clock.Add(int64(5 * time.Minute))
		if err := live(1); err != nil || ends() != first {
			t.Errorf("the same wish moved the end from %v to %v, %v", first, ends(), err)
		}
	}
	again()
	stop()
	s, _ = Open(path, opt)
	run, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- s.Run(run) }()
	defer func() { cancel(); <-done; s.Close() }()
	again()
	if err := live(2); err != nil || ends() == first {
		t.Errorf("another wish: %v, %v", ends(), err)
	}
	if err := s.SetOffer(ctx, id(2), "mug", pipeline.OfferOver, 0); !errors.Is(err, ErrReused) || s.Levels().Offers[0].State != pipeline.OfferLive {
		t.Errorf("an id for two wishes: %v", err)
	}
	if err := s.SetOffer(ctx, id(3), "tea", pipeline.OfferLive, 0); !errors.As(err, new(ErrUnknown)) {
		t.Error(err)
	}
	if err := s.SetOffer(ctx, "x", "mug", pipeline.OfferLive, 0); err == nil {
		t.Error("an id that is none")
	}

	print := func() pipeline.PrintState {
		ticket, _, err := s.Ticket(ctx, "A-001")
		if err != nil {
			t.Fatal(err)
		}
		return ticket.Print
	}
	for round := range 2 {
		if err := s.SetPrint(ctx, 1, pipeline.Printed); err != nil {
			t.Fatal(err)
		}
		if n, err := s.PrintAgain(ctx, id(4), "A-001"); n != 1 || err != nil || print() == pipeline.PrintSending != (round == 0) {
			t.Errorf("round %d: %d, %v, it is %v", round, n, err, print())
		}
	}
	if _, err := s.PrintAgain(ctx, id(5), "A-002"); !errors.As(err, new(ErrUnknown)) {
		t.Error(err)
	}
	for round := range 2 {
		if err := s.SetPrint(ctx, 1, pipeline.PrintHeld); err != nil {
			t.Fatal(err)
		}
		if n, _, err := s.DecideHeld(ctx, id(6), false); n != 1-round || err != nil {
			t.Errorf("round %d: %d decided, %v", round, n, err)
		}
	}
}

// TestAWindowIsItsOwn: what was shown while an offer was live before is not for it when it is live again; a longer time, a restart or an import of the same is no new
// window.
func TestAWindowIsItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	ctx := context.Background()
	terms := func() uint32 { return s.Levels().Terms("mug", s.opt.Now()) }
	set := func(state pipeline.OfferState) {
		t.Helper()
		if err := s.SetOffer(ctx, "", "mug", state, 0); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint32]bool{}
	same := func(what string, is bool) {
		t.Helper()
		if now := terms(); seen[now] != is || now == 0 {
			t.Errorf("%s: terms %x, seen before: %v", what, now, seen[now])
		}
		seen[terms()] = true
	}
	same("as imported", false)
	set(pipeline.OfferLive)
	same("live already", true)
	act(t, s, order(1, "ann", "mug"))
	same("after a sale", true)
	for range 5 {
		set(pipeline.OfferOver)
		set(pipeline.OfferLive)
		same("live again", false)
	}
	other := pipeline.NewCatalogue("EUR", demo.SKUs, append([]pipeline.Offer{{ID: "new", Title: "New", Lines: []pipeline.Line{{SKU: "PEN", N: 1}}, Price: 1}}, demo.Offers...))
	if _, err := s.Import(ctx, other, []byte("other")); err != nil {
		t.Fatal(err)
	}
	same("in another catalogue", true)
	if _, err := s.Import(ctx, pipeline.NewCatalogue("EUR", demo.SKUs, demo.Offers[1:]), []byte("without")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Import(ctx, other, []byte("other")); err != nil {
		t.Fatal(err)
	}
	same("live again in a catalogue, after one that it was not in", false)
	stop()
	s, stop = running(t, path, Options{})
	defer stop()
	same("after a restart", true)
	set(pipeline.OfferSoon)
	set(pipeline.OfferLive)
	same("live again after it", false)
	if s.Levels().Terms("hat", 0) != 0 {
		t.Error("an offer that is not there has terms")
	}
}
