package wire

import "time"

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
