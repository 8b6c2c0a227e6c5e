package web

import (
	"net/http"
	"sync"
	"time"

	"edgekit.internal/cmd/internal/wire"
)

// maxActed bounds the addresses that are remembered: more than a kit's own Wi-Fi gives out.
const maxActed = 1024

// acts remembers when an address last asked for anything, and when it was last one of somebody who does something, rather than
// watches. Safe for concurrent use.
type acts struct {
	mu sync.Mutex
	at map[string]act
}

type act struct{ looked, acted time.Time }

func (a *acts) note(addr string, now time.Time, acted bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	is, known := a.at[addr]
	if !known && len(a.at) >= maxActed {
		for old := range a.at { // any: a place in the network is all that it costs
			delete(a.at, old)
			break
		}
	}
	if is.looked = now; acted {
		is.acted = now
	}
	a.at[addr] = is
}

func (a *acts) of(addr string) act {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at[addr]
}

// Acts notes that somebody does something at that address.
func (w *Web) Acts(addr string) { w.acts.note(addr, time.Now(), true) }

// Acted is when somebody last did something at that address; the zero time: not that is known.
func (w *Web) Acted(addr string) time.Time { return w.acts.of(addr).acted }

// Looked is when that address last asked for anything; the zero time: not that is known.
func (w *Web) Looked(addr string) time.Time { return w.acts.of(addr).looked }

// Open tells whether a page is open at that address.
func (w *Web) Open(addr string) (open bool) {
	w.hub.each(func(s *sink) { open = open || s.from == addr })
	return open
}

// Leaving has the pages of an address say that their place in the Wi-Fi goes to somebody else in that time; 0: it has gone; below
// 0: it does not go. code is what a viewer goes on with elsewhere; it is said as soon as the place is to go, for when it has gone nothing
// may reach the page any more.
func (w *Web) Leaving(addr string, in time.Duration, code func(viewer string) string) {
	p := wire.Place{Type: wire.TypePlace, Is: wire.PlaceGoes, InMS: in.Milliseconds()}
	switch {
	case in < 0:
		p.Is, p.InMS = wire.PlaceStays, 0
	case in == 0:
		p.Is = wire.PlaceGone
	}
	w.hub.each(func(s *sink) {
		if s.from != addr {
			return
		}
		p := p
		if in >= 0 {
			p.Code = code(s.viewer)
		}
		s.push(wire.TypePlace, encode(p))
	})
}

// postStay is somebody's wish to keep their place.
func (w *Web) postStay(rw http.ResponseWriter, r *http.Request) {
	if _, ok := w.asks(rw, r); ok {
		w.Acts(address(r))
		rw.WriteHeader(http.StatusNoContent)
	}
}
