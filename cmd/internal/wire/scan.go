package wire

import "time"

// Scan is a code that the counter's scanner read.
type Scan struct {
	At     time.Time `json:"at"` // by the kit's wall clock, which may not know
	Text   string    `json:"text"`
	OK     bool      `json:"ok"` // it is the code of a ticket of this kit
	Detail string    `json:"detail"`
	Ticket string    `json:"ticket,omitempty"`
	Title  string    `json:"title,omitempty"`
	Total  *Money    `json:"total,omitempty"`
	Print  string    `json:"print,omitempty"` // state of its slip
}
