package main

import (
	"net/netip"
	"slices"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/portal/firewall"
)

// guest is the station that has an address. The firewall lets nobody else send from it.
func (r *reception) guest(ip netip.Addr) (g wire.WifiGuest, ok bool) {
	m, ok := r.dhcp.Holder(ip)
	if !ok {
		return g, false
	}
	return r.describe(portal.Lease{MAC: m, IP: ip}), true
}

func (r *reception) describe(l portal.Lease) wire.WifiGuest {
	ago, accepted := r.guests.Accepted(l.MAC)
	g := wire.WifiGuest{IP: l.IP.String(), MAC: l.MAC.String(), Accepted: accepted}
	if accepted {
		g.AcceptedMS = ago.Milliseconds()
	}
	return g
}

// accept notes that a station has been through the captive portal, or has it go through again.
func (r *reception) accept(ip netip.Addr, accepted bool) bool {
	m, ok := r.dhcp.Holder(ip)
	if !ok {
		return false
	}
	note := r.guests.Forget
	if accepted {
		note = r.guests.Accept
	}
	if err := note(m); err != nil {
		r.log.Warn("a visitor may meet the captive portal once more when edgeap is started again", "err", err)
	}
	r.dhcp.Tell() // and by that the firewall
	return true
}

// admit says who reaches the operators' door.
func (r *reception) admit(s firewall.Staff) error {
	r.mu.Lock()
	same := s.Port == r.staff.Port && s.Anybody == r.staff.Anybody && slices.Equal(s.Stations, r.staff.Stations)
	r.staff = s
	r.mu.Unlock()
	if same { // edgekit says so every two seconds; upkeep sees to what failed
		return nil
	}
	return r.fortify()
}

// addresses are the stations that have one, by MAC.
func (r *reception) addresses() map[string]wire.WifiGuest {
	all := map[string]wire.WifiGuest{}
	for _, l := range r.dhcp.Leases() {
		all[l.MAC.String()] = r.describe(l)
	}
	return all
}

func (r *reception) count() wire.WifiPortal {
	a, n, internet := r.dhcp.Counts(), r.dns.Counts(), r.internet()
	r.mu.Lock()
	defer r.mu.Unlock()
	return wire.WifiPortal{Leases: len(r.dhcp.Leases()), Full: a.Full, Foreign: a.Foreign, Flooded: a.Flooded + n.Flooded,
		Questions: n.Own + n.Captive + n.Probes + n.Passed + n.None, Unanswered: n.Failed, InternetVia: r.way.Interface, Internet: string(internet)}
}
