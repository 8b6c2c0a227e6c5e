package pipeline

import "time"

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
