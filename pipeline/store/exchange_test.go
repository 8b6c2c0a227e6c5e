package store

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/pipeline"
)

// TestAnExchangeIsOne: what is given up and what is sold for it are both done, or neither, once; what was paid counts, and the rest goes one way or the other.
func TestAnExchangeIsOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	ctx := context.Background()
	n := 0
	buy := func(viewer, offer string) string {
		t.Helper()
		n++
		out := act(t, s, order(n, viewer, offer))
		if !out.OK() {
			t.Fatalf("%+v", out)
		}
		return out.Ticket
	}
	serve := func(a pipeline.CounterAct) pipeline.CounterOutcome {
		t.Helper()
		n++
		if a.ID == "" {
			a.ID = order(4000+n, "", "mug").ID
		}
		out, err := s.Serve(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	says := func(out pipeline.CounterOutcome, ok bool, details string) {
		t.Helper()
		if out.OK() != ok || out.Details != details {
			t.Errorf("%v %q, expected %v %q", out.Outcome, out.Details, ok, details)
		}
	}
	ticket := func(number string) pipeline.Ticket {
		t.Helper()
		got, ok, err := s.Ticket(ctx, number)
		if !ok || err != nil {
			t.Fatalf("%s: %v, %v", number, ok, err)
		}
		return got
	}

	// paid and taken, for something dearer: the rest is owed
	first := buy("ann", "mug")
	serve(pipeline.CounterAct{Ticket: first, Do: pipeline.HandOver, Payment: pipeline.Cash})
	swap := pipeline.CounterAct{ID: order(9001, "", "mug").ID, Ticket: first, Do: pipeline.TakeBack, Payment: pipeline.Cash, Restock: true, For: "set"}
	out := serve(swap)
	says(out, true, "A-001: 1 x Mug exchanged for A-002: Desk set. € 5.00 to pay.")
	if second := ticket(out.New); second.Viewer != "ann" || second.Paid != 1000 || second.Owed() != 500 || second.State() != pipeline.TicketOpen {
		t.Errorf("%+v", second)
	}
	if old := ticket(first); old.State() != pipeline.TicketVoid || old.Owed() != 0 || old.Paid != 0 {
		t.Errorf("%+v", old)
	}
	stock := s.Levels().Stock
	if d := cmp.Diff([]int{9, 3}, stock); d != "" {
		t.Error(d)
	}
	before := entries(t, s)
	stop()
	s, stop = running(t, path, Options{})
	defer func() { stop() }()
	again := serve(swap)
	again.Repeat = false
	if d := cmp.Diff(out, again); d != "" {
		t.Errorf("the same again: %s", d)
	}
	if now := entries(t, s); len(now) != len(before) {
		t.Errorf("%d entries in the journal, %d before the repeat", len(now), len(before))
	}

	// for something cheaper: the rest goes back, and not what is not there
	says(serve(pipeline.CounterAct{Ticket: "A-002", Do: pipeline.Pay, Payment: pipeline.Card}), true, "A-002 is paid. Take € 5.00 (card).")
	says(serve(pipeline.CounterAct{Ticket: "A-002", Do: pipeline.Void, Restock: true, For: "one"}), false, "€ 15.00 of A-002 were paid: say how they go back.")
	out = serve(pipeline.CounterAct{Ticket: "A-002", Do: pipeline.Void, Payment: pipeline.Card, Restock: true, For: "one"})
	says(out, true, "A-002: 1 x Mug, 2 x Pen exchanged for A-003: One each. Give back € 12.50 (card).")
	if got := ticket("A-003"); got.Owed() != 0 || got.Paid != 250 {
		t.Errorf("%+v", got)
	}

	// not paid: no money moves
	buy("bob", "mug")
	says(serve(pipeline.CounterAct{Ticket: "A-004", Do: pipeline.Void, Restock: true, For: "mug"}), true, "A-004: 1 x Mug exchanged for A-005: Mug. € 10.00 to pay.")

	// what cannot be sold leaves all as it was: a limit, no such offer, none live
	was := ticket("A-005")
	for offer, why := range map[string]string{"hat": `Nothing is exchanged. There is no offer "hat".`, "4111111111111111": `Nothing is exchanged. There is no offer "…1111".`} {
		says(serve(pipeline.CounterAct{Ticket: "A-005", Do: pipeline.Void, For: offer}), false, why)
	}
	says(serve(pipeline.CounterAct{Ticket: "A-003", Do: pipeline.Void, Payment: pipeline.Cash, For: "one"}), true, "A-003: 1 x Pen exchanged for A-006: One each.") // one for each visitor: the one given up does not count
	levels := s.Levels()
	if err := s.SetOffer(ctx, "", "set", pipeline.OfferSoldOut, 0); err != nil {
		t.Fatal(err)
	}
	refused := pipeline.CounterAct{ID: order(9002, "", "mug").ID, Ticket: "A-005", Do: pipeline.Void, Restock: true, For: "set"}
	says(serve(refused), false, "Nothing is exchanged. Desk set: Sold out: somebody was a moment faster.")
	if d := cmp.Diff(was, ticket("A-005")); d != "" {
		t.Errorf("after what was refused: %s", d)
	}
	if d := cmp.Diff(levels.Stock, s.Levels().Stock); d != "" {
		t.Error(d)
	}
	if got := buy("cid", "mug"); got != "A-007" {
		t.Errorf("the next ticket is %s: what was refused took a number", got)
	}
	if err := s.SetOffer(ctx, "", "set", pipeline.OfferLive, 0); err != nil {
		t.Fatal(err)
	}
	says(serve(refused), false, "Nothing is exchanged. Desk set: Sold out: somebody was a moment faster.") // the same act, the same answer

	for _, bad := range []pipeline.CounterAct{{Do: pipeline.Ready, For: "mug"}, {Do: pipeline.HandOver, For: "mug"}, {Do: pipeline.Undo, For: "mug"}} {
		bad.ID, bad.Ticket = order(9003, "", "mug").ID, "A-005"
		if bad.Valid() {
			t.Errorf("%+v is valid", bad)
		}
	}
}
