package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/portal/dhcp"
	"edgekit.internal/drivers/portal/dns"
	"edgekit.internal/drivers/portal/firewall"
	"edgekit.internal/drivers/wifiap"
	"edgekit.internal/drivers/wifiap/venue"
	"edgekit.internal/hardware/clock"
	"edgekit.internal/hardware/whole"
)

// Files of the run folder, in memory: edgeap writes them, as a whole, and its next start reads them, so that phones notice nothing of a
// restart. A power cut leaves nothing of them, and of no phone's address.
const (
	leasesName = "leases.json" // see dhcp.Config.Keep
	guestsName = "guests.json" // see portal.Guests
)

// How often what may have changed by itself is looked at, and how soon what failed is tried again.
const (
	upkeepEvery = 2 * time.Second
	againAfter  = 250 * time.Millisecond
)

// reception is what stations meet: a firewall, addresses, names, and a memory of who has been through the captive portal. The
// firewall is there before the first station, and holds while this program does not run.
type reception struct {
	dir string
	ap  *wifiap.AP
	log *slog.Logger

	venue    *venue.Client
	resolver resolver // upkeep's
	naming   *naming

	firewall wall
	guests   *portal.Guests
	dhcp     *dhcp.Server
	dns      *dns.Server
	servers  atomic.Pointer[[]netip.AddrPort] // upstream, for names
	outlook  outlook

	building sync.Mutex // from what is to be until the firewall is that: what is said last is done last. Taken before mu

	mu    sync.Mutex
	asked visitors
	staff firewall.Staff // as edgekit said last
	on    string         // the interface with the firewall; "": none
	gone  bool           // it is to be taken away; until guard says so the one that an earlier edgeap left is let be
	way   firewall.Way
	air   presence
}

// wall is the firewall.
type wall interface {
	Set(firewall.Config) error
	Guests(all, accepted []portal.Lease) error
	Check() error
	Remove() error
}

// visitors is what the settings say of them.
type visitors struct {
	port     uint16 // of their page
	internet bool
}

// newReception starts nothing; it goes on from what an earlier one left in the run folder. ap and naming may be set later, before run.
// supplicant is the program that joins networks.
func newReception(dir, supplicant string, log *slog.Logger) (*reception, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("run folder: %w", err)
	}
	r := &reception{dir: dir, log: log, firewall: &firewall.Firewall{}, resolver: resolver{path: resolvConf}, venue: venue.New(venue.Config{Dir: dir, Supplicant: supplicant, Log: log})}
	none := []netip.AddrPort{}
	r.servers.Store(&none)
	r.guests = portal.NewGuests(r.kept(guestsName), clock.Uptime, r.keep(guestsName))
	r.dhcp = dhcp.New(dhcp.Config{Kit: wifiap.Address, Now: clock.Uptime, Log: log, Portal: "http://" + portal.Name + "/captive",
		Kept: r.kept(leasesName), Keep: r.keep(leasesName), Bind: r.bind, Away: r.away})
	r.dns = dns.New(dns.Config{Kit: wifiap.Address.Addr(), Now: clock.Uptime, Log: log, Who: r.dhcp.Holder,
		Accepted: func(m portal.MAC) bool { _, ok := r.guests.Accepted(m); return ok },
		Upstream: func() []netip.AddrPort { return *r.servers.Load() }, Offline: func() bool { return r.internet() == venue.Offline }})
	r.outlook = outlook{way: r.cable, failed: func() uint64 { return r.dns.Counts().Failed }, look: venue.Leads}
	return r, nil
}

// internet is whether visitors' way out leads there.
func (r *reception) internet() venue.Internet {
	r.mu.Lock()
	way := r.way.Interface
	r.mu.Unlock()
	return leads(way, r.venue.State(), &r.outlook)
}

// cable is visitors' way out, where it is one that is looked at here.
func (r *reception) cable() (interfaceName string, servers []netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.way.Interface == r.venue.State().Radio {
		return "", nil
	}
	return r.way.Interface, *r.servers.Load()
}

// kept is what an earlier edgeap left; nil: nothing.
func (r *reception) kept(name string) []byte {
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.log.Warn("not read, so phones may have to ask anew", "file", name, "err", err)
	}
	return b
}

func (r *reception) keep(name string) func([]byte) error {
	return func(b []byte) error { return whole.Replace(filepath.Join(r.dir, name), b) }
}

// bind lets stations through that have leases, and no others.
func (r *reception) bind(ls []portal.Lease) {
	var accepted []portal.Lease
	for _, l := range ls {
		if _, ok := r.guests.Accepted(l.MAC); ok {
			accepted = append(accepted, l)
		}
	}
	if err := r.firewall.Guests(ls, accepted); err != nil {
		r.log.Warn("the firewall does not know a station yet; it is told again", "err", err)
	}
}

