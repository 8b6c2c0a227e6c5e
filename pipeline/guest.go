package pipeline

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a list of guests.
const (
	MaxGuests    = 20_000
	MaxGuestName = 200 // characters, of a kind too
	MaxGuestCode = 256 // bytes
)

// Guest is somebody on the list of a ticketed event, or who came without being on it.
type Guest struct {
	N    int64         // from 1, in the order of the lists that were imported
	Code [16]byte      // what tells the code on their ticket, see GuestCode; zero: they have none
	Name string        // empty: not known
	Kind string        // of ticket; empty: there is one kind
	Walk bool          // they were not on the list
	In   time.Duration // kit time since when they are in; 0: they are not
	Wall time.Time     // of that, as the kit believed
}

// GuestCode is what the kit keeps of a ticket's code: enough to know it again, and nothing to make a ticket from.
func GuestCode(text string) (code [16]byte) {
	sum := sha256.Sum256([]byte("edgekit guest " + strings.TrimSpace(text)))
	copy(code[:], sum[:])
	return code
}

// Called is the guest's name for people, with their kind of ticket.
func (g Guest) Called() string {
	name := g.Name
	switch {
	case name == "" && g.Walk:
		name = fmt.Sprintf("Walk-in %d", g.N)
	case name == "":
		name = fmt.Sprintf("Guest %d", g.N)
	}
	if g.Kind != "" {
		name += ", " + g.Kind
	}
	return name
}

// CheckInAction is what is done at the door. The texts are stable: they are in the journal.
type CheckInAction string

// The actions.
const (
	CheckIn  CheckInAction = "in"
	CheckOut CheckInAction = "out"     // that was a mistake, or they go and may come again
	WalkIn   CheckInAction = "walk-in" // somebody who is not on the list comes in
)

// CheckInActions lists them.
var CheckInActions = []CheckInAction{CheckIn, CheckOut, WalkIn}

// DoorAct is one thing that is done at the door. ID is a ULID made where it was done: a repeat is the same one.
type DoorAct struct {
	ID    string
	Do    CheckInAction
	Guest int64  // of CheckIn and CheckOut, who: 0: whose Code is given
	Code  string // the text of their ticket's code; it is not kept
	Name  string // of WalkIn; may be empty
	Kind  string // likewise
	Via   Channel
}

// Valid tells whether it is one that can be decided.
func (a DoorAct) Valid() bool {
	short := func(s string) bool {
		return utf8.ValidString(s) && utf8.RuneCountInString(s) <= MaxGuestName && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' })
	}
	walk := a.Do == WalkIn
	return ValidTapID(a.ID) && slices.Contains(CheckInActions, a.Do) && a.Guest >= 0 && len(a.Code) <= MaxGuestCode && short(a.Name) && short(a.Kind) &&
		(walk && a.Guest == 0 && a.Code == "" || !walk && a.Name == "" && a.Kind == "" && (a.Guest > 0) != (a.Code != ""))
}

// DoorOutcome is what became of it: Confirmed, or Refused with the reason in Details.
type DoorOutcome struct {
	DoorAct
	Who     Guest // as they are now
	Outcome Reason
	Details string // a sentence for people, either way
	At      time.Duration
	Wall    time.Time
	Repeat  bool // it had been decided before, and this is that decision
}

// OK tells whether it is done.
func (o DoorOutcome) OK() bool { return o.Outcome == Confirmed }

// Door works out what an act makes of a guest at a kit time, or refuses it: nobody comes in twice by one ticket.
func (g Guest) Door(a DoorAct, now time.Duration, wall time.Time) (Guest, DoorOutcome) {
	out := DoorOutcome{DoorAct: a, Outcome: Confirmed, At: now, Wall: wall}
	switch in := g.In > 0; {
	case a.Do == CheckOut && !in:
		out.Outcome, out.Details = Refused, g.Called()+" is not in."
	case a.Do == CheckOut:
		g.In, g.Wall = 0, time.Time{}
		out.Details = g.Called() + " is out again."
	case in:
		out.Outcome, out.Details = Refused, fmt.Sprintf("%s came in %s by that ticket: let nobody in.", g.Called(), ago(now-g.In))
	default:
		g.In, g.Wall = max(now, time.Millisecond), wall
		out.Details = g.Called() + ": come in."
	}
	out.Who = g
	return g, out
}

// Door is how many there are.
type Door struct {
	Listed, In int // on the list, and of these in
	WalkIns    int // in, without being on it
}
