package pipeline

import (
	"slices"
	"time"
	"unicode/utf8"
)

// CorrectionReason is why what is left of a SKU is another number than sales made it. The texts are stable: they are in the journal.
type CorrectionReason string

// The reasons.
const (
	Counted   CorrectionReason = "counted"   // somebody counted, and it was wrong
	Delivered CorrectionReason = "delivered" // more came
	Returned  CorrectionReason = "returned"  // a buyer brought it back
	Damaged   CorrectionReason = "damaged"
	Lost      CorrectionReason = "lost"
	GivenAway CorrectionReason = "given-away" // a gift, a sample, the stall's own use
)

// CorrectionReasons lists them.
var CorrectionReasons = []CorrectionReason{Counted, Delivered, Returned, Damaged, Lost, GivenAway}

// Correction is an operator's word on how many pieces of a SKU there are. ID is a ULID made where it was said: a repeat is the same one.
type Correction struct {
	ID     string
	SKU    string
	Set    bool // N is how many there are; else how many more there are, or below zero fewer
	N      int
	Reason CorrectionReason
	Note   string // in the operator's own words; at most 200 characters
	Via    Channel
}

// Valid tells whether it is one that can be recorded.
func (c Correction) Valid() bool {
	least := -MaxStock
	if c.Set {
		least = 0
	}
	return ValidTapID(c.ID) && c.SKU != "" && len(c.SKU) <= 64 && c.N >= least && c.N <= MaxStock && (c.Set || c.N != 0) &&
		slices.Contains(CorrectionReasons, c.Reason) && utf8.ValidString(c.Note) && utf8.RuneCountInString(c.Note) <= 200
}

// CorrectionOutcome is what became of a correction: Confirmed, or Refused with the reason in Details.
type CorrectionOutcome struct {
	Correction
	Outcome Reason
	Details string // a sentence for people about a refusal
	By      int    // pieces more, or below zero fewer, that it made of what was left
	Left    int    // pieces after it
	At      time.Duration
	Wall    time.Time
	Repeat  bool // it had been decided before, and this is that decision
}

// OK tells whether it is done.
func (o CorrectionOutcome) OK() bool { return o.Outcome == Confirmed }

// Answer is what an operator was answered to what they asked for.
type Answer struct {
	Of     []byte // a digest of what was asked
	Status int    // of HTTP
	Kind   string // of Body, as Content-Type says it
	Body   []byte
}
