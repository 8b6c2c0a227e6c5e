package wire

import (
	"time"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/till"
)

// Serve is what an operator does with a ticket at the counter: POST /counter. ID is a ULID: a repeat is the same act. See pipeline.CounterAct.
type Serve struct {
	ID      string   `json:"id"`
	Ticket  string   `json:"ticket"`
	Do      string   `json:"do"`               // ready, pay, hand-over, void, take-back or undo
	Pieces  []int    `json:"pieces,omitempty"` // of each line; left out: all that there are
	Payment string   `json:"payment,omitempty"`
	Amount  int64    `json:"amount,omitempty"`
	Restock bool     `json:"restock,omitempty"`
	For     string   `json:"for,omitempty"`    // of void and take-back: the offer that it is exchanged for
	Choice  []string `json:"choice,omitempty"` // of for: see Tap
	Note    string   `json:"note,omitempty"`
}

// Served answers it, and is one of those in a TicketNow, oldest first.
type Served struct {
	ID      string    `json:"id"`
	Do      string    `json:"do"`
	OK      bool      `json:"ok"`
	Detail  string    `json:"detail"` // what was done, or why not
	Payment string    `json:"payment,omitempty"`
	Money   int64     `json:"money"`            // that came in; below zero: that goes back
	Voided  int64     `json:"voided,omitempty"` // by how much less the ticket is since
	New     string    `json:"new,omitempty"`    // the ticket that it was exchanged for
	Note    string    `json:"note,omitempty"`
	At      time.Time `json:"at"` // by the kit's wall clock, which may not know
}

// FromCounter writes an act's outcome.
func FromCounter(o pipeline.CounterOutcome) Served {
	voided, _ := o.Voided()
	return Served{o.ID, string(o.Do), o.OK(), o.Details, string(o.Payment), o.Money, voided, o.New, o.Note, o.Wall}
}

// TicketNow is a ticket as it is at the counter: GET /tickets/{ticket}.
type TicketNow struct {
	Ticket string       `json:"ticket"`
	Offer  string       `json:"offer"`
	Title  string       `json:"title"`
	Lines  []TicketLine `json:"lines"`
	Total  Money        `json:"total"`
	Owed   Money        `json:"owed"`  // below zero: to be given back
	Paid   Money        `json:"paid"`  // less what went back
	State  string       `json:"state"` // see pipeline.Ticket.State
	Via    string       `json:"via"`
	At     time.Time    `json:"at"` // by the kit's wall clock, which may not know
	Acts   []Served     `json:"acts"`
}

// TicketLine is one of its lines.
type TicketLine struct {
	SKU    string `json:"sku"`
	Title  string `json:"title"`
	N      int    `json:"n"`
	Open   int    `json:"open"`   // to be handed over
	Handed int    `json:"handed"` // and not taken back
	Amount Money  `json:"amount"` // for all N
}

// FromTicket writes a ticket with what was done with it.
func FromTicket(t pipeline.Ticket, acts []pipeline.CounterOutcome) TicketNow {
	money := func(minor int64) Money {
		return FromMoney(pipeline.Money{Minor: minor, Currency: t.Total.Currency})
	}
	now := TicketNow{Ticket: t.Number, Offer: t.Offer, Title: t.What(), Lines: []TicketLine{}, Total: FromMoney(t.Total), Owed: money(t.Owed()), Paid: money(t.Paid), State: t.State(),
		Via: string(t.Via), At: t.Wall, Acts: []Served{}}
	for i, l := range t.Lines {
		line := TicketLine{SKU: l.SKU, Title: l.Title, N: l.N, Open: t.Open(i), Amount: money(l.Amount)}
		if i < len(t.Handed) {
			line.Handed = t.Handed[i]
		}
		now.Lines = append(now.Lines, line)
	}
	for _, o := range acts {
		now.Acts = append(now.Acts, FromCounter(o))
	}
	return now
}

// QueueBoard is what the screen that faces customers shows: GET /api/board. Numbers only, oldest first.
type QueueBoard struct {
	Ready   []string `json:"ready"`   // can be fetched
	Waiting []string `json:"waiting"` // cannot yet
}

// Waits is how long buyers waited: GET /waits.
type Waits struct {
	Since   time.Time `json:"since"` // of the first that counts, by the kit's wall clock
	Printed Wait      `json:"printed"`
	Ready   Wait      `json:"ready"`
	Handed  Wait      `json:"handed"`
	Open    int       `json:"open"` // tickets to hand over now
}

// Wait is how long it took from the tap to a step, in seconds: half took no longer than Median, nine of ten no longer than P90.
type Wait struct {
	N      int     `json:"n"`
	Median float64 `json:"median_s"`
	P90    float64 `json:"p90_s"`
	Most   float64 `json:"most_s"`
}

// Roll is a till roll: GET /till, since the last closing; GET /till?closing=N, the one that ended with that.
type Roll struct {
	Closing int64         `json:"closing"`        // its number; 0: it is not closed
	From    *time.Time    `json:"from,omitempty"` // of the closing before; absent: there was none. By the kit's wall clock, which may not know
	To      *time.Time    `json:"to,omitempty"`   // when it was closed
	Reports []till.Report `json:"reports"`        // one a currency
}

