package wifi

import (
	"context"
	"net/http"
	"net/netip"

	"edgekit.internal/cmd/edgekit/internal/portal"
	"edgekit.internal/cmd/internal/wire"
)

// Station is the phone in the kit's own network that has an address. Of an address that is not in there nobody is asked.
func (l *Link) Station(ctx context.Context, addr netip.Addr) (portal.Station, bool) {
	l.mu.Lock()
	own := l.net
	l.mu.Unlock()
	if !own.IsValid() || !own.Contains(addr) || own.Addr() == addr {
		return portal.Station{}, false
	}
	var g wire.WifiGuest
	if _, err := l.call(ctx, http.MethodGet, "/guests/"+addr.String(), nil, &g); err != nil {
		return portal.Station{}, false // nobody's, or edgeap is away: then no phone is held back
	}
	return portal.Station{MAC: g.MAC, Accepted: g.Accepted}, true
}

// Accept has the phone told that it is connected.
func (l *Link) Accept(ctx context.Context, addr netip.Addr) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := l.call(ctx, http.MethodPut, "/guests/"+addr.String()+"/accepted", nil, nil)
	return err
}
