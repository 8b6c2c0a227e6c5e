package dhcp

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/mdlayher/packet"

	"edgekit.internal/drivers/portal"
)

// at is a server at a time, where phone 1 has 10.66.0.9.
func at(now time.Duration) *Server {
	return New(Config{Kit: kit, Portal: "http://" + portal.Name + "/captive", Now: func() time.Duration { return now }, Keep: func([]byte) error { return nil },
		Kept: []byte(`[{"mac":"02:00:00:00:00:01","ip":"10.66.0.9","until":1800000000000}]`)})
}

// TestEachKindOfRequest is RFC 2131's table 4, and what hostile or odd clients make of it.
func TestEachKindOfRequest(t *testing.T) {
	const none, ack, nak = dhcpv4.MessageType(0), dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak
	for name, c := range map[string]struct {
		phone int
		how   []dhcpv4.Modifier
		want  dhcpv4.MessageType
		ip    string
	}{
		"selecting, what it was offered":             {1, []dhcpv4.Modifier{requested(ip("10.66.0.9")), server(kit.Addr())}, ack, "10.66.0.9"},
		"selecting, an offer from before a restart":  {2, []dhcpv4.Modifier{requested(ip("10.66.0.30")), server(kit.Addr())}, ack, "10.66.0.30"},
		"selecting, somebody else's address":         {2, []dhcpv4.Modifier{requested(ip("10.66.0.9")), server(kit.Addr())}, nak, ""},
		"selecting, the kit's address":               {2, []dhcpv4.Modifier{requested(kit.Addr()), server(kit.Addr())}, nak, ""},
		"selecting, another server":                  {2, []dhcpv4.Modifier{requested(ip("10.66.0.30")), server(ip("10.66.0.99"))}, none, ""},
		"restarting, its address":                    {1, []dhcpv4.Modifier{requested(ip("10.66.0.9"))}, ack, "10.66.0.9"},
		"restarting, unknown, a free address":        {2, []dhcpv4.Modifier{requested(ip("10.66.0.30"))}, ack, "10.66.0.30"},
		"restarting, unknown, somebody's address":    {2, []dhcpv4.Modifier{requested(ip("10.66.0.9"))}, nak, ""},
		"restarting, another than its own":           {1, []dhcpv4.Modifier{requested(ip("10.66.0.30"))}, nak, ""},
		"restarting, the home network's":             {1, []dhcpv4.Modifier{requested(ip("192.168.178.20"))}, nak, ""},
		"restarting, the network's broadcast":        {2, []dhcpv4.Modifier{requested(ip("10.66.0.255"))}, nak, ""},
		"renewing":                                   {1, []dhcpv4.Modifier{using(ip("10.66.0.9"))}, ack, "10.66.0.9"},
		"renewing another's":                         {2, []dhcpv4.Modifier{using(ip("10.66.0.9"))}, nak, ""},
		"renewing what the kit forgot":               {2, []dhcpv4.Modifier{using(ip("10.66.0.31"))}, ack, "10.66.0.31"},
		"asks for nothing":                           {1, nil, nak, ""},
		"a relay":                                    {1, []dhcpv4.Modifier{requested(ip("10.66.0.9")), dhcpv4.WithGatewayIP(net.IPv4(10, 0, 0, 1))}, none, ""},
		"speaks for another":                         {2, []dhcpv4.Modifier{requested(ip("10.66.0.9")), dhcpv4.WithHwAddr(net.HardwareAddr{2, 0, 0, 0, 0, 1})}, none, ""},
		"speaks for another, by a client identifier": {2, []dhcpv4.Modifier{requested(ip("10.66.0.9")), dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte{1, 2, 0, 0, 0, 0, 1}))}, nak, ""},
		"is itself an answer":                        {1, []dhcpv4.Modifier{requested(ip("10.66.0.9")), func(d *dhcpv4.DHCPv4) { d.OpCode = dhcpv4.OpcodeBootReply }}, none, ""},
		"another kind of address":                    {1, []dhcpv4.Modifier{requested(ip("10.66.0.9")), func(d *dhcpv4.DHCPv4) { d.HWType = 6 }}, none, ""},
		"a longer address":                           {1, []dhcpv4.Modifier{requested(ip("10.66.0.9")), dhcpv4.WithHwAddr(make(net.HardwareAddr, 16))}, none, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := at(time.Minute), phone{mac: mac(c.phone)}
			r := p.ask(s, dhcpv4.MessageTypeRequest, c.how...)
			switch {
			case r == nil && c.want != none, r != nil && r.MessageType() != c.want:
				t.Fatalf("%v, want %v", r, c.want)
			case c.want == ack && addr(r.YourIPAddr) != ip(c.ip):
				t.Errorf("%v, want %v", r.YourIPAddr, c.ip)
			case c.want == nak && (!r.YourIPAddr.IsUnspecified() || r.Options.Has(dhcpv4.OptionIPAddressLeaseTime) || r.ServerIdentifier() == nil):
				t.Errorf("a refusal with more than it may have: %v", r.Summary())
			}
			if m, ok := s.Holder(ip("10.66.0.9")); !ok || m != mac(1) {
				t.Errorf("10.66.0.9 is now %v's", m)
			}
		})
	}
}

