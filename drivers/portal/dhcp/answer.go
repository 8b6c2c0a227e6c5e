package dhcp

import (
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"

	"edgekit.internal/drivers/portal"
)

// captivePortal is the option of RFC 8910, 2.1. Its value is to be an https URI, and Android and Apple's systems take no other; a kit
// has no certificate that they would trust. They find the portal by their probes then. It is for those that are less strict, and
// for people who look.
const captivePortal = dhcpv4.GenericOptionCode(114)

// answer is what a station is told, and the address it is told at; an error when it is told nothing. payload is what it sent to
// port 67.
func (s *Server) answer(from portal.MAC, payload []byte) (reply *dhcpv4.DHCPv4, to netip.Addr, err error) {
	if !s.ration.Take(from) {
		s.flooded.Add(1)
		return nil, to, errIgnored
	}
	m, err := dhcpv4.FromBytes(payload)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootRequest || m.HWType != iana.HWTypeEthernet || len(m.ClientHWAddr) != len(from) || len(m.Options.Get(dhcpv4.OptionDHCPMessageType)) != 1 {
		s.malformed.Add(1)
		return nil, to, errIgnored
	}
	if portal.MAC(m.ClientHWAddr) != from || !m.GatewayIPAddr.IsUnspecified() { // there are no relays on the air
		s.foreign.Add(1)
		return nil, to, errIgnored
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.MessageType() {
	case dhcpv4.MessageTypeDiscover:
		return s.discover(from, m)
	case dhcpv4.MessageTypeRequest:
		return s.request(from, m)
	case dhcpv4.MessageTypeInform:
		return s.inform(m)
	case dhcpv4.MessageTypeRelease: // RFC 2131, 4.3.4
		s.pool.release(from, addr(m.ClientIPAddr), s.config.Now())
		s.changed()
	case dhcpv4.MessageTypeDecline: // RFC 2131, 4.3.3
		// One that finds every address taken would leave none: it is believed three times, and then given the next one all the same.
		if s.mine(m) && s.declines.Take(from) && s.pool.decline(from, addr(m.RequestedIPAddress()), s.config.Now()) {
			s.declined.Add(1)
			s.config.Log.Warn("a phone found its address to be somebody else's: it is left alone for a while", "address", addr(m.RequestedIPAddress()))
			s.changed()
		}
	}
	return nil, to, errIgnored
}

// discover offers an address (RFC 2131, 4.3.1). The offer is held in memory for half a minute, and not written down: a request for
// what nobody has is granted without one.
func (s *Server) discover(from portal.MAC, m *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, netip.Addr, error) {
	ip, err := s.pool.offer(from, addr(m.RequestedIPAddress()), s.config.Now(), s.config.Away)
	if err != nil {
		if s.full.Add(1) == 1 {
			s.config.Log.Warn("every address is in use: a phone has to wait for one", "leased", len(s.pool.active(s.config.Now())))
		}
		return nil, netip.Addr{}, err
	}
	s.tell() // it may have been somebody's who is away
	s.offered.Add(1)
	r := s.reply(m, dhcpv4.MessageTypeOffer, s.pool.life(s.config.Now()))
	r.YourIPAddr = ip.AsSlice()
	return r, toOf(m, ip), nil
}

// request grants an address or refuses it (RFC 2131, 4.3.2; table 4 tells the four kinds of request apart).
func (s *Server) request(from portal.MAC, m *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, netip.Addr, error) {
	server, wanted := m.ServerIdentifier(), addr(m.RequestedIPAddress())
	switch {
	case server != nil && !s.mine(m): // SELECTING, another server: there is none here that phones should listen to
		s.pool.withdraw(from)
		return nil, netip.Addr{}, errIgnored
	case !wanted.IsValid(): // RENEWING, REBINDING
		wanted = addr(m.ClientIPAddr)
	}
	life, ok := s.pool.lease(from, wanted, s.config.Now())
	if !ok {
		s.refused.Add(1)
		r := s.reply(m, dhcpv4.MessageTypeNak, 0)
		r.ClientIPAddr = net.IPv4zero
		return r, broadcast, nil
	}
	s.leased.Add(1)
	s.changed()
	r := s.reply(m, dhcpv4.MessageTypeAck, life)
	r.YourIPAddr = wanted.AsSlice()
	return r, toOf(m, wanted), nil
}

// inform tells a station that has an address what else there is to know (RFC 2131, 4.3.5).
func (s *Server) inform(m *dhcpv4.DHCPv4) (*dhcpv4.DHCPv4, netip.Addr, error) {
	has := addr(m.ClientIPAddr)
	if !s.pool.contains(has) {
		return nil, netip.Addr{}, errIgnored
	}
	return s.reply(m, dhcpv4.MessageTypeAck, 0), has, nil
}

// changed has the leases written down, and then known to Bind: both before the phone is told.
func (s *Server) changed() {
	s.keep()
	s.tell()
}

// reply is an answer without an address (RFC 2131, table 3). life is of the lease; 0: there is none.
func (s *Server) reply(m *dhcpv4.DHCPv4, is dhcpv4.MessageType, life time.Duration) *dhcpv4.DHCPv4 {
	kit := net.IP(s.config.Kit.Addr().AsSlice())
	r := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootReply, HWType: m.HWType, TransactionID: m.TransactionID, Flags: m.Flags, ClientIPAddr: m.ClientIPAddr,
		YourIPAddr: net.IPv4zero, ServerIPAddr: net.IPv4zero, GatewayIPAddr: net.IPv4zero, ClientHWAddr: m.ClientHWAddr, Options: dhcpv4.Options{}}
	r.UpdateOption(dhcpv4.OptMessageType(is))
	r.UpdateOption(dhcpv4.OptServerIdentifier(kit))
	if id := m.Options.Get(dhcpv4.OptionClientIdentifier); len(id) > 0 && len(id) < 256 { // RFC 6842, 3
		r.UpdateOption(dhcpv4.OptGeneric(dhcpv4.OptionClientIdentifier, id))
	}
	if is == dhcpv4.MessageTypeNak {
		return r
	}
	if is == dhcpv4.MessageTypeOffer {
		r.ClientIPAddr = net.IPv4zero
	}
	r.UpdateOption(dhcpv4.OptSubnetMask(net.CIDRMask(s.config.Kit.Bits(), 32)))
	r.UpdateOption(dhcpv4.OptRouter(kit)) // also without a way out: phones think little of a network without a router
	r.UpdateOption(dhcpv4.OptDNS(kit))
	if s.config.Portal != "" {
		r.UpdateOption(dhcpv4.OptGeneric(captivePortal, []byte(s.config.Portal)))
	}
	if life > 0 { // RFC 2131, 4.4.5: halfway, and after seven eighths
		r.UpdateOption(dhcpv4.OptIPAddressLeaseTime(life))
		r.UpdateOption(dhcpv4.OptRenewTimeValue(life / 2))
		r.UpdateOption(dhcpv4.OptRebindingTimeValue(life * 7 / 8))
	}
	return r
}

// mine is whether a message names this server.
func (s *Server) mine(m *dhcpv4.DHCPv4) bool {
	return addr(m.ServerIdentifier()) == s.config.Kit.Addr()
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// toOf is the address that an answer goes to (RFC 2131, 4.1). Its frame goes to the station alone, whatever that is: what goes to
// everybody on the air is slow, gets lost, and waits for those who sleep.
func toOf(m *dhcpv4.DHCPv4, given netip.Addr) netip.Addr {
	switch {
	case !m.ClientIPAddr.IsUnspecified():
		return addr(m.ClientIPAddr)
	case m.IsBroadcast():
		return broadcast
	}
	return given
}

// addr is an address of the library's; the zero Addr when it is none.
func addr(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	a = a.Unmap()
	if !a.Is4() || a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