// allow says what the settings ask for. It counts from now on.
func (r *reception) allow(v visitors) {
	r.mu.Lock()
	r.asked = v
	r.mu.Unlock()
	if err := r.fortify(); err != nil {
		r.log.Warn("firewall not changed", "err", err)
	}
}

// yieldWithin is how long a network may take to be left, whose radio the access point wants.
const yieldWithin = 10 * time.Second

// guard is wifiap.Config's.
func (r *reception) guard(interfaceName string) error {
	ctx, cancel := context.WithTimeout(context.Background(), yieldWithin)
	defer cancel()
	if err := r.venue.Yield(ctx, interfaceName); err != nil {
		return err
	}
	r.mu.Lock()
	r.on, r.gone = interfaceName, interfaceName == ""
	r.mu.Unlock()
	err := r.fortify()
	if err != nil && interfaceName == "" { // what stays keeps shut, and nobody is there
		r.log.Warn("firewall not taken away yet", "err", err)
		return nil
	}
	return err
}

// fortify has the firewall be what it is to be now.
func (r *reception) fortify() error {
	r.building.Lock()
	defer r.building.Unlock()
	r.mu.Lock()
	c := firewall.Config{Interface: r.on, Kit: wifiap.Address, Visitors: r.asked.port, Staff: r.staff}
	internet, gone := r.asked.internet, r.gone
	r.mu.Unlock()
	switch {
	case gone:
		r.servers.Store(&[]netip.AddrPort{})
		if err := r.firewall.Remove(); err != nil {
			return err
		}
		r.leadsOut(firewall.Way{})
		r.mu.Lock()
		r.gone = false // it is done, also for who said so meanwhile
		r.mu.Unlock()
		return nil
	case c.Interface == "":
		return nil
	case c.Visitors == 0:
		return errors.New("the settings do not say yet where the page is")
	}
	servers := []netip.AddrPort{}
	if internet {
		var err error
		if c.Internet, err = wayOut(c.Interface); err != nil {
			r.log.Warn("the way out is not known: visitors have none", "err", err)
		}
		if c.Internet.Interface != "" {
			servers = r.serversBy(c.Internet.Interface)
		}
	}
	if is := r.venue.State().Radio; is != c.Interface {
		c.Venue = is
	}
	r.servers.Store(&servers)
	if err := r.firewall.Set(c); err != nil {
		return err
	}
	r.leadsOut(c.Internet)
	return nil
}

// leadsOut notes visitors' way out, as the firewall has it.
func (r *reception) leadsOut(way firewall.Way) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.way.Interface != way.Interface {
		r.log.Info("visitors' way out", "interface", way.Interface)
	}
	r.way = way
}

// run serves until ctx ends.
func (r *reception) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { r.upkeep(ctx); return nil })
	group.Go(func() error { return r.outlook.run(ctx) })
	group.Go(func() error {
		return r.serve(ctx, "addresses", func(s wifiap.State) error { return r.dhcp.Run(ctx, s.Radio) })
	})
	group.Go(func() error { return r.serve(ctx, "names", func(wifiap.State) error { return r.dns.Run(ctx) }) })
	return group.Wait()
}

// serve runs one of the servers whenever there is an access point, and again when it ends: with its interface, mostly.
func (r *reception) serve(ctx context.Context, what string, run func(wifiap.State) error) error {
	for {
		_, changed := r.ap.Watch().Get()
		s := r.ap.State()
		var later <-chan time.Time
		if s.State == drivers.Ready {
			err := run(s)
			if ctx.Err() != nil {
				return nil
			}
			r.log.Info("not served for a moment", "what", what, "err", err)
			changed, later = nil, time.After(againAfter)
		}
		select {
		case <-changed:
		case <-later:
		case <-ctx.Done():
			return nil
		}
	}
}

// upkeep puts right what others change: tables, ways out, and what the kernel forgets when an interface goes down.
func (r *reception) upkeep(ctx context.Context) {
	tick := time.NewTicker(upkeepEvery)
	defer tick.Stop()
	said := ""
	for {
		_, changed := r.ap.Watch().Get()
		_, joined := r.venue.Watch().Get() // its radio is known before there is an address by it
		r.air.up(r.ap.State().State == drivers.Ready)
		r.resolve()
		if err := errors.Join(r.fortify(), r.firewall.Check()); err != nil && err.Error() != said {
			r.log.Warn("firewall", "err", err)
			said = err.Error()
		} else if err == nil {
			said = ""
		}
		select {
		case <-tick.C:
		case <-changed:
		case <-joined:
		case <-ctx.Done():
			return
		}
	}
}
