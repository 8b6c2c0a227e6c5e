package wire

import "time"

// HeldUp is the code that was held up to the camera last, and what became of it. One of nothing says that the camera looks and sees none.
type HeldUp struct {
	Text   string    `json:"text,omitempty"`  // of a code that may be a product's, and is none's that is sold here
	Title  string    `json:"title,omitempty"` // of its offer
	Offer  string    `json:"offer,omitempty"` // that may be shown: POST /press with action show-offer
	Detail string    `json:"detail"`          // a sentence
	At     time.Time `json:"at,omitzero"`     // since when, by the kit's wall clock
}
