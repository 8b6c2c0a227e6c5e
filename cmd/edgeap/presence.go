package main

import (
	"context"
	"sync"
	"time"

	"edgekit.internal/drivers/portal"
	"edgekit.internal/hardware/clock"
)

// settledFor is how long an access point must have been up until who is not on it is surely away: phones come back to one by then.
const settledFor = time.Minute

// seenFor is how long a list of stations is gone by.
const seenFor = 5 * time.Second

// presence is who was on the access point a moment ago.
type presence struct {
	mu    sync.Mutex
	since time.Duration // it is up; 0: it is not
	at    time.Duration // the list is of; 0: there is none
	on    map[portal.MAC]bool
}

// up notes whether the access point is.
func (p *presence) up(is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case !is:
		p.since, p.at = 0, 0
	case p.since == 0:
		p.since = clock.Uptime()
	}
}

// away is dhcp.Config's. It asks hostapd, when there is no address left.
func (r *reception) away(m portal.MAC) bool {
	p := &r.air
	p.mu.Lock()
	defer p.mu.Unlock()
	now := clock.Uptime()
	if p.since == 0 || now-p.since < settledFor {
		return false
	}
	if p.at == 0 || now-p.at > seenFor {
		list, err := r.ap.Stations(context.Background())
		if err != nil {
			return false
		}
		p.at, p.on = now, map[portal.MAC]bool{}
		for _, s := range list {
			if mac, err := portal.ParseMAC(s.MAC); err == nil {
				p.on[mac] = true
			}
		}
	}
	return !p.on[m]
}
