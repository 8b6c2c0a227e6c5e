package wire

import (
	"time"

	"edgekit.internal/pipeline/till"
)

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
