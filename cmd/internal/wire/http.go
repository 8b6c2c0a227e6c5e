package wire

import (
	"encoding/json"
	"net/http"
)

// KeyHeader is where an operator's request says its key, a ULID made where it was wished for: the same again is done once, and answered as it was first.
const KeyHeader = "Idempotency-Key"

// Reply answers a request with JSON that nobody keeps.
func Reply(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(status)
	json.NewEncoder(rw).Encode(v) // an error here is the asker's connection gone
}

// Refuse answers a request with why it is not done (RFC 9457). Type and title are made from the status.
func Refuse(rw http.ResponseWriter, p Problem) {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	rw.Header().Set("Content-Type", "application/problem+json")
	rw.Header().Set("Cache-Control", "no-store")
	rw.WriteHeader(p.Status)
	json.NewEncoder(rw).Encode(p) // an error here is the asker's connection gone
}
