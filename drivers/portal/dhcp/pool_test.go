package dhcp

import (
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"pgregory.net/rapid"

	"edgekit.internal/drivers/portal"
)

var kit = netip.MustParsePrefix("10.66.0.1/24")

func mac(n int) portal.MAC { return portal.MAC{2, 0, 0, byte(n >> 16), byte(n >> 8), byte(n)} }

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// phone speaks as a client does: what it says is made by the library, not by the server's code.
type phone struct {
	mac portal.MAC
	has netip.Addr // the address it uses; invalid: none
}

func (p *phone) ask(s *Server, is dhcpv4.MessageType, how ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithMessageType(is), dhcpv4.WithHwAddr(p.mac[:])}, how...)...)
	if err != nil {
		panic(err)
	}
	r, _, err := s.answer(p.mac, m.ToBytes())
	if err != nil {
		return nil
	}
	return r
}

func requested(ip netip.Addr) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptRequestedIPAddress(ip.AsSlice()))
}

func server(ip netip.Addr) dhcpv4.Modifier {
	return dhcpv4.WithOption(dhcpv4.OptServerIdentifier(ip.AsSlice()))
}

func using(ip netip.Addr) dhcpv4.Modifier { return dhcpv4.WithClientIP(ip.AsSlice()) }

// join is DISCOVER and REQUEST.
func (p *phone) join(s *Server, how ...dhcpv4.Modifier) bool {
	offer := p.ask(s, dhcpv4.MessageTypeDiscover, how...)
	if offer == nil {
		return false
	}
	return p.took(p.ask(s, dhcpv4.MessageTypeRequest, requested(addr(offer.YourIPAddr)), server(kit.Addr())))
}

// took is whether an answer grants an address, which the phone uses then; it uses none after a refusal.
func (p *phone) took(r *dhcpv4.DHCPv4) bool {
	if r == nil {
		return false
	}
	p.has = netip.Addr{}
	if r.MessageType() == dhcpv4.MessageTypeAck {
		p.has = addr(r.YourIPAddr)
		return true
	}
	return false
}

