package captive

import (
	"encoding/json"
	"net/http"
)

// MediaType is what the API is answered as (RFC 8908, section 5).
const MediaType = "application/captive+json"

// API is the state of a visitor's network (RFC 8908, section 5), whose address the kit's DHCP gives (RFC 8910, option 114).
// The RFC has it and both pages on HTTPS. No phone would trust a certificate of the kit's, so they are not: Android and Apple leave
// the API alone then, and find the page by their own questions; others take it.
type API struct {
	Captive    bool   `json:"captive"`
	UserPortal string `json:"user-portal-url,omitempty"` // the sheet
	VenueInfo  string `json:"venue-info-url,omitempty"`  // the stall's page
}

// Answer sends it. It is each visitor's own: no cache keeps it.
func (a API) Answer(rw http.ResponseWriter) {
	rw.Header().Set("Content-Type", MediaType)
	rw.Header().Set("Cache-Control", "private, no-store")
	json.NewEncoder(rw).Encode(a) // who hung up asks again
}
