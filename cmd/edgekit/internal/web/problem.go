package web

import (
	"net/http"
	"strconv"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// Refusals that only HTTP knows.
const (
	tooLarge pipeline.Reason = "too-large"
	notFound pipeline.Reason = "not-found"
)

func answer(rw http.ResponseWriter, status int, v any) { wire.Reply(rw, status, v) }

// problem refuses a request (RFC 9457). tap is the tap's id, if it is one; retry above zero says when to try again.
func problem(rw http.ResponseWriter, reason pipeline.Reason, detail, tap string, retry time.Duration) {
	status := wire.Status(reason)
	switch reason {
	case tooLarge:
		status = http.StatusRequestEntityTooLarge
	case notFound:
		status = http.StatusNotFound
	}
	if retry > 0 {
		rw.Header().Set("Retry-After", strconv.Itoa(int((retry+time.Second-1)/time.Second)))
	}
	wire.Refuse(rw, wire.Problem{Status: status, Reason: string(reason), Detail: detail, ID: tap, RetryMS: retry.Milliseconds()})
}