func TestWhatAPhoneIsTold(t *testing.T) {
	s, p := at(time.Minute), phone{mac: mac(2)}
	r := p.ask(s, dhcpv4.MessageTypeDiscover, dhcpv4.WithOption(dhcpv4.OptClientIdentifier([]byte("phone"))), dhcpv4.WithBroadcast(true))
	if r == nil || r.MessageType() != dhcpv4.MessageTypeOffer || r.SubnetMask().String() != "ffffff00" || len(r.Router()) != 1 || !r.Router()[0].Equal(net.IPv4(10, 66, 0, 1)) ||
		len(r.DNS()) != 1 || !r.DNS()[0].Equal(net.IPv4(10, 66, 0, 1)) || string(r.Options.Get(captivePortal)) != "http://edgekit.internal/captive" ||
		string(r.Options.Get(dhcpv4.OptionClientIdentifier)) != "phone" || !r.IsBroadcast() || r.IPAddressLeaseTime(0) != time.Hour || r.IPAddressRenewalTime(0) != 30*time.Minute {
		t.Errorf("%v", r.Summary())
	}
	if r := p.ask(s, dhcpv4.MessageTypeInform, using(ip("10.66.0.77"))); r == nil || r.MessageType() != dhcpv4.MessageTypeAck || !r.YourIPAddr.IsUnspecified() || r.Options.Has(dhcpv4.OptionIPAddressLeaseTime) {
		t.Errorf("INFORM: %v", r)
	}
	if r := p.ask(s, dhcpv4.MessageTypeInform, using(ip("192.168.1.2"))); r != nil {
		t.Errorf("INFORM from elsewhere: %v", r)
	}
	if n := len(s.Leases()); n != 1 {
		t.Errorf("offers and advice made %d leases", n)
	}
}

// TestAnAnswerGoesWhereTheClientHears is RFC 2131, 4.1: by what it says of itself.
func TestAnAnswerGoesWhereTheClientHears(t *testing.T) {
	for want, how := range map[string][]dhcpv4.Modifier{
		"10.66.0.9":       {requested(ip("10.66.0.9"))},
		"255.255.255.255": {requested(ip("10.66.0.9")), dhcpv4.WithBroadcast(true)},
	} {
		m, err := dhcpv4.New(append(how, dhcpv4.WithMessageType(dhcpv4.MessageTypeRequest), dhcpv4.WithHwAddr([]byte{2, 0, 0, 0, 0, 1}))...)
		if err != nil {
			t.Fatal(err)
		}
		if _, to, err := at(time.Minute).answer(mac(1), m.ToBytes()); err != nil || to != ip(want) {
			t.Errorf("%v %v, want %v", to, err, want)
		}
	}
}

// TestAPhoneIsToldOnlyWhatIsWrittenDown: who is killed while it writes has told nobody, and a disk that takes nothing does not
// keep phones out.
func TestAPhoneIsToldOnlyWhatIsWrittenDown(t *testing.T) {
	var order []string
	fails := false
	s := New(Config{Kit: kit, Now: func() time.Duration { return 0 }, Keep: func(b []byte) error {
		order = append(order, "kept")
		if fails {
			return errors.New("no room")
		}
		if !bytes.Contains(b, []byte(`"02:00:00:00:00:02"`)) {
			t.Errorf("kept %s", b)
		}
		return nil
	}, Bind: func(ls []portal.Lease) { order = append(order, "bound") }})
	p := phone{mac: mac(2)}
	if !p.join(s) || len(order) != 3 || order[1] != "kept" || order[2] != "bound" {
		t.Errorf("%v", order)
	}
	fails = true
	if p := (phone{mac: mac(3)}); !p.join(s) {
		t.Error("no address because it cannot be written down")
	}
	fails = false
	order = nil
	if s.Sweep(); len(order) != 1 {
		t.Errorf("and it is not tried again: %v", order)
	}
}

