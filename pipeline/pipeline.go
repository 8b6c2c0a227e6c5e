// Package pipeline holds the nouns of a sale, and the line that every signal goes through to become one:
//
//	validate ▶ enrich ▶ act
//
// validate and enrich read memory only; act is one durable transaction in the store. Nothing is said to anybody before
// that transaction is committed, and nothing that was said is ever taken back.
//
// Times named At, Opens, Ends and Expires are kit time: a duration on the kit's own clock, which runs on over reboots
// and never backwards, whatever the wall clock does.
package pipeline

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Fix says that at kit time At of a boot it was Wall, give or take Within. By fixes, what was recorded when the wall clock was
// wrong is dated later.
type Fix struct {
	Source string // ntp, rtc or phone
	Boot   uint32
	At     time.Duration
	Wall   time.Time
	Within time.Duration
}

// Channel is the way a signal came in.
type Channel string

// The channels.
const (
	ViaPage    Channel = "page"    // a prompt tapped in the viewer page
	ViaQR      Channel = "qr"      // a token bought through its link
	ViaSheet   Channel = "sheet"   // bought in the window that a phone opens when it joins the kit's Wi-Fi
	ViaConsole Channel = "console" // sold by the operator
)

// Tap is one wish of one viewer to buy one offer once. ID is a ULID made where the finger is, so that a repeat of the
// same wish, however often the network makes it, is the same Tap.
type Tap struct {
	ID     string
	Viewer string
	Offer  string
	Token  string
	Choice []string // SKUs, one for each piece that the offer leaves to choose
	Frame  uint32   // RTP timestamp of the picture the viewer saw; 0: unknown
	Via    Channel
	At     time.Duration // when it reached the kit
}

// Reason says how a tap ended. The texts are stable: they are the `reason` of a refusal in every API.
type Reason string

// Confirmed is the one good end; all others are refusals.
const (
	Confirmed    Reason = "confirmed"
	SoldOut      Reason = "sold-out"
	TokenUsed    Reason = "token-used"
	TooLate      Reason = "too-late"
	TokenExpired Reason = "token-expired"
	NotYet       Reason = "not-yet"
	TokenInvalid Reason = "token-invalid"
	Refused      Reason = "refused"      // not allowed to this viewer, such as beyond the limit a visitor
	RateLimited  Reason = "rate-limited" // too many at once: the same tap may be sent again
	Malformed    Reason = "malformed"
	UnknownOffer Reason = "unknown-offer"
	Choice       Reason = "choice"      // something is to be chosen, and was not, or not from what there is
	Unavailable  Reason = "unavailable" // the kit cannot record a sale now: the same tap may be sent again
)

// Outcome is what became of a tap. A confirmed one has all fields; a refusal has the first three.
type Outcome struct {
	Tap     string
	Offer   string
	Reason  Reason
	Viewer  string
	Ticket  string // number on the slip, such as "A-042"
	Title   string
	Total   Money
	Left    int // pieces of the offer left after this sale; below zero: unlimited
	At      time.Duration
	Retry   time.Duration // for RateLimited and Unavailable: how long to wait before sending the same tap again
	Repeat  bool          // the tap had been decided before, and this is that decision
	Details string        // a sentence for people about a refusal; may be empty
}

// OK tells whether the tap became a sale.
func (o Outcome) OK() bool { return o.Reason == Confirmed }

// Consent is what a visitor chose about being profiled, and which text they were shown.
type Consent struct {
	Version int           // of the notice
	Choice  string        // Agreed or Declined
	At      time.Duration // kit time
	Wall    time.Time     // as the kit believed
}

// The choices a visitor has. Both cost the same, and either may be taken back.
const (
	Agreed   = "agreed"
	Declined = "refused"
)

// PrintState is how far a ticket's slip has got.
type PrintState int

// The states of a slip. Sending is made durable before the first byte goes out: a slip found in it after a crash may be
// on paper already, and is printed again marked as a possible copy.
const (
	PrintQueued PrintState = iota
	PrintSending
	Printed   // a printer has said that it is on paper
	PrintSent // a printer has it, and cannot say that it is on paper
	// It was PrintQueued or PrintSending, and became so old that the operator is asked whether it is still wanted.
	PrintHeld
	PrintHeldSending
	PrintDropped // it is not
)

