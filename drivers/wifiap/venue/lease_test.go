package venue

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/dhcpv4/nclient4"
)

func answer(t testing.TB, with ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	m, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.IPv4(192, 168, 7, 20)), dhcpv4.WithNetmask(net.CIDRMask(24, 32)),
		dhcpv4.WithRouter(net.IPv4(192, 168, 7, 1)), dhcpv4.WithDNS(net.IPv4(192, 168, 7, 1)), dhcpv4.WithLeaseTime(3600)}, with...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestALeaseIsTakenWithinReason(t *testing.T) {
	addr := netip.MustParseAddr
	router, servers := addr("192.168.7.1"), []netip.Addr{addr("192.168.7.1")}
	for name, c := range map[string]struct {
		with dhcpv4.Modifier
		want Lease         // without its end; zero: refused
		runs time.Duration // until its end
	}{
		"a home router's":      {func(*dhcpv4.DHCPv4) {}, Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Router: router, Servers: servers}, time.Hour},
		"a hotel's":            {dhcpv4.WithOption(dhcpv4.OptGeneric(optionPortal, []byte("https://hotel.example/"))), Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Router: router, Servers: servers, SignIn: true}, time.Hour},
		"no router":            {func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionRouter) }, Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Servers: servers}, time.Hour},
		"a router elsewhere":   {dhcpv4.WithRouter(net.IPv4(10, 0, 0, 1)), Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Servers: servers}, time.Hour},
		"the kit as router":    {dhcpv4.WithRouter(net.IPv4(192, 168, 7, 20)), Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Servers: servers}, time.Hour},
		"many servers":         {dhcpv4.WithDNS(net.IPv4(0, 0, 0, 0), net.IPv4(127, 0, 0, 1), net.IPv4(1, 1, 1, 1), net.IPv4(8, 8, 8, 8), net.IPv4(9, 9, 9, 9), net.IPv4(8, 8, 4, 4)), Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Router: router, Servers: []netip.Addr{addr("1.1.1.1"), addr("8.8.8.8"), addr("9.9.9.9")}}, time.Hour},
		"no mask":              {func(m *dhcpv4.DHCPv4) { m.Options.Del(dhcpv4.OptionSubnetMask) }, Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Router: router, Servers: servers}, time.Hour},
		"for a moment":         {dhcpv4.WithLeaseTime(1), Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Router: router, Servers: servers}, shortest},
		"for ever":             {dhcpv4.WithLeaseTime(1<<32 - 1), Lease{Address: netip.MustParsePrefix("192.168.7.20/24"), Router: router, Servers: servers}, longest},
		"the whole world":      {dhcpv4.WithNetmask(net.CIDRMask(0, 32)), Lease{}, 0},
		"a mask with holes":    {dhcpv4.WithNetmask(net.IPv4Mask(255, 0, 255, 0)), Lease{}, 0},
		"one address":          {dhcpv4.WithNetmask(net.CIDRMask(32, 32)), Lease{}, 0},
		"no address":           {dhcpv4.WithYourIP(net.IPv4zero), Lease{}, 0},
		"everybody's":          {dhcpv4.WithYourIP(net.IPv4(224, 0, 0, 1)), Lease{}, 0},
		"the machine's inside": {dhcpv4.WithYourIP(net.IPv4(127, 0, 0, 2)), Lease{}, 0},
	} {
		l, err := leaseOf(&nclient4.Lease{ACK: answer(t, c.with)})
		if (err != nil) != (c.want.Address == netip.Prefix{}) {
			t.Errorf("%s: %+v, %v", name, l, err)
			continue
		}
		if left := time.Until(l.Until); err == nil && (left > c.runs || left < c.runs-time.Minute) {
			t.Errorf("%s: it holds for %v, want %v", name, left, c.runs)
		}
		l.Until, l.given = time.Time{}, nil
		if d := cmp.Diff(c.want, l, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.AllowUnexported(Lease{})); err == nil && d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// FuzzLease: whatever a network gives, it is an address that a machine can have, and a router that is in its network.
func FuzzLease(f *testing.F) {
	f.Add(answer(f).ToBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		l, err := leaseOf(&nclient4.Lease{ACK: m})
		if err != nil {
			return
		}
		if !l.Address.Addr().IsGlobalUnicast() || l.Router.IsValid() && !l.Address.Contains(l.Router) || len(l.Servers) > maxServers || time.Until(l.Until) > longest {
			t.Errorf("%+v", l)
		}
	})
}
