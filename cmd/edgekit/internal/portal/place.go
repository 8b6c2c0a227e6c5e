package portal

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// places are the phones whose place in the Wi-Fi goes to somebody else, or went. A sheet has no news: its next page says so, once.
// Safe for concurrent use.
type places struct {
	mu sync.Mutex
	at map[string]place // by address
}

type place struct {
	gone bool
	told time.Time
}

// acts tells whether it is a person who asks for a sheet's page. It does not ask by itself, but apps that wanted something else are led
// to it, again and again: they do not ask for a page (RFC 9110, 12.5.1).
func acts(r *http.Request) bool {
	return r.Method == http.MethodPost || strings.Contains(r.Header.Get("Accept"), "text/html")
}

// Leaving has the sheet at an address say on its next page that its place goes to somebody else in that time, or has gone: 0; or,
// below 0, nothing.
func (p *Portal) Leaving(addr string, in time.Duration) { p.places.set(addr, in, time.Now()) }

func (p *places) set(addr string, in time.Duration, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.at, addr)
	if in < 0 {
		return
	}
	if len(p.at) >= maxVisits {
		for old := range p.at { // any: a sentence is all that it costs
			delete(p.at, old)
			break
		}
	}
	p.at[addr] = place{in == 0, now}
}

// take is what the next page at an address says of its place; "": nothing.
func (p *places) take(addr string, now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	is, ok := p.at[addr]
	delete(p.at, addr)
	switch {
	case !ok || now.Sub(is.told) > visitLife:
		return ""
	case is.gone:
		return "The Wi-Fi was full, and your place went to somebody else for two minutes. Your tickets are good."
	}
	return "The Wi-Fi is full, and others are waiting. You keep your place for now, because you are here."
}