func TestPacketsOnTheWire(t *testing.T) {
	s := at(time.Minute)
	m, err := dhcpv4.NewDiscovery([]byte{2, 0, 0, 0, 0, 2})
	if err != nil {
		t.Fatal(err)
	}
	good := toServer(broadcast, m.ToBytes())
	to, reply := s.Handle(&packet.Addr{HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 2}}, good)
	if reply == nil || to.(*packet.Addr).HardwareAddr.String() != "02:00:00:00:00:02" {
		t.Fatalf("%v %v", to, reply)
	}
	if sum(0, reply[:20]) != 0xffff || sum(17+uint32(len(reply)-20)+uint32(sum(0, reply[12:20])), reply[20:]) != 0xffff {
		t.Error("checksums")
	}
	if r, err := dhcpv4.FromBytes(reply[28:]); err != nil || r.MessageType() != dhcpv4.MessageTypeOffer || netip.AddrFrom4([4]byte(reply[16:20])) != addr(r.YourIPAddr) {
		t.Errorf("%v %v", r, err)
	}
	for name, spoil := range map[string]func([]byte) []byte{
		"IPv6":                    func(p []byte) []byte { p[0] = 0x65; return p },
		"TCP":                     func(p []byte) []byte { p[9] = 6; return p },
		"a fragment":              func(p []byte) []byte { p[6] = 0x20; return p },
		"a later fragment":        func(p []byte) []byte { p[7] = 1; return p },
		"another port":            func(p []byte) []byte { p[23] = 68; return p },
		"another's address":       func(p []byte) []byte { p[19] = 9; return p },
		"longer than it is":       func(p []byte) []byte { p[2] = 9; return p },
		"UDP longer than it is":   func(p []byte) []byte { p[24] = 9; return p },
		"UDP shorter than its":    func(p []byte) []byte { p[24], p[25] = 0, 7; return p },
		"a header of no length":   func(p []byte) []byte { p[0] = 0x40; return p },
		"a header beyond its end": func(p []byte) []byte { p[0], p[2], p[3] = 0x4f, 0, 60; return p },
		"cut":                     func(p []byte) []byte { return p[:19] },
		"nothing":                 func(p []byte) []byte { return nil },
	} {
		if _, reply := s.Handle(&packet.Addr{HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 2}}, spoil(bytes.Clone(good))); reply != nil {
			t.Errorf("%s: answered", name)
		}
	}
	if _, reply := s.Handle(&packet.Addr{HardwareAddr: net.HardwareAddr{3, 0, 0, 0, 0, 2}}, good); reply != nil {
		t.Error("a group's frame: answered")
	}
}

// toServer is an IP packet as a client sends it.
func toServer(to netip.Addr, payload []byte) []byte {
	p := datagram(netip.AddrFrom4([4]byte{}), to, payload)
	p[21], p[23] = clientPort, serverPort
	return p
}

// FuzzHandle: whatever a station sends, nothing breaks, an answer is a DHCP answer that goes to its sender, and nobody else's address
// is lost.
func FuzzHandle(f *testing.F) {
	for _, is := range []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeDecline, dhcpv4.MessageTypeRelease, dhcpv4.MessageTypeInform} {
		m, err := dhcpv4.New(dhcpv4.WithMessageType(is), dhcpv4.WithHwAddr([]byte{2, 0, 0, 0, 0, 2}), requested(ip("10.66.0.9")), server(kit.Addr()))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(toServer(broadcast, m.ToBytes()), false)
		f.Add(m.ToBytes(), true)
	}
	f.Fuzz(func(t *testing.T, p []byte, payload bool) {
		if payload {
			p = toServer(broadcast, p[:min(len(p), maxMessage-28)])
		}
		s := at(time.Minute)
		to, reply := s.Handle(&packet.Addr{HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 2}}, p)
		if m, ok := s.Holder(ip("10.66.0.9")); !ok || m != mac(1) {
			t.Fatal("somebody else's address was lost")
		}
		if reply == nil {
			return
		}
		r, err := dhcpv4.FromBytes(reply[28:])
		if err != nil || r.OpCode != dhcpv4.OpcodeBootReply || portal.MAC(r.ClientHWAddr) != mac(2) || to.(*packet.Addr).HardwareAddr.String() != "02:00:00:00:00:02" || len(reply) > 1000 {
			t.Fatalf("%v: %v to %v", err, r, to)
		}
	})
}

func FuzzKept(f *testing.F) {
	f.Add([]byte(`[{"mac":"02:00:00:00:00:01","ip":"10.66.0.9","until":3600000000000}]`))
	f.Fuzz(func(t *testing.T, kept []byte) {
		s := New(Config{Kit: kit, Now: func() time.Duration { return time.Hour }, Kept: kept, Keep: func([]byte) error { return nil }})
		for _, l := range s.Leases() {
			if !kit.Contains(l.IP) || l.IP == kit.Addr() || l.Until > time.Hour+longLife {
				t.Fatalf("%v", l)
			}
		}
	})
}
