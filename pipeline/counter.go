package pipeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// CounterAction is what an operator does with a ticket at the counter. The texts are stable: they are in the journal.
type CounterAction string

// The actions.
const (
	Ready    CounterAction = "ready"     // it can be fetched: its number is called. It may be called again
	Pay      CounterAction = "pay"       // money for it came in
	HandOver CounterAction = "hand-over" // pieces went to whoever has the slip; with Payment, what is owed came in for them
	Void     CounterAction = "void"      // pieces that were not handed over are not sold any more
	TakeBack CounterAction = "take-back" // pieces that were handed over came back, and are not sold any more
	Undo     CounterAction = "undo"      // the last of Ready, Pay and HandOver was a mistake
)

// CounterActions lists them.
var CounterActions = []CounterAction{Ready, Pay, HandOver, Void, TakeBack, Undo}

// Payment is how money came in, or went back. The texts are stable: they are in the journal. No card's data is anywhere: the seller's own
// terminal has it.
type Payment string

// The kinds of payment.
const (
	Cash  Payment = "cash"
	Card  Payment = "card"  // by the seller's own terminal
	Other Payment = "other" // a voucher, a transfer
)

// Payments lists them.
var Payments = []Payment{Cash, Card, Other, ByLink}

// CounterAct is one thing that an operator does with a ticket. ID is a ULID made where it was done: a repeat is the same one.
type CounterAct struct {
	ID      string
	Ticket  string // its number
	Do      CounterAction
	Pieces  []int    // of HandOver, Void and TakeBack: how many of each of the ticket's lines; nil: all that there are for it
	Payment Payment  // of Pay and HandOver: how money came in; of Void and TakeBack: how it goes back, if some was paid for it. "": none does
	Amount  int64    // of Pay: minor units; 0: all that is owed
	Restock bool     // of Void and TakeBack: the pieces are for sale again
	For     string   // of Void and TakeBack: the offer that they are exchanged for, which is sold with it, or neither is done; "": for none
	Choice  []string // of For: what is chosen in it, as in Tap
	Note    string   // in the operator's own words; at most 200 characters
	Via     Channel
}

// Valid tells whether it is one that can be decided.
func (a CounterAct) Valid() bool {
	moves := a.Do == HandOver || a.Do == Void || a.Do == TakeBack
	_, isTicket := ParseTicketNumber(a.Ticket)
	return ValidTapID(a.ID) && isTicket && slices.Contains(CounterActions, a.Do) &&
		(a.Pieces == nil || moves && len(a.Pieces) <= 64 && slices.Min(append([]int{0}, a.Pieces...)) == 0) &&
		(a.Payment == "" && a.Do != Pay || slices.Contains(Payments, a.Payment) && (moves || a.Do == Pay)) &&
		(a.Amount == 0 || a.Do == Pay && a.Amount > 0) && (!a.Restock && a.For == "" || a.Do == Void || a.Do == TakeBack) && len(a.For) <= 64 && (a.For != "" || a.Choice == nil) && len(a.Choice) <= MaxChoice &&
		utf8.ValidString(a.Note) && utf8.RuneCountInString(a.Note) <= 200
}

// Moved are pieces of one of a ticket's lines that an act was about. Of a Void or TakeBack, Amount and Tax are their part of the line's: the parts
// of all a line's pieces are the line to the last minor unit.
type Moved struct {
	Line   int    `json:"line"`
	SKU    string `json:"sku"`
	N      int    `json:"n"`
	Amount int64  `json:"amount,omitzero"`
	Tax    int64  `json:"tax,omitzero"`
}

// CounterOutcome is what became of an act: Confirmed, or Refused with the reason in Details.
type CounterOutcome struct {
	CounterAct
	Outcome Reason
	Details string // a sentence for people, either way
	Moved   []Moved
	Money   int64  // that came in by Payment; below zero: that goes back
	Undone  string // of Undo: the act that it undid
	New     string // the ticket that it was exchanged for
	At      time.Duration
	Wall    time.Time
	Repeat  bool // it had been decided before, and this is that decision
}

// OK tells whether it is done.
func (o CounterOutcome) OK() bool { return o.Outcome == Confirmed }

// Voided is how much less the ticket is since.
func (o CounterOutcome) Voided() (amount, tax int64) {
	for _, m := range o.Moved {
		amount, tax = amount+m.Amount, tax+m.Tax
	}
	return amount, tax
}

// Exchanged says of an act that the pieces went for another ticket, to which what was paid for them counts, as far as it costs as much.
func (o CounterOutcome) Exchanged(t, by Ticket) CounterOutcome {
	var what []string
	for _, m := range o.Moved {
		what = append(what, fmt.Sprintf("%d x %s", m.N, t.Lines[m.Line].Title))
	}
	o.New = by.Number
	o.Details = fmt.Sprintf("%s: %s exchanged for %s: %s.", t.Number, strings.Join(what, ", "), by.Number, What(by.Title, by.Lines))
	switch back := -o.Money - by.Paid; {
	case back > 0:
		o.Details += fmt.Sprintf(" Give back %s (%s).", t.money(back), o.Payment)
	case by.Owed() > 0:
		o.Details += fmt.Sprintf(" %s to pay.", t.money(by.Owed()))
	}
	return o
}

