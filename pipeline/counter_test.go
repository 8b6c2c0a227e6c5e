package pipeline

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestSettle: what becomes of a ticket of € 10.00 with three mugs and a pen, and what the operator is told, act by act.
func TestSettle(t *testing.T) {
	start := Ticket{N: 1, Number: "A-001", Total: Money{1000, "EUR"}, Lines: []OrderLine{{SKU: "MUG", Title: "Mug", N: 3, Amount: 800, Rate: 19000, Tax: 128}, {SKU: "PEN", Title: "Pen", N: 1, Amount: 200, Rate: 7000, Tax: 13}}}
	mugs := func(n, pen int) []int { return []int{n, pen} }
	type step struct {
		act   CounterAct
		says  string
		money int64
		owed  int64
		state string
	}
	for name, steps := range map[string][]step{
		"paid and handed over": {
			{CounterAct{Do: Ready}, "A-001 is called.", 0, 1000, TicketReady},
			{CounterAct{Do: HandOver, Payment: Cash}, "A-001 is handed over: 3 x Mug, 1 x Pen. Take € 10.00 (cash).", 1000, 0, TicketHanded},
			{CounterAct{Do: HandOver, Payment: Cash}, "! A-001 was handed over 1 min ago: hand nothing over.", 0, 0, TicketHanded},
			{CounterAct{Do: Ready}, "! A-001 was handed over 2 min ago: hand nothing over.", 0, 0, TicketHanded},
			{CounterAct{Do: Pay, Payment: Cash}, "! Nothing is owed for A-001: take no money.", 0, 0, TicketHanded},
			{CounterAct{Do: Void}, "! There is nothing of A-001 to void.", 0, 0, TicketHanded},
		},
		"paid in parts": {
			{CounterAct{Do: Pay, Payment: Cash, Amount: 400}, "€ 6.00 are still owed for A-001. Take € 4.00 (cash).", 400, 600, TicketOpen},
			{CounterAct{Do: Pay, Payment: Card, Amount: 700}, "! € 6.00 are owed for A-001, not € 7.00.", 0, 600, TicketOpen},
			{CounterAct{Do: Pay, Payment: Card}, "A-001 is paid. Take € 6.00 (card).", 600, 0, TicketOpen},
			{CounterAct{Do: HandOver, Payment: Cash}, "! Nothing is owed for A-001: take no money.", 0, 0, TicketOpen},
			{CounterAct{Do: HandOver}, "A-001 is handed over: 3 x Mug, 1 x Pen.", 0, 0, TicketHanded},
		},
		"handed over in parts, not paid yet": {
			{CounterAct{Do: HandOver, Pieces: mugs(2, 0)}, "A-001 is handed over: 2 x Mug. € 10.00 are owed.", 0, 1000, TicketPartly},
			{CounterAct{Do: HandOver, Pieces: mugs(2, 1)}, "! Of Mug in A-001 there are 1 to hand over, not 2.", 0, 1000, TicketPartly},
			{CounterAct{Do: HandOver, Pieces: []int{1}}, "! A-001 has 2 lines, not 1.", 0, 1000, TicketPartly},
			{CounterAct{Do: HandOver, Pieces: mugs(0, 0)}, "! There is nothing of A-001 to hand over.", 0, 1000, TicketPartly},
			{CounterAct{Do: HandOver, Payment: Other}, "A-001 is handed over: 1 x Mug, 1 x Pen. Take € 10.00 (other).", 1000, 0, TicketHanded},
		},
		"void in parts, to the last cent": {
			{CounterAct{Do: Void, Pieces: mugs(1, 0)}, "A-001 is void: 1 x Mug.", 0, 734, TicketOpen},
			{CounterAct{Do: Void, Pieces: mugs(1, 0)}, "A-001 is void: 1 x Mug.", 0, 467, TicketOpen},
			{CounterAct{Do: Pay, Payment: Cash}, "A-001 is paid. Take € 4.67 (cash).", 467, 0, TicketOpen},
			{CounterAct{Do: Void, Pieces: mugs(1, 0)}, "! € 2.67 of A-001 were paid: say how they go back.", 0, 0, TicketOpen},
			{CounterAct{Do: Void, Payment: Cash}, "A-001 is void: 1 x Mug, 1 x Pen. Give back € 4.67 (cash).", -467, 0, TicketVoid},
			{CounterAct{Do: HandOver}, "! A-001 is void: hand nothing over.", 0, 0, TicketVoid},
		},
		"brought back": {
			{CounterAct{Do: TakeBack}, "! There is nothing of A-001 to take back.", 0, 1000, TicketOpen},
			{CounterAct{Do: HandOver, Payment: Card}, "A-001 is handed over: 3 x Mug, 1 x Pen. Take € 10.00 (card).", 1000, 0, TicketHanded},
			{CounterAct{Do: TakeBack, Pieces: mugs(0, 1), Payment: Cash, Restock: true}, "A-001 came back: 1 x Pen. Give back € 2.00 (cash).", -200, 0, TicketHanded},
			{CounterAct{Do: TakeBack, Pieces: mugs(0, 1), Payment: Cash}, "! Of Pen in A-001 there are 0 to take back, not 1.", 0, 0, TicketHanded},
			{CounterAct{Do: Undo}, "! What was voided or taken back stays so: sell it again.", 0, 0, TicketHanded},
		},
		"a mistake": {
			{CounterAct{Do: Undo}, "! There is nothing of A-001 to undo.", 0, 1000, TicketOpen},
			{CounterAct{Do: HandOver, Payment: Cash}, "A-001 is handed over: 3 x Mug, 1 x Pen. Take € 10.00 (cash).", 1000, 0, TicketHanded},
			{CounterAct{Do: Undo}, "A-001: that is undone. Give back € 10.00 (cash).", -1000, 1000, TicketOpen},
			{CounterAct{Do: Undo}, "! There is nothing of A-001 to undo.", 0, 1000, TicketOpen},
			{CounterAct{Do: Ready}, "A-001 is called.", 0, 1000, TicketReady},
			{CounterAct{Do: Undo}, "A-001: that is undone.", 0, 1000, TicketOpen},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ticket, now := start, time.Hour
			var last CounterOutcome
			var amount, tax int64
			for i, s := range steps {
				before := ticket
				var out CounterOutcome
				ticket.Fulfilment, out = ticket.Settle(s.act, last, now)
				now += time.Minute
				says := out.Details
				if out.OK() {
					last = out
				} else {
					says = "! " + says
					if d := cmp.Diff(before, ticket); d != "" {
						t.Errorf("%d: refused, and yet: %s", i, d)
					}
				}
				a, x := out.Voided()
				amount, tax = amount+a, tax+x
				if says != s.says || out.Money != s.money || ticket.Owed() != s.owed || ticket.State() != s.state {
					t.Errorf("%d %s: %q, %d, %d owed, %s; expected %q, %d, %d, %s", i, s.act.Do, says, out.Money, ticket.Owed(), ticket.State(), s.says, s.money, s.owed, s.state)
				}
			}
			if ticket.State() == TicketVoid && (amount != 1000 || tax != 141) {
				t.Errorf("%d with a tax of %d are void, expected all of it", amount, tax)
			}
		})
	}
}

