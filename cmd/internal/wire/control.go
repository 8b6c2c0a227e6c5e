package wire

import (
	"math"
	"time"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/pipeline/catalog"
)

// What edgectl asks of a kit over its control socket, and prints with --json. Amounts are in minor units of the
// catalogue's currency.

// Stock is one SKU in `edgectl stock list`.
type Stock struct {
	SKU   string  `json:"sku"`
	Title string  `json:"title"`
	Price int64   `json:"price"`
	Tax   float64 `json:"tax"`  // percent
	Left  int     `json:"left"` // below zero: it is not counted

	Picture bool `json:"picture,omitempty"` // there is one
}

// PictureTaken answers POST /pictures?name=FILE, whose name is the SKU or the barcode of what it shows, and PUT /pictures?sku=SKU.
type PictureTaken struct {
	SKU   string `json:"sku"`
	Title string `json:"title"`
}

// Sale is one ticket in `edgectl tickets list`.
type Sale struct {
	Ticket string `json:"ticket"`
	Tap    string `json:"tap"`
	Offer  string `json:"offer"`
	State  string `json:"state"` // of its slip: queued, printing or printed
	Total  int64  `json:"total"`

	Fulfilment string `json:"fulfilment"` // see pipeline.Ticket.State: open, ready, partly, handed-over or void
	Owed       int64  `json:"owed"`       // what is still to be paid; below zero: to be given back
}

// OfferLevel is one offer in `edgectl offers list`.
type OfferLevel struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Price int64  `json:"price"`
	State string `json:"state"`
	Left  int    `json:"left"` // below zero: as often as anybody wants it
	Sold  int    `json:"sold"`

	Waiting int `json:"waiting"` // in line for it
	Kept    int `json:"kept"`    // for those whose turn it is
}

// OfferState puts an offer into a state: PUT /offers/{offer}. ID is a ULID: a repeat is the same wish; it may be left out by who never asks twice.
type OfferState struct {
	ID    string `json:"id,omitempty"`
	State string `json:"state"`
	InMS  int64  `json:"in_ms,omitempty"` // of "soon": after which it goes live by itself; 0: it does not
}

// Millis is a time that came as a number; the longest there is for one that is longer.
func Millis(n int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(min(max(n, -most), most)) * time.Millisecond
}

// Imported answers an import: POST /catalog.
type Imported struct {
	SKUs     int              `json:"skus"`
	Offers   int              `json:"offers"`
	Changed  bool             `json:"changed"` // false: it is the catalogue in use already
	DryRun   bool             `json:"dry_run"`
	Form     string           `json:"form"`     // that the file is in, such as "Shopify"
	Encoding string           `json:"encoding"` // of its letters
	Passed   []string         `json:"passed"`   // what in it is not for sale, and why
	Changes  []catalog.Change `json:"changes"`  // the first thousand
	Count    string           `json:"count"`    // of all of them, in a few words
}

// KitStatus answers `edgectl kit status`.
type KitStatus struct {
	Kit     string   `json:"kit"`
	Viewer  string   `json:"viewer"`
	Console string   `json:"console"`
	Pairing string   `json:"pairing"`
	Viewers int      `json:"viewers"`
	Tickets int64    `json:"tickets"`
	Devices []Device `json:"devices"`
	Board   Board    `json:"board"`
	Disk    Disk     `json:"disk"`
	Clock   Clock    `json:"clock"`
}

// Clock is what the kit knows of the wall clock. Nothing that it decides depends on it.
type Clock struct {
	Source   string `json:"source"`             // ntp, rtc or phone; "": the date is not known yet
	WithinMS int64  `json:"within_ms,omitzero"` // how far it may be off
	Boot     uint32 `json:"boot"`               // the kit's boots so far
}

// Board is what the kit runs on and how it is.
type Board struct {
	Model     string  `json:"model"`               // "": no board that says
	MemoryMB  int     `json:"memory_mb"`           //
	FreeMB    int     `json:"free_mb"`             // what programs could still have
	Celsius   float64 `json:"celsius,omitzero"`    // 0: not known
	Throttled string  `json:"throttled,omitempty"` // what the firmware says of power and heat
	Dips      int     `json:"dips"`                // looks at the supply that saw it too low, since the start
	Every     int     `json:"every"`               // one of so many pictures is worked on
}

// Device is what is plugged in, or not.
type Device struct {
	Device string `json:"device"`
	Name   string `json:"name"`
	State  string `json:"state"`
	Reason string `json:"reason,omitempty"`
}

// Settings answers GET /settings: the text that the kit starts with next, and what is the matter with it.
type Settings struct {
	Text    string   `json:"text"`
	Pending bool     `json:"pending"` // the kit runs with others until it is started again
	Refused *Refusal `json:"refused,omitempty"`
}

// Refusal is a settings file that the kit would not take.
type Refusal struct {
	From     string            `json:"from"` // card, console or kept
	File     string            `json:"file"`
	Problems settings.Problems `json:"problems"`
}

// SettingsSaved answers PUT /settings.
type SettingsSaved struct {
	Saved    bool              `json:"saved"`
	Note     string            `json:"note"` // for people
	Problems settings.Problems `json:"problems,omitempty"`
}

// Printed answers POST /setup-slip.
type Printed struct {
	Slip string `json:"slip"`
}

// Correct corrects what is left of a SKU: POST /stock. ID is a ULID: a repeat is the same correction. Either Set is given, how many there
// are, or By, how many more, or below zero fewer.
type Correct struct {
	ID     string `json:"id"`
	SKU    string `json:"sku"`
	Set    *int   `json:"set,omitempty"`
	By     int    `json:"by,omitempty"`
	Reason string `json:"reason"` // see pipeline.CorrectionReason
	Note   string `json:"note,omitempty"`
}

// Correction answers it, and is one of those that GET /stock/corrections lists, newest first.
type Correction struct {
	ID     string    `json:"id"`
	SKU    string    `json:"sku"`
	Reason string    `json:"reason"`
	Note   string    `json:"note,omitempty"`
	OK     bool      `json:"ok"`
	Detail string    `json:"detail,omitempty"` // why not
	By     int       `json:"by"`               // what it made of what was left
	Left   int       `json:"left"`             // after it
	At     time.Time `json:"at"`               // by the kit's wall clock, which may not know
}
