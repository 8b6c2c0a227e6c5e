package venue

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/wifiap/internal/link"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// system is what a client asks of the kernel, and of the network.
type system interface {
	radios() ([]nl80211.Radio, error)
	setCountry(country string) error
	stayAwake(index int) error
	noIPv6(iface string) error
	index(iface string) int  // 0: there is no such interface now
	mac(iface string) string // as others in the network see it; "": there is no such interface now
	lease(ctx context.Context, iface, host string, was *Lease) (Lease, error)
	renew(ctx context.Context, iface string, l Lease) (Lease, error)
	configure(index int, l Lease) error
	clear(index int) error
	online(ctx context.Context, iface string, servers []netip.Addr) bool
}

type kernel struct{}

func (kernel) radios() ([]nl80211.Radio, error) { return nl80211.Radios() }
func (kernel) setCountry(country string) error  { return nl80211.SetCountry(country) }
func (kernel) stayAwake(index int) error        { return nl80211.StayAwake(index) }

// noIPv6 has the kernel take no address that a router in the network would have it make up (RFC 4862; ip-sysctl, accept_ra): what the kit
// listens on would be found by it in the whole internet, where the venue's router lets that in, and the kit is told to visitors by IPv4.
func (kernel) noIPv6(iface string) error {
	err := os.WriteFile(filepath.Join("/proc/sys/net/ipv6/conf", iface, "accept_ra"), []byte("0"), 0o644)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
		return fmt.Errorf("venue: keep %s from making up addresses: %w", iface, err)
	}
	return nil
}

func (kernel) index(iface string) int { return link.Index(iface) }

func (kernel) mac(iface string) string {
	i, err := net.InterfaceByName(iface)
	if err != nil {
		return ""
	}
	return i.HardwareAddr.String()
}

// Routes by Wi-Fi come behind those by cable, which has 1, and before those by a cable that was pulled out, which get 1024: so does
// gokrazy's dhcp, which looks after the cable.
const (
	metric      = 5
	routeByDHCP = 16 // RTPROT_DHCP (linux/rtnetlink.h)
)

// configure gives an interface the address of a lease, and no other, and the routes that come with it.
func (kernel) configure(index int, l Lease) error {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("venue: %w", err)
	}
	defer c.Close()
	if err := clearBut(c, index, l.Address); err != nil {
		return err
	}
	ip, network := net.IP(l.Address.Addr().AsSlice()), l.Address.Masked()
	if err := link.Give(c, index, l.Address, unix.IFA_F_NOPREFIXROUTE); err != nil {
		return fmt.Errorf("venue: %w", err)
	}
	route := &rtnetlink.RouteMessage{Family: unix.AF_INET, DstLength: uint8(network.Bits()), Table: unix.RT_TABLE_MAIN, Protocol: routeByDHCP, Scope: unix.RT_SCOPE_LINK, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Dst: network.Addr().AsSlice(), Src: ip, OutIface: uint32(index), Priority: metric}}
	if err := c.Route.Replace(route); err != nil {
		return fmt.Errorf("venue: route to %v: %w", network, err)
	}
	if !l.Router.IsValid() {
		return nil
	}
	out := &rtnetlink.RouteMessage{Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: routeByDHCP, Scope: unix.RT_SCOPE_UNIVERSE, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Gateway: l.Router.AsSlice(), OutIface: uint32(index), Priority: metric}}
	if err := c.Route.Replace(out); err != nil {
		return fmt.Errorf("venue: route by %v: %w", l.Router, err)
	}
	return nil
}

// clear takes all IPv4 addresses from an interface; their routes go with them. That there is no such interface is no error.
func (kernel) clear(index int) error {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return fmt.Errorf("venue: %w", err)
	}
	defer c.Close()
	return clearBut(c, index, netip.Prefix{})
}

func clearBut(c *rtnetlink.Conn, index int, but netip.Prefix) error {
	if err := link.Take(c, func(at int, is netip.Prefix) bool { return at == index && is != but }); err != nil {
		return fmt.Errorf("venue: %w", err)
	}
	return nil
}

// timeServers are whose answer shows that the internet is there. The image's time client asks them too, so nobody learns more of the
// kit by it; a sign-in page does not let their protocol through.
const timeServers = "0.gokrazy.pool.ntp.org"

// onlineWithin is how long all of that may take.
const onlineWithin = 15 * time.Second

func (kernel) online(ctx context.Context, iface string, servers []netip.Addr) bool {
	return Leads(ctx, iface, servers)
}

// Leads is whether an interface, of whatever kind, leads into the internet: a time server is asked (RFC 5905), by that interface and what
// that network's servers say of its name. It takes 15 seconds at most.
func Leads(ctx context.Context, iface string, servers []netip.Addr) bool {
	ctx, cancel := context.WithTimeout(ctx, onlineWithin)
	defer cancel()
	by := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if e := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), iface) }); e != nil {
			return e
		}
		return err
	}}
	for _, server := range servers {
		r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return by.DialContext(ctx, network, netip.AddrPortFrom(server, 53).String())
		}}
		found, err := r.LookupNetIP(ctx, "ip4", timeServers+".")
		if err != nil {
			continue
		}
		for _, to := range found[:min(len(found), 3)] {
			if answers(ctx, by, netip.AddrPortFrom(to.Unmap(), 123)) {
				return true
			}
		}
	}
	return false
}

// answers is whether a time server does.
func answers(ctx context.Context, by net.Dialer, server netip.AddrPort) bool {
	conn, err := by.DialContext(ctx, "udp4", server.String())
	if err != nil {
		return false
	}
	defer conn.Close()
	ask, answer := [48]byte{4<<3 | 3}, [48]byte{} // version 4, a client
	rand.Read(ask[40:])                           // the time that is sent comes back (section 8), so nobody else's answer counts
	conn.SetDeadline(time.Now().Add(3 * time.Second))
	if _, err := conn.Write(ask[:]); err != nil {
		return false
	}
	n, err := conn.Read(answer[:])
	return err == nil && n == len(answer) && answer[0]&7 == 4 && [8]byte(answer[24:32]) == [8]byte(ask[40:])
}
