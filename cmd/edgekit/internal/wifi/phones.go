package wifi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"edgekit.internal/cmd/edgekit/internal/crowd"
)

// Phones are those in the kit's own network as of the last look, and how many it takes; 0: it is not up, or not known to be.
func (l *Link) Phones() (list []crowd.Phone, most int) {
	staff := l.staff().Stations
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.last.Stations {
		list = append(list, crowd.Phone{MAC: s.MAC, IP: s.IP, Idle: time.Duration(s.IdleMS) * time.Millisecond, Connected: time.Duration(s.ConnectedMS) * time.Millisecond,
			Staff: slices.Contains(staff, s.MAC)})
	}
	return list, l.last.Most
}

// Rest sends a phone away for some minutes.
func (l *Link) Rest(ctx context.Context, mac string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := l.call(ctx, http.MethodPost, "/stations/"+mac+"/rest", nil, nil)
	return err
}
