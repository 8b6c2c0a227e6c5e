package main

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"edgekit.internal/drivers/wifiap/venue"
)

// How often it is looked whether the internet is there, where it was and where it was not, as drivers/wifiap/venue does by Wi-Fi; and how
// soon at the earliest, where names are asked for in vain.
const (
	lookOnline  = 5 * time.Minute
	lookOffline = time.Minute
	lookSoonest = 20 * time.Second
)

// outlook is whether visitors' way out leads into the internet, where that is a cable: by Wi-Fi drivers/wifiap/venue knows.
type outlook struct {
	way    func() (interfaceName string, servers []netip.AddrPort) // "": there is none to look by
	failed func() uint64                                           // how often names were asked for in vain so far
	look   func(ctx context.Context, interfaceName string, servers []netip.Addr) bool

	mu sync.Mutex
	by string
	is venue.Internet
}

// of is what is known of a way.
func (o *outlook) of(interfaceName string) venue.Internet {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by != interfaceName {
		return venue.Unknown
	}
	return o.is
}

func (o *outlook) note(interfaceName string, is venue.Internet) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.by, o.is = interfaceName, is
}

// leads is whether a way out leads into the internet, as far as it is known; "" is no way.
func leads(way string, hall venue.State, o *outlook) venue.Internet {
	switch way {
	case "":
		return venue.Unknown
	case hall.Radio:
		return hall.Internet
	}
	return o.of(way)
}

// run looks again and again until ctx ends.
func (o *outlook) run(ctx context.Context) error {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	was, at, failed := "", time.Time{}, uint64(0)
	for {
		way, servers := o.way()
		wait, vain := lookOffline, o.failed()
		if o.of(way) == venue.Online {
			wait = lookOnline
		}
		if vain != failed {
			wait = lookSoonest
		}
		switch {
		case way == "":
			o.note("", venue.Unknown)
			was = ""
		case way != was, time.Since(at) >= wait:
			if way != was {
				o.note(way, venue.Unknown)
			}
			was, failed = way, vain
			var who []netip.Addr
			for _, s := range servers {
				who = append(who, s.Addr())
			}
			is := venue.Offline
			if o.look(ctx, way, who) {
				is = venue.Online
			}
			if ctx.Err() == nil {
				o.note(way, is)
			}
			at = time.Now()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
