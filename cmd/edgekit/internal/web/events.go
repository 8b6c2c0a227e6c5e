package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

var (
	errTooLarge = errors.New("it is too large")
	errTrailing = errors.New("there is more after the message")
	errType     = errors.New(`its type is none of "tap", "refresh" and "stay"`)
)

type event struct {
	kind string
	msg  []byte
}

// sseQueue bounds what waits for a slow page; the oldest goes first, since every kind of message replaces its elders.
const sseQueue = 16

// getEvents is the same news as on the data channel, for pages without one (server-sent events, WHATWG HTML section 9.2).
func (w *Web) getEvents(rw http.ResponseWriter, r *http.Request) {
	v, ok := w.asks(rw, r)
	if !ok {
		return
	}
	if r.Method == http.MethodHead { // which GET's pattern takes too; it would wait for a body that never comes
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	queue := make(chan event, sseQueue)
	s := &sink{viewer: v, from: address(r), accept: accepts(r), end: cancel, send: func(kind string, msg []byte) bool {
		e := event{kind, msg}
		for whole := true; ; whole = false {
			select {
			case queue <- e:
				return whole
			default:
			}
			select {
			case <-queue:
			default:
			}
		}
	}}
	if !w.hub.add(s) {
		problem(rw, pipeline.RateLimited, "Too many pages are open. Please close some.", "", 10*time.Second)
		return
	}
	defer w.hub.remove(s)
	out := http.NewResponseController(rw)
	out.SetReadDeadline(time.Time{}) // the request has been read; the server's deadline for that is not this stream's
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("Cache-Control", "no-store")
	s.send(wire.TypeOffers, w.offersMessage(v, accepts(r)))
	s.send(wire.TypeAreas, encode(wire.Areas{Type: wire.TypeAreas, Areas: w.hub.latestAreas()}))
	beat := time.NewTicker(5 * time.Second) // a dead stream is noticed by both ends
	defer beat.Stop()
	for {
		out.SetWriteDeadline(time.Now().Add(10 * time.Second))
		select {
		case e := <-queue:
			fmt.Fprintf(rw, "event: %s\ndata: %s\n\n", e.kind, e.msg) // JSON has no line breaks
		case <-beat.C:
			fmt.Fprint(rw, ": beat\n\n")
		case <-ctx.Done():
			return
		}
		if out.Flush() != nil {
			return
		}
	}
}
