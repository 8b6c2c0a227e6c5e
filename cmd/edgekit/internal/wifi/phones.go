package wifi

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"edgekit.internal/cmd/edgekit/internal/crowd"
)

// lingers is for how long one that was sent away may be listed as if it were on: hostapd 2.10 tells the kernel 5 s later
// (sta_info.c, AP_MAX_INACTIVITY_AFTER_DEAUTH), and a look is as old as it is.
const lingers = 10 * time.Second

// Phones are those in the kit's own network as of the last look, without those that were sent away since, and how many it takes; 0: it
// is not up, or not known to be.
func (l *Link) Phones() (list []crowd.Phone, most int) {
	staff := l.staff().Stations
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(l.sent, func(_ string, at time.Time) bool { return now.Sub(at) > lingers })
	for _, s := range l.last.Stations {
		if _, sent := l.sent[s.MAC]; sent {
			continue
		}
		list = append(list, crowd.Phone{MAC: s.MAC, IP: s.IP, Idle: time.Duration(s.IdleMS) * time.Millisecond, Connected: time.Duration(s.ConnectedMS) * time.Millisecond,
			Staff: slices.Contains(staff, s.MAC)})
	}
	return list, l.last.Most
}

// Rest sends a phone away for some minutes.
func (l *Link) Rest(ctx context.Context, mac string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := l.call(ctx, http.MethodPost, "/stations/"+mac+"/rest", nil, nil); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[mac] = time.Now()
	return nil
}