// Due tells whether the slip is to be printed.
func (p PrintState) Due() bool { return p < Printed }

// Hold is the state in which the operator is asked first.
func (p PrintState) Hold() PrintState {
	if p == PrintSending {
		return PrintHeldSending
	}
	return PrintHeld
}

// String names the state, as the operator sees it.
func (p PrintState) String() string {
	names := [...]string{"queued", "printing", "printed", "sent", "held", "held", "dropped"}
	if p < 0 || int(p) >= len(names) { // a newer system's, which an update brought and did not keep
		return "printed"
	}
	return names[p]
}

// Ticket is a conversion, with what its slip says.
type Ticket struct {
	N      int64
	Number string // see TicketNumber
	Tap    string
	Viewer string
	Offer  string
	Title  string
	Lines  []OrderLine
	Total  Money
	Via    Channel
	At     time.Duration
	Wall   time.Time
	Print  PrintState

	Fulfilment
}

// What is the ticket's title with what was chosen.
func (t Ticket) What() string { return What(t.Title, t.Lines) }

// Money is an amount in the currency's minor unit (ISO 4217), such as cents.
type Money struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// Digits is how many decimals a currency has (ISO 4217).
func Digits(currency string) int {
	switch currency { // those without or with three that stalls meet
	case "JPY", "KRW", "CLP", "ISK", "VND", "XAF", "XOF", "UGX", "PYG", "RWF":
		return 0
	case "BHD", "KWD", "OMR", "JOD", "TND":
		return 3
	}
	return 2
}

// Amount writes minor units of a currency with so many digits as a plain number, such as "12.50".
func Amount(minor int64, digits int) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	n := fmt.Sprintf("%0*d", digits+1, minor)
	if digits == 0 {
		return sign + n
	}
	return sign + n[:len(n)-digits] + "." + n[len(n)-digits:]
}

// String formats an amount for people, such as "€ 12.50" or "12.50 CHF".
func (m Money) String() string {
	n := Amount(m.Minor, Digits(m.Currency))
	symbol, ok := map[string]string{"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹", "KRW": "₩"}[m.Currency]
	if !ok {
		return n + " " + m.Currency
	}
	return symbol + " " + n
}

// series is how many tickets there are of a letter.
const series = 999

// TicketNumber writes the n-th ticket's number, from 1, B-001 … Z-999, AA-001 …; short enough to be
// called out over a counter.
func TicketNumber(n int64) string {
	letters := ""
	for s := (n - 1) / series; ; s = s/26 - 1 {
		letters = string(rune('A'+s%26)) + letters
		if s < 26 {
			break
		}
	}
	return fmt.Sprintf("%s-%03d", letters, (n-1)%series+1)
}

// ParseTicketNumber is the way back from TicketNumber; false: it is none.
func ParseTicketNumber(s string) (int64, bool) {
	letters, digits, ok := strings.Cut(s, "-")
	n, err := strconv.ParseUint(digits, 10, 16)
	if !ok || err != nil || len(digits) != 3 || n < 1 || len(letters) < 1 || len(letters) > 4 {
		return 0, false
	}
	before := int64(0)
	for _, c := range letters {
		if c < 'A' || c > 'Z' {
			return 0, false
		}
		before = before*26 + int64(c-'A') + 1
	}
	return (before-1)*series + int64(n), true
}

// ByLink is the payment of who paid elsewhere, by the ticket's payment link.
const ByLink Payment = "link"

// ViaCheckout is the channel of what a hosted checkout says, and ViaKit of what the kit does by itself.
const (
	ViaCheckout Channel = "checkout"
	ViaKit      Channel = "kit"
)

// Paid is word from elsewhere that a ticket was paid there. ID is that word's own: a repeat has the same one.
type Paid struct {
	ID     string
	Ticket string // its number
	Tap    string // its tap: another ticket of that number, of another kit or day, is not meant
	Money  Money
}

// PaidOutcome is what became of it: Confirmed, or Refused with the reason in Details: then the money is elsewhere, and nobody owed it.
type PaidOutcome struct {
	Paid
	Outcome Reason
	Details string // a sentence for people, either way
	At      time.Duration
	Wall    time.Time
	Repeat  bool // it had been decided before, and this is that decision
}

// OK tells whether it counts for the ticket.
func (o PaidOutcome) OK() bool { return o.Outcome == Confirmed }
