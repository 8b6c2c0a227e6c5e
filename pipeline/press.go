package pipeline

import (
	"slices"
	"time"
)

// Action is what a press of a button asks for. The texts are stable: they are what is set in edgekit.toml, and in the journal.
type Action string

// The actions.
const (
	StartNextDrop Action = "start-next-drop" // the first offer that is announced, else the first that is prepared, goes live
	MarkSoldOut   Action = "sold-out"        // the offer that is on show is sold out, whatever the count says
	ReprintLast   Action = "reprint-last"    // the last slip comes out once more, as a possible copy
	CallHelp      Action = "call-help"       // the console and the light call somebody; once more takes it back
	ClearHelp     Action = "clear-help"      // takes it back
	NewSetupSlip  Action = "setup-slip"      // a set-up slip with a new pairing code
	NextCamera    Action = "next-camera"     // the picture is another camera's, if several are plugged in
	ShutDown      Action = "shut-down"

	// ShowOffer is no button's: it needs an offer, which goes live if it was prepared, and has a place in the picture.
	ShowOffer Action = "show-offer"
)

// Actions lists those that a button can be for.
var Actions = []Action{StartNextDrop, MarkSoldOut, ReprintLast, CallHelp, ClearHelp, NewSetupSlip, NextCamera, ShutDown}

// MayRepeat tells whether an action may be asked for again and again by one press, while the button stays down: only what has a bound of
// its own, in the show or in paper, and is seen at once. What rings on and off, takes things out of the sale, makes codes worthless or ends
// it all takes a finger that comes up again.
func (a Action) MayRepeat() bool { return a == StartNextDrop || a == ReprintLast }

// The channels of presses: a button that is wired to the kit, and a product held up to its camera. One in the console is ViaConsole's.
const (
	ViaButton Channel = "button"
	ViaCamera Channel = "camera"
)

// Press is one wish of an operator, by a button or by holding up a product. ID is a ULID made where it was pressed: a repeat is the same Press.
type Press struct {
	ID      string
	Button  string // its name; at most 32 bytes
	Gesture string // how it was pressed
	Action  Action
	Offer   string // that ShowOffer is about; of a decided press the one that it was about
	Via     Channel
}

// Valid tells whether it is one that can be recorded.
func (p Press) Valid() bool {
	return ValidTapID(p.ID) && len(p.Button) <= 32 && len(p.Gesture) <= 16 &&
		(slices.Contains(Actions, p.Action) && p.Offer == "" || p.Action == ShowOffer && p.Offer != "" && len(p.Offer) <= 64)
}

// PressOutcome is what became of a press: Confirmed, or Refused with the reason in Details.
type PressOutcome struct {
	Press
	Reason  Reason
	Details string // a sentence for people, either way
	Ticket  int64  // that it was about
	At      time.Duration
	Wall    time.Time
	Repeat  bool // it had been decided before, and this is that decision
}

// OK tells whether it is done.
func (o PressOutcome) OK() bool { return o.Reason == Confirmed }
