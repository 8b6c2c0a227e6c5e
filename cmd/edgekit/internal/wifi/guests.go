package wifi

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"edgekit.internal/cmd/edgekit/internal/portal"
	"edgekit.internal/cmd/internal/wire"
)

const (
	// guestPatience bounds the question whose an address is: a phone waits for the answer.
	guestPatience = 500 * time.Millisecond
	// guestLife is how long the answer holds: a phone that asks and asks costs a question a second.
	guestLife = time.Second
	// maxGuests bounds the addresses whose answers are kept: more than the kit's own network gives out.
	maxGuests = 512
)

// guests are the answers to whose an address is. Safe for concurrent use.
type guests struct {
	ask func(context.Context, netip.Addr) (portal.Station, bool)

	mu    sync.Mutex
	known map[netip.Addr]*guest
}

// guest is an answer, once it is there.
type guest struct {
	there   chan struct{} // closed then
	at      time.Time     // asked
	station portal.Station
	ok      bool
}

// of is whose an address is. Who asks while another's question is under way gets its answer. A question that has begun is ended: who
// hangs up does not have the next one ask anew.
func (g *guests) of(ctx context.Context, addr netip.Addr) (portal.Station, bool) {
	now := time.Now()
	g.mu.Lock()
	is, known := g.known[addr]
	asks := !known || now.Sub(is.at) >= guestLife
	if asks {
		if !known && len(g.known) >= maxGuests {
			for old := range g.known { // any: a question more is all that it costs
				delete(g.known, old)
				break
			}
		}
		is = &guest{there: make(chan struct{}), at: now}
		g.known[addr] = is
	}
	g.mu.Unlock()
	if asks {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), guestPatience)
		defer cancel()
		is.station, is.ok = g.ask(ctx, addr)
		close(is.there)
	}
	select {
	case <-is.there:
		return is.station, is.ok
	case <-ctx.Done():
		return portal.Station{}, false
	}
}

// forget has the next one ask anew.
func (g *guests) forget(addr netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.known, addr)
}

// Station is the phone in the kit's own network that has an address, as of at most a second ago. Of an address that is not in there
// nobody is asked.
func (l *Link) Station(ctx context.Context, addr netip.Addr) (portal.Station, bool) {
	l.mu.Lock()
	own := l.net
	l.mu.Unlock()
	if !own.IsValid() || !own.Contains(addr) || own.Addr() == addr {
		return portal.Station{}, false
	}
	return l.guests.of(ctx, addr)
}

func (l *Link) guest(ctx context.Context, addr netip.Addr) (portal.Station, bool) {
	var g wire.WifiGuest
	if _, err := l.call(ctx, http.MethodGet, "/guests/"+addr.String(), nil, &g); err != nil {
		return portal.Station{}, false // nobody's, or edgeap is away: then no phone is held back
	}
	return portal.Station{MAC: g.MAC, Accepted: g.Accepted, Since: l.stays.since(g.MAC, time.Now())}, true
}

// Accept has the phone told that it is connected.
func (l *Link) Accept(ctx context.Context, addr netip.Addr) error {
	defer l.guests.forget(addr) // it is seen at once
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := l.call(ctx, http.MethodPut, "/guests/"+addr.String()+"/accepted", nil, nil)
	return err
}