// TestActsThatCannotBe are none that a book has to look at.
func TestActsThatCannotBe(t *testing.T) {
	good := CounterAct{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Ticket: "A-001", Do: HandOver, Pieces: []int{1, 0}, Payment: Cash}
	if !good.Valid() {
		t.Fatalf("%+v", good)
	}
	for name, change := range map[string]func(*CounterAct){
		"no id": func(a *CounterAct) { a.ID = "1" }, "no ticket": func(a *CounterAct) { a.Ticket = "42" }, "no action": func(a *CounterAct) { a.Do = "" },
		"fewer than none": func(a *CounterAct) { a.Pieces = []int{2, -1} }, "more lines than there are": func(a *CounterAct) { a.Pieces = make([]int, 65) },
		"a payment that there is not": func(a *CounterAct) { a.Payment = "4111111111111111" }, "an amount": func(a *CounterAct) { a.Amount = 5 },
		"a call with pieces": func(a *CounterAct) { a.Do, a.Payment = Ready, "" }, "a call with money": func(a *CounterAct) { a.Do, a.Pieces = Ready, nil },
		"paid by nothing": func(a *CounterAct) { *a = CounterAct{ID: a.ID, Ticket: a.Ticket, Do: Pay} }, "paid less than nothing": func(a *CounterAct) { *a = CounterAct{ID: a.ID, Ticket: a.Ticket, Do: Pay, Payment: Cash, Amount: -1} },
		"restocked by handing over": func(a *CounterAct) { a.Restock = true }, "a note that is no text": func(a *CounterAct) { a.Note = "\xff" },
	} {
		a := good
		a.Pieces = append([]int{}, good.Pieces...)
		if change(&a); a.Valid() {
			t.Errorf("%s: %+v is taken", name, a)
		}
	}
}