// TestNoAddressIsTwoPhones lives through days of phones that join, renew, remember, leave, decline and are silent, with this program
// killed in between, on a network of five addresses, beside a model that knows only what phones were told and until when.
func TestNoAddressIsTwoPhones(t *testing.T) {
	small := netip.MustParsePrefix("10.66.0.1/29")
	rapid.Check(t, func(t *rapid.T) {
		var now time.Duration
		var kept []byte
		var bound []portal.Lease
		onAir := map[portal.MAC]bool{}
		start := func() *Server {
			return New(Config{Kit: small, Now: func() time.Duration { return now }, Kept: kept, Keep: func(b []byte) error { kept = slices.Clone(b); return nil },
				Bind: func(ls []portal.Lease) { bound = slices.Clone(ls) }, Away: func(m portal.MAC) bool { return !onAir[m] }})
		}
		s := start()
		phones := make([]*phone, 9)
		until := make([]time.Duration, len(phones)) // as the phone was told
		asked := make([]time.Duration, len(phones)) // when one was offered an address last
		for n := range phones {
			phones[n] = &phone{mac: mac(n)}
		}
		for step := range rapid.IntRange(1, 80).Draw(t, "steps") {
			now += time.Duration(rapid.Int64Range(0, int64(10*time.Minute)).Draw(t, "pass"))
			n := rapid.IntRange(0, len(phones)-1).Draw(t, "phone")
			p := phones[n]
			if until[n] <= now {
				p.has = netip.Addr{} // its lease ran out: it stops using the address (RFC 2131, 4.4.5)
			}
			had, m := p.has, p.mac
			told := func(r *dhcpv4.DHCPv4) {
				if p.took(r) {
					until[n] = now + r.IPAddressLeaseTime(0)
				}
			}
			switch what := rapid.SampledFrom([]string{"join", "join", "renew", "renew", "remember", "remember another", "release", "leave", "decline", "killed", "another server"}).Draw(t, "step"); what {
			case "join":
				onAir[m] = true
				if offer := p.ask(s, dhcpv4.MessageTypeDiscover); offer != nil {
					if had.IsValid() && addr(offer.YourIPAddr) != had {
						t.Fatalf("phone %d has %v and is offered %v", n, had, offer.YourIPAddr)
					}
					asked[n] = now
					if rapid.Bool().Draw(t, "killed between offer and request") {
						s = start()
					}
					told(p.ask(s, dhcpv4.MessageTypeRequest, requested(addr(offer.YourIPAddr)), server(kit.Addr())))
				} else {
					busy := 0
					for other := range phones {
						if onAir[mac(other)] && (until[other] > now || asked[other] > 0 && now-asked[other] < offerLife) {
							busy++
						}
					}
					if busy < 5 && s.Counts().Flooded == 0 {
						t.Fatalf("step %d: no address for phone %d, and only %d in use: %+v", step, n, busy, s.pool.places)
					}
				}
			case "renew":
				if onAir[m] && p.has.IsValid() {
					flooded := s.Counts().Flooded
					r := p.ask(s, dhcpv4.MessageTypeRequest, using(had))
					if (r == nil || r.MessageType() != dhcpv4.MessageTypeAck || addr(r.YourIPAddr) != had) && s.Counts().Flooded == flooded {
						t.Fatalf("phone %d renews %v, and is told %v", n, had, r)
					}
					told(r)
				}
			case "remember", "remember another":
				onAir[m] = true
				wanted := had
				if what == "remember another" || !had.IsValid() {
					wanted = netip.AddrFrom4([4]byte{10, 66, 0, byte(rapid.IntRange(0, 9).Draw(t, "address"))})
				}
				if wanted.IsValid() {
					told(p.ask(s, dhcpv4.MessageTypeRequest, requested(wanted)))
				}
			case "release":
				if p.has.IsValid() {
					flooded := s.Counts().Flooded
					p.ask(s, dhcpv4.MessageTypeRelease, using(had), server(kit.Addr()))
					if p.has = (netip.Addr{}); s.Counts().Flooded == flooded {
						until[n] = 0
					}
				}
			case "leave": // out of reach: it uses its address again only once it has asked
				onAir[m], p.has = false, netip.Addr{}
			case "decline":
				if p.has.IsValid() {
					p.ask(s, dhcpv4.MessageTypeDecline, requested(had), server(kit.Addr()))
					p.has = netip.Addr{}
				}
			case "killed":
				s = start()
			case "another server":
				p.ask(s, dhcpv4.MessageTypeRequest, requested(ip("192.168.1.7")), server(ip("192.168.1.1")))
			}
			s.Sweep()
			users := map[netip.Addr]int{}
			for other, p := range phones {
				if !p.has.IsValid() || until[other] <= now {
					continue
				}
				if another, taken := users[p.has]; taken {
					t.Fatalf("step %d: %v is phone %d's and phone %d's", step, p.has, another, other)
				}
				users[p.has] = other
				if holder, ok := s.Holder(p.has); !ok || holder != p.mac {
					t.Fatalf("step %d: phone %d has %v, and the kit thinks %v %v", step, other, p.has, holder, ok)
				}
				if !slices.ContainsFunc(bound, func(l portal.Lease) bool { return l.MAC == p.mac && l.IP == p.has }) {
					t.Fatalf("step %d: phone %d has %v, and the firewall was told %v", step, other, p.has, bound)
				}
				if !small.Contains(p.has) || p.has == small.Addr() || p.has == ip("10.66.0.0") || p.has == ip("10.66.0.7") {
					t.Fatalf("phone %d has %v", other, p.has)
				}
			}
			for _, l := range bound {
				if m, ok := s.Holder(l.IP); !ok || m != l.MAC {
					t.Fatalf("step %d: the firewall still lets %v through, whose lease has ended", step, l)
				}
			}
		}
	})
}

