package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/pipeline"
)

// TestWhatIsPaidElsewhereCountsOnce: in whatever order it comes, through a restart; and what nobody owed is listed.
func TestWhatIsPaidElsewhereCountsOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	ctx := context.Background()
	for n := range 3 {
		act(t, s, order(n+1, "ann", "mug"))
	}
	paid := func(id, ticket string, minor int64, currency string) pipeline.PaidOutcome {
		t.Helper()
		n, _ := pipeline.ParseTicketNumber(ticket)
		out, err := s.Paid(ctx, pipeline.Paid{ID: id, Ticket: ticket, Tap: order(int(n), "", "mug").ID, Money: pipeline.Money{Minor: minor, Currency: currency}})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	says := func(out pipeline.PaidOutcome, ok bool, details string) {
		t.Helper()
		if out.OK() != ok || out.Details != details {
			t.Errorf("%v %q, expected %v %q", out.Outcome, out.Details, ok, details)
		}
	}
	first := paid("e1", "A-001", 400, "EUR")
	says(first, true, "€ 6.00 are still owed for A-001. Take € 4.00 (link).")
	says(paid("e2", "A-001", 600, "EUR"), true, "A-001 is paid. Take € 6.00 (link).")
	stop()
	s, stop = running(t, path, Options{})
	defer stop()
	again := paid("e1", "A-001", 400, "EUR")
	if !again.Repeat {
		t.Error("it counted twice")
	}
	again.Repeat = false
	if d := cmp.Diff(first, again); d != "" {
		t.Errorf("the same again: %s", d)
	}
	says(paid("e3", "A-001", 1000, "EUR"), false, "€ 10.00 were paid for A-001 by the payment link, and € 0.00 are owed for it. Give them back there.")
	says(paid("e4", "A-002", 1000, "USD"), false, "$ 10.00 were paid for A-002 by the payment link, and it was sold in EUR. Give them back there.")
	says(paid("e5", "A-002", 1001, "EUR"), false, "€ 10.01 were paid for A-002 by the payment link, and € 10.00 are owed for it. Give them back there.")
	if _, err := s.Serve(ctx, pipeline.CounterAct{ID: order(99, "", "mug").ID, Ticket: "A-003", Do: pipeline.Void, Restock: true}); err != nil {
		t.Fatal(err)
	}
	says(paid("e6", "A-003", 1000, "EUR"), false, "€ 10.00 were paid for A-003 by the payment link, and it is void. Give them back there.")
	if _, err := s.Paid(ctx, pipeline.Paid{ID: "e7", Ticket: "A-001", Tap: "another", Money: pipeline.Money{Minor: 1, Currency: "EUR"}}); !errors.As(err, new(ErrUnknown)) {
		t.Error(err)
	}
	if _, err := s.Paid(ctx, pipeline.Paid{ID: "e8", Ticket: "A-009", Money: pipeline.Money{Minor: 1, Currency: "EUR"}}); !errors.As(err, new(ErrUnknown)) {
		t.Error(err)
	}
	for refused, want := range map[bool]int{true: 4, false: 6} {
		if list, err := s.Payments(ctx, refused, 100); err != nil || len(list) != want || list[0].ID != "e6" {
			t.Errorf("%+v, %v", list, err)
		}
	}
	one, _, _ := s.Ticket(ctx, "A-001")
	if one.Paid != 1000 || one.Owed() != 0 {
		t.Errorf("%+v", one)
	}
	money := map[string]int64{}
	for _, e := range entries(t, s) {
		money[e.Payment] += e.Total * int64(len(e.Payment)/4) // of acts: sales have none
	}
	if d := cmp.Diff(map[string]int64{"": 0, "link": 1000}, money); d != "" {
		t.Error(d)
	}
}

// TestWhatIsNotPaidInTimeIsForOthers: held by kit time, through a restart; not what is paid, in part too, or in somebody's hands, or sold at the counter.
func TestWhatIsNotPaidInTimeIsForOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	var clock atomic.Int64
	clock.Store(int64(time.Hour))
	opt := Options{Now: func() time.Duration { return time.Duration(clock.Load()) }, Hold: 15 * time.Minute}
	s, stop := running(t, path, opt)
	ctx := context.Background()
	for n := range 4 {
		act(t, s, order(n+1, "ann", "mug"))
	}
	console := order(5, "counter", "mug")
	console.Via = pipeline.ViaConsole
	act(t, s, console)
	if out := act(t, s, order(6, "bob", "mug")); out.Reason != pipeline.SoldOut {
		t.Fatalf("%+v", out)
	}
	if holds, err := s.Holds(ctx, "ann"); err != nil || len(holds) != 4 || holds["A-001"] != time.Hour+15*time.Minute {
		t.Errorf("%v, %v", holds, err)
	}
	serve := func(n int, a pipeline.CounterAct) {
		t.Helper()
		a.ID = order(900+n, "", "mug").ID
		if out, err := s.Serve(ctx, a); err != nil || !out.OK() {
			t.Fatalf("%+v, %v", out, err)
		}
	}
	serve(1, pipeline.CounterAct{Ticket: "A-002", Do: pipeline.Pay, Payment: pipeline.Cash})
	serve(2, pipeline.CounterAct{Ticket: "A-003", Do: pipeline.HandOver})
	serve(3, pipeline.CounterAct{Ticket: "A-004", Do: pipeline.Pay, Payment: pipeline.Cash, Amount: 1})
	release := func(want ...string) {
		t.Helper()
		got, err := s.Release(ctx)
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v %s", err, d)
		}
	}
	clock.Add(int64(15*time.Minute - time.Millisecond))
	release()
	stop()
	s, stop = running(t, path, opt)
	defer stop()
	clock.Add(int64(time.Millisecond))
	release("A-001")
	release()
	if holds, err := s.Holds(ctx, "ann"); err != nil || len(holds) != 0 {
		t.Errorf("%v, %v", holds, err)
	}
	if out := act(t, s, order(7, "bob", "mug")); !out.OK() || out.Ticket != "A-006" {
		t.Errorf("%+v", out)
	}
	late, err := s.Paid(ctx, pipeline.Paid{ID: "late", Ticket: "A-001", Tap: order(1, "", "mug").ID, Money: pipeline.Money{Minor: 1000, Currency: "EUR"}})
	if err != nil || late.OK() {
		t.Errorf("%+v, %v: what is void was paid", late, err)
	}
}