// Fulfilment is how far a ticket is through the counter. Times are kit time; 0: not yet.
type Fulfilment struct {
	Handed []int // pieces of each line that whoever had the slip has; nil: none
	Void   []int // pieces of each line that are not sold any more; nil: none
	Voided int64 // of the ticket's total, minor units
	Paid   int64 // less what went back

	Printed time.Duration // its slip was on its way to paper
	Ready   time.Duration
	Done    time.Duration // nothing is left to hand over
}

// The states of a ticket, for people and programs.
const (
	TicketOpen   = "open"
	TicketReady  = "ready"
	TicketPartly = "partly" // some of it was handed over
	TicketHanded = "handed-over"
	TicketVoid   = "void"
)

// State is how far a ticket is.
func (t Ticket) State() string {
	handed, open := 0, 0
	for i := range t.Lines {
		handed, open = handed+at(t.Handed, i), open+t.Open(i)
	}
	switch {
	case open == 0 && handed == 0:
		return TicketVoid
	case open == 0:
		return TicketHanded
	case handed > 0:
		return TicketPartly
	case t.Ready > 0:
		return TicketReady
	}
	return TicketOpen
}

// Open is how many pieces of a line are still to be handed over.
func (t Ticket) Open(line int) int { return t.Lines[line].N - at(t.Handed, line) - at(t.Void, line) }

// Owed is what is still to be paid; below zero: to be given back.
func (t Ticket) Owed() int64 { return t.Total.Minor - t.Voided - t.Paid }

func at(n []int, i int) int {
	if i < len(n) {
		return n[i]
	}
	return 0
}

// Settle works out what an act makes of a ticket at a kit time, or refuses it. last is the ticket's last act that was done, for Undo.
func (t Ticket) Settle(a CounterAct, last CounterOutcome, now time.Duration) (Fulfilment, CounterOutcome) {
	out := CounterOutcome{CounterAct: a, Outcome: Confirmed, At: now}
	was := t.Fulfilment
	t.Handed, t.Void = make([]int, len(t.Lines)), make([]int, len(t.Lines))
	copy(t.Handed, was.Handed)
	copy(t.Void, was.Void)
	var refused string
	switch a.Do {
	case Ready:
		refused = t.call(now)
	case Pay:
		refused = t.pay(&out)
	case HandOver:
		refused = t.handOver(&out, now)
	case Void, TakeBack:
		refused = t.giveUp(&out, now)
	case Undo:
		refused = t.undo(&out, last)
	}
	if refused != "" {
		out.Outcome, out.Details, out.Moved, out.Money = Refused, refused, nil, 0
		return was, out
	}
	t.Done = 0
	if s := t.State(); s == TicketHanded || s == TicketVoid {
		t.Done = cmp.Or(was.Done, now)
	}
	out.Details = t.say(out)
	return t.Fulfilment, out
}

func (t *Ticket) call(now time.Duration) string {
	if why := t.Closed(now); why != "" {
		return why
	}
	t.Ready = now
	return ""
}

// Closed says why nothing of a ticket is to be handed over any more at a kit time, for people; "": something is.
func (t Ticket) Closed(now time.Duration) string {
	switch t.State() {
	case TicketVoid:
		return t.Number + " is void: hand nothing over."
	case TicketHanded:
		return fmt.Sprintf("%s was handed over %s: hand nothing over.", t.Number, ago(now-t.Done))
	}
	return ""
}

// ago says how long something is past, for people.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return "just now"
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", d/time.Minute)
	}
	return fmt.Sprintf("%d hours ago", d/time.Hour)
}

func (t *Ticket) money(minor int64) string { return Money{minor, t.Total.Currency}.String() }

func (t *Ticket) pay(out *CounterOutcome) string {
	owed := t.Owed()
	switch {
	case owed <= 0:
		return fmt.Sprintf("Nothing is owed for %s: take no money.", t.Number)
	case out.Amount > owed:
		return fmt.Sprintf("%s are owed for %s, not %s.", t.money(owed), t.Number, t.money(out.Amount))
	}
	out.Money = cmp.Or(out.Amount, owed)
	t.Paid += out.Money
	return ""
}

func (t *Ticket) handOver(out *CounterOutcome, now time.Duration) string {
	if why := t.Closed(now); why != "" {
		return why
	}
	moved, why := t.pieces(out.Pieces, t.Open, "to hand over")
	if why != "" {
		return why
	}
	if out.Payment != "" {
		if why := t.pay(out); why != "" {
			return why
		}
	}
	for _, m := range moved {
		t.Handed[m.Line] += m.N
	}
	out.Moved = moved
	return ""
}