func TestWhoComesAgainGetsItsAddress(t *testing.T) {
	now := time.Duration(0)
	keep := func([]byte) error { return nil }
	s := New(Config{Kit: kit, Now: func() time.Duration { return now }, Keep: keep})
	first := map[int]netip.Addr{}
	for n := range 100 {
		now += time.Second
		p := phone{mac: mac(n)}
		if !p.join(s) {
			t.Fatalf("phone %d: no address", n)
		}
		first[n] = p.has
	}
	t.Run("long after its lease ended", func(t *testing.T) {
		now += 5 * time.Hour
		for n := range 100 {
			now += time.Second
			if p := (phone{mac: mac(n)}); !p.join(s) || p.has != first[n] {
				t.Errorf("phone %d had %v, and has %v", n, first[n], p.has)
			}
		}
	})
	t.Run("after a power cut, by what it remembers", func(t *testing.T) {
		now = 10 * time.Second
		s := New(Config{Kit: kit, Now: func() time.Duration { return now }, Keep: keep})
		for n := range 100 {
			now += time.Second
			p := phone{mac: mac(n)}
			if !p.took(p.ask(s, dhcpv4.MessageTypeRequest, requested(first[n]))) || p.has != first[n] {
				t.Errorf("phone %d had %v, and has %v", n, first[n], p.has)
			}
		}
	})
	t.Run("after a power cut, by nothing, nearly always", func(t *testing.T) {
		s, same := New(Config{Kit: kit, Now: func() time.Duration { return now }, Keep: keep}), 0
		for n := range 100 {
			now += time.Second
			if p := (phone{mac: mac(n)}); p.join(s) && p.has == first[n] {
				same++
			}
		}
		if same < 90 {
			t.Errorf("%d of 100", same)
		}
	})
}

// TestStarvation: one station that is all chaddrs has one address; and hundreds that come and go leave room for who is there.
func TestStarvation(t *testing.T) {
	now := time.Duration(0)
	here := map[portal.MAC]bool{}
	s := New(Config{Kit: kit, Now: func() time.Duration { return now }, Keep: func([]byte) error { return nil }, Away: func(m portal.MAC) bool { return !here[m] }})
	guest := phone{mac: mac(1)}
	here[guest.mac] = true
	if !guest.join(s) {
		t.Fatal("no address")
	}
	attacker := mac(666)
	for n := range 5000 {
		now += 10 * time.Millisecond
		m, err := dhcpv4.NewDiscovery(net.HardwareAddr(append([]byte{6}, byte(n>>8), byte(n), 1, 2, 3)))
		if err != nil {
			t.Fatal(err)
		}
		if r, _, err := s.answer(attacker, m.ToBytes()); err == nil {
			t.Fatalf("answered %v", r)
		}
	}
	for n := range 5000 { // by client identifiers
		now += time.Second
		p := phone{mac: attacker}
		p.ask(s, dhcpv4.MessageTypeDiscover, dhcpv4.WithOption(dhcpv4.OptClientIdentifier(fmt.Append(nil, n))))
	}
	if c := s.Counts(); len(s.Leases()) > 2 || c.Foreign == 0 || c.Flooded == 0 {
		t.Errorf("%d leases, %+v", len(s.Leases()), c)
	}
	renewing := s.Counts().Flooded
	for n := range 2000 { // by new associations, each with its own address and gone again
		now += time.Second
		p := phone{mac: mac(1000 + n)}
		if !p.join(s) {
			t.Fatalf("phone %d: no address", n)
		}
		if n%60 == 0 && !guest.took(guest.ask(s, dhcpv4.MessageTypeRequest, using(guest.has))) {
			t.Fatalf("the guest lost its address after %d others", n)
		}
	}
	if got := s.Counts().Flooded; got != renewing {
		t.Errorf("%d of the honest refused", got-renewing)
	}
	if m, ok := s.Holder(guest.has); !ok || m != guest.mac {
		t.Error("the guest's address is another's")
	}
	if n := len(s.pool.places); n > s.pool.size+1 {
		t.Errorf("%d places", n)
	}
}