// Closing is one of GET /till/closings, newest first, and answers POST /till/close.
type Closing struct {
	Closing int64     `json:"closing"`
	Ticket  string    `json:"ticket"` // the last that is in it; "": none was ever sold
	At      time.Time `json:"at"`     // by the kit's wall clock, which may not know
}

// CloseTill is POST /till/close. ID is a ULID: a repeat is the same closing.
type CloseTill struct {
	ID string `json:"id"`
}

// PrintRoll is POST /till/print. Closing is the roll's; 0: since the last.
type PrintRoll struct {
	Closing int64 `json:"closing"`
}

// PayLink is where a buyer's ticket can be paid.
type PayLink struct {
	URL  string `json:"url"`
	Owed Money  `json:"owed"`
	InMS int64  `json:"in_ms,omitempty"` // within which it is held for them; absent: for good
}

// Payment is what a hosted checkout said was paid: GET /payments, newest first, and the answer to POST /payments.
type Payment struct {
	ID     string    `json:"id"`
	Ticket string    `json:"ticket"`
	Amount Money     `json:"amount"`
	OK     bool      `json:"ok"` // it counts for the ticket; else the money is there, and nobody owed it
	Detail string    `json:"detail"`
	At     time.Time `json:"at"` // by the kit's wall clock, which may not know
}

// FromPaid writes a payment's outcome.
func FromPaid(o pipeline.PaidOutcome) Payment {
	return Payment{o.ID, o.Ticket, FromMoney(o.Money), o.OK(), o.Details, o.Wall}
}

// Scan is a code that the counter's scanner read.
type Scan struct {
	At     time.Time `json:"at"` // by the kit's wall clock, which may not know
	Text   string    `json:"text"`
	OK     bool      `json:"ok"` // it is the code of a ticket of this kit, of which something is to be handed over
	Detail string    `json:"detail"`
	Ticket string    `json:"ticket,omitempty"`
	Title  string    `json:"title,omitempty"`
	Total  *Money    `json:"total,omitempty"`
	Print  string    `json:"print,omitempty"`  // state of its slip
	State  string    `json:"state,omitempty"`  // see pipeline.Ticket.State
	Door   bool      `json:"door,omitempty"`   // it was the code of a guest's ticket: OK says whether they came in by it
	Lesson string    `json:"lesson,omitempty"` // it was the scanner's sheet, or should have been: Learned or LessonRefused
}

// What came of a scanner's sheet.
const (
	Learned       = "learned"
	LessonRefused = "refused"
)

// ScannerSheet is the sheet that teaches a scanner's layout, and for how long it is expected.
type ScannerSheet struct {
	PNG     []byte `json:"png"`
	Minutes int    `json:"minutes"`
}

// PrintCode is POST /code/print: a slip with a code that sells a live offer once.
type PrintCode struct {
	Offer string `json:"offer"`
}

// AtDoor is one thing that is done at the door of a ticketed event: POST /door. See pipeline.DoorAct.
type AtDoor struct {
	ID    string `json:"id"`
	Do    string `json:"do"`              // in, out or walk-in
	Guest int64  `json:"guest,omitempty"` // of in and out: whose number it is, or whose ticket's code:
	Code  string `json:"code,omitempty"`
	Name  string `json:"name,omitempty"` // of walk-in
	Kind  string `json:"kind,omitempty"`
}

// DoorSaid answers it.
type DoorSaid struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Guest  Guest  `json:"guest"`
}

// Guest is somebody on the list of a ticketed event, or who came without being on it.
type Guest struct {
	Guest int64      `json:"guest"` // their number
	Name  string     `json:"name"`
	Kind  string     `json:"kind,omitempty"`
	Walk  bool       `json:"walk_in,omitempty"`
	In    *time.Time `json:"in,omitempty"` // since when, by the kit's wall clock, which may not know; absent: they are not
}

// FromGuest writes a guest.
func FromGuest(g pipeline.Guest) Guest {
	w := Guest{Guest: g.N, Name: g.Name, Kind: g.Kind, Walk: g.Walk}
	if g.In > 0 {
		w.In = &g.Wall
	}
	return w
}

// Guests is the list at the door: GET /guests?find=TEXT, who is not in yet first.
type Guests struct {
	Listed  int     `json:"listed"`
	In      int     `json:"in"`       // of those listed
	WalkIns int     `json:"walk_ins"` // in, without being listed
	Guests  []Guest `json:"guests"`   // the first of those of whose names TEXT is a part
}

// GuestsImported answers POST /guests.
type GuestsImported struct {
	Form    string `json:"form"` // that the file is in
	Guests  int    `json:"guests"`
	New     int    `json:"new"`
	Changed int    `json:"changed"`
	Gone    int    `json:"gone"`
	DryRun  bool   `json:"dry_run"`
}
