// Package journal gives the kit's append-only record its form: one entry a decided sale or other fact, in deterministic CBOR
// (RFC 8949 section 4.2) with integer keys, so that the same entry is the same bytes on every kit and hub.
//
// An entry names no person. It carries kit time, the boot it belongs to and what the wall clock said, so that it can
// be dated later even when the wall clock was wrong: see Dates.
package journal

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// Kind says what an entry records.
type Kind uint8

// The kinds of entries. Numbers are never used again for something else.
const (
	Sale Kind = 1
	Fix  Kind = 2 // at kit time Kit of Boot it was Wall, give or take Within, by Source
	// Press is one of an operator's buttons, or a product held up: Button was pressed for Action, about Offer or Ticket; Tap is its ULID.
	Press Kind = 3
	// Stock is a correction of what is left: the one line has a SKU and how many more there are, or below zero fewer; Action is the reason,
	// and Tap the correction's ULID.
	Stock Kind = 4
	// Counter is what an operator did with Ticket: Action is it, Tap its ULID, and the lines are the pieces that it was about; with Restock they are
	// for sale again. The lines' amounts are by how much less the ticket is since. Total came in by Payment; below zero it went back. Of an undone
	// one, pieces and total are below zero.
	Counter Kind = 5
	// Closing is the end of a till's day: Ticket is the last that is in it, and Tap its ULID.
	Closing Kind = 6
	// Guest is somebody at the door of a ticketed event: Action is what was done (pipeline.CheckInAction), Guest who, by number; a name is in no entry. Tap is its ULID.
	Guest Kind = 7
)

// Entry is one record. Amounts are in minor units of Currency.
type Entry struct {
	Kind     Kind   `cbor:"1,keyasint"`
	Kit      int64  `cbor:"2,keyasint"`           // kit time, milliseconds
	Wall     int64  `cbor:"3,keyasint"`           // Unix milliseconds as the kit believed; may be wrong
	Tap      []byte `cbor:"4,keyasint,omitzero"`  // ULID, 16 bytes
	Offer    string `cbor:"5,keyasint,omitzero"`  //
	Ticket   int64  `cbor:"6,keyasint,omitzero"`  // sequence number, see pipeline.TicketNumber
	Total    int64  `cbor:"7,keyasint,omitzero"`  //
	Currency string `cbor:"8,keyasint,omitzero"`  //
	Lines    []Line `cbor:"9,keyasint,omitzero"`  //
	Via      string `cbor:"10,keyasint,omitzero"` // channel
	Frame    uint32 `cbor:"11,keyasint,omitzero"` // RTP timestamp of the picture the buyer saw
	Boot     uint32 `cbor:"12,keyasint,omitzero"` // the kit's boot: Kit has no gaps within one; 0: not known
	Source   string `cbor:"13,keyasint,omitzero"` // of a fix: ntp, rtc or phone
	Within   int64  `cbor:"14,keyasint,omitzero"` // of a fix: milliseconds that it may be off, either way
	Button   string `cbor:"15,keyasint,omitzero"` //
	Action   string `cbor:"16,keyasint,omitzero"` // see pipeline.Action and pipeline.CounterAction
	Refused  string `cbor:"17,keyasint,omitzero"` // why it was not done; empty: it was
	Payment  string `cbor:"18,keyasint,omitzero"` // see pipeline.Payment
	Restock  bool   `cbor:"19,keyasint,omitzero"` //
	Guest    int64  `cbor:"20,keyasint,omitzero"` // see pipeline.Guest.N
}

// Line is one line of a sale.
type Line struct {
	_      struct{} `cbor:",toarray"`
	SKU    string
	N      int
	Amount int64
	Tax    int64
}

var (
	enc = must(cbor.CoreDetEncOptions().EncMode())
	dec = must(cbor.DecOptions{MaxArrayElements: 1024, MaxMapPairs: 64, MaxNestedLevels: 8, DupMapKey: cbor.DupMapKeyEnforcedAPF,
		IndefLength: cbor.IndefLengthForbidden, ExtraReturnErrors: cbor.ExtraDecErrorUnknownField}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err) // the options above are constants
	}
	return v
}

// Encode writes an entry. The same entry is always the same bytes.
func Encode(e Entry) ([]byte, error) {
	b, err := enc.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("journal: encode entry: %w", err)
	}
	return b, nil
}

// Decode reads an entry. Unknown keys, indefinite lengths and duplicates are refused.
func Decode(b []byte) (Entry, error) {
	var e Entry
	if err := dec.Unmarshal(b, &e); err != nil {
		return Entry{}, fmt.Errorf("journal: decode entry of %d bytes: %w", len(b), err)
	}
	return e, nil
}