// TestFullMeansFull: when all who have an address are there, the next has to wait, and nobody loses its own.
func TestFullMeansFull(t *testing.T) {
	now := time.Duration(0)
	s := New(Config{Kit: kit, Now: func() time.Duration { return now }, Keep: func([]byte) error { return nil }})
	lives := map[time.Duration]int{}
	for n := range 253 {
		now += 100 * time.Millisecond
		p := phone{mac: mac(n)}
		offer := p.ask(s, dhcpv4.MessageTypeDiscover)
		if offer == nil {
			t.Fatalf("phone %d: no address", n)
		}
		p.took(p.ask(s, dhcpv4.MessageTypeRequest, requested(addr(offer.YourIPAddr)), server(kit.Addr())))
		lives[offer.IPAddressLeaseTime(0)]++
	}
	late := phone{mac: mac(1000)}
	if late.join(s) || s.Counts().Full != 1 {
		t.Errorf("the 254th phone has %v", late.has)
	}
	if lives[longLife] < 100 || lives[shortLife] < 80 || lives[leastLife] < 20 {
		t.Errorf("leases do not get shorter as the pool fills: %v", lives)
	}
	now += leastLife
	if !late.join(s) {
		t.Error("and none when the first of them have run out")
	}
}

func TestDeclinesTakeNoMoreThanAFew(t *testing.T) {
	now := time.Duration(0)
	s := New(Config{Kit: kit, Now: func() time.Duration { return now }, Keep: func([]byte) error { return nil }})
	p, seen := phone{mac: mac(1)}, map[netip.Addr]bool{}
	for range 50 {
		now += 5 * time.Second
		if !p.join(s) {
			t.Fatal("no address")
		}
		seen[p.has] = true
		p.ask(s, dhcpv4.MessageTypeDecline, requested(p.has), server(kit.Addr()))
	}
	if len(seen) < 3 || len(seen) > 5 {
		t.Errorf("%d addresses declined", len(seen))
	}
	other := phone{mac: mac(2)}
	now += time.Minute
	other.join(s)
	p.ask(s, dhcpv4.MessageTypeDecline, requested(other.has), server(kit.Addr()))
	if m, ok := s.Holder(other.has); !ok || m != other.mac {
		t.Error("one phone declines another's address")
	}
}

func TestKeptLeasesAreTakenWithCare(t *testing.T) {
	lease := func(n int, ip string, until time.Duration) portal.Lease {
		return portal.Lease{MAC: mac(n), IP: netip.MustParseAddr(ip), Until: until}
	}
	kept, err := json.Marshal([]portal.Lease{lease(1, "10.66.0.5", time.Hour), lease(2, "10.66.0.5", time.Hour), lease(1, "10.66.0.6", time.Hour), lease(3, "10.66.0.1", time.Hour),
		lease(4, "10.66.1.7", time.Hour), lease(5, "fe80::1", time.Hour), lease(6, "10.66.0.255", time.Hour), lease(7, "10.66.0.7", 100*time.Hour), lease(8, "10.66.0.8", -time.Hour), {MAC: mac(9)}})
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Kit: kit, Now: func() time.Duration { return 30 * time.Minute }, Kept: kept, Keep: func([]byte) error { return nil }})
	if ls := s.Leases(); len(ls) != 1 || ls[0] != lease(1, "10.66.0.5", time.Hour) {
		t.Errorf("%v", ls)
	}
	if p := (phone{mac: mac(7)}); !p.join(s) || p.has != ip("10.66.0.7") {
		t.Errorf("what another start of the machine left: %v", p.has)
	}
}
