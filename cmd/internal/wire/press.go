package wire

import "time"

// PressRequest is a press of a button from elsewhere: POST /press on the control socket, POST /api/operator/press on the console.
// Either Button and Gesture are given, or Action. ID is a ULID: a repeat is the same press.
type PressRequest struct {
	ID      string `json:"id"`
	Button  string `json:"button,omitempty"`
	Gesture string `json:"gesture,omitempty"` // short, double, long, hold or repeat
	Action  string `json:"action,omitempty"`  // see pipeline.Action
	Offer   string `json:"offer,omitempty"`   // of the action show-offer, and of no other
}

// Press is a press and what became of it.
type Press struct {
	ID      string    `json:"id"`
	Button  string    `json:"button,omitempty"`
	Gesture string    `json:"gesture,omitempty"`
	Action  string    `json:"action,omitempty"`
	Via     string    `json:"via"`
	OK      bool      `json:"ok"`
	Detail  string    `json:"detail"` // a sentence, either way
	Offer   string    `json:"offer,omitempty"`
	Ticket  string    `json:"ticket,omitempty"`
	At      time.Time `json:"at"` // by the kit's wall clock, which may not know
}

// Button is what a button does, by gesture.
type Button struct {
	Name string            `json:"button"`
	Does map[string]string `json:"does"`
}

// Buttons answers GET /buttons: what they do, and what was pressed last, newest first.
type Buttons struct {
	Buttons []Button          `json:"buttons"`
	Presses []Press           `json:"presses"`
	Lights  map[string]string `json:"lights"` // what each shows
	Help    bool              `json:"help"`   // is called
}