// giveUp has pieces not be sold any more: of those that are open, or of those that were handed over.
func (t *Ticket) giveUp(out *CounterOutcome, now time.Duration) string {
	of, there := t.Open, "to void"
	if out.Do == TakeBack {
		of, there = func(i int) int { return t.Handed[i] }, "to take back"
	}
	moved, why := t.pieces(out.Pieces, of, there)
	if why != "" {
		return why
	}
	for i, m := range moved {
		l, before := t.Lines[m.Line], int64(t.Void[m.Line])
		moved[i].Amount = share(l.Amount, before+int64(m.N), l.N) - share(l.Amount, before, l.N)
		moved[i].Tax = share(l.Tax, before+int64(m.N), l.N) - share(l.Tax, before, l.N)
		t.Void[m.Line] += m.N
		if out.Do == TakeBack {
			t.Handed[m.Line] -= m.N
		}
		t.Voided += moved[i].Amount
	}
	back := -t.Owed()
	if back > 0 && out.Payment == "" {
		return fmt.Sprintf("%s of %s were paid: say how they go back.", t.money(back), t.Number)
	}
	out.Moved, out.Money = moved, -max(0, back)
	t.Paid += out.Money
	return ""
}

// share is the part of an amount that so many of n pieces have: of all it is all.
func share(amount, pieces int64, n int) int64 { return amount * pieces / int64(n) }

// pieces are those that an act is about: how many of each line are asked for, or all that there are.
func (t *Ticket) pieces(asked []int, there func(line int) int, words string) (moved []Moved, why string) {
	if asked != nil && len(asked) != len(t.Lines) {
		return nil, fmt.Sprintf("%s has %d lines, not %d.", t.Number, len(t.Lines), len(asked))
	}
	for i, l := range t.Lines {
		n := there(i)
		if asked != nil {
			if asked[i] > n {
				return nil, fmt.Sprintf("Of %s in %s there are %d %s, not %d.", l.Title, t.Number, n, words, asked[i])
			}
			n = asked[i]
		}
		if n > 0 {
			moved = append(moved, Moved{Line: i, SKU: l.SKU, N: n})
		}
	}
	if len(moved) == 0 {
		return nil, fmt.Sprintf("There is nothing of %s %s.", t.Number, words)
	}
	return moved, ""
}

func (t *Ticket) undo(out *CounterOutcome, last CounterOutcome) string {
	switch last.Do {
	case Ready:
		t.Ready = 0
	case Pay, HandOver:
		for _, m := range last.Moved {
			t.Handed[m.Line] -= m.N
			m.N = -m.N
			out.Moved = append(out.Moved, m)
		}
		out.Money, out.Payment = -last.Money, last.Payment
		t.Paid += out.Money
	case Void, TakeBack:
		return "What was voided or taken back stays so: sell it again."
	default:
		return fmt.Sprintf("There is nothing of %s to undo.", t.Number)
	}
	out.Undone = last.ID
	return ""
}

// say is what was done, for people.
func (t *Ticket) say(out CounterOutcome) string {
	var what []string
	for _, m := range out.Moved {
		what = append(what, fmt.Sprintf("%d x %s", max(m.N, -m.N), t.Lines[m.Line].Title))
	}
	said := t.Number
	switch out.Do {
	case Ready:
		said += " is called"
	case Pay:
		said += " is paid"
		if t.Owed() > 0 {
			said = fmt.Sprintf("%s are still owed for %s", t.money(t.Owed()), t.Number)
		}
	case HandOver:
		said += " is handed over: " + strings.Join(what, ", ")
	case Void:
		said += " is void: " + strings.Join(what, ", ")
	case TakeBack:
		said += " came back: " + strings.Join(what, ", ")
	case Undo:
		said += ": that is undone"
	}
	switch {
	case out.Money > 0:
		said += fmt.Sprintf(". Take %s (%s)", t.money(out.Money), out.Payment)
	case out.Money < 0:
		said += fmt.Sprintf(". Give back %s (%s)", t.money(-out.Money), out.Payment)
	case out.Do == HandOver && t.Owed() > 0:
		said += fmt.Sprintf(". %s are owed", t.money(t.Owed()))
	}
	return said + "."
}

// Closing is the end of a till's day: what was sold and done at the counter up to it and after the one before is one till roll. ID is a ULID made where it was
// asked for: a repeat is the same one.
type Closing struct {
	N      int64 // from 1; 0: none yet
	ID     string
	Ticket int64         // the last ticket that is in it
	Act    int64         // the place of the last act at the counter that is in it
	At     time.Duration // kit time
	Wall   time.Time     // as the kit believed
}

// Before is the number after which the next day's tickets are numbered: each day has a letter of its own, or several, so that a slip of yesterday's is not
// taken for one of today's.
func (c Closing) Before() int64 { return (c.Ticket + series - 1) / series * series }
