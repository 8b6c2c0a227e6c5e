//go:build lab

package firewall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"

	"edgekit.internal/drivers/portal"
	"edgekit.internal/drivers/portal/internal/netns"
)

// street is a kit with two stations on its air, an operator's network behind a cable, and something in the internet behind that.
type street struct {
	t                             *testing.T
	kit, one, two, inside, beyond *netns.Net
	f                             *Firewall
}

var (
	macs   = []portal.MAC{{2, 0, 0, 0, 1, 0}, {2, 0, 0, 0, 2, 0}}
	guests = []portal.Lease{{MAC: macs[0], IP: netip.MustParseAddr("10.66.0.10")}, {MAC: macs[1], IP: netip.MustParseAddr("10.66.0.11")}}
	shut   = Config{Interface: "air", Kit: netip.MustParsePrefix("10.66.0.1/24"), Visitors: 80}
	open   = Config{Interface: "air", Kit: shut.Kit, Visitors: 80, Internet: Way{Interface: "wan", Networks: []netip.Prefix{netip.MustParsePrefix("192.168.178.20/24"), netip.MustParsePrefix("44.1.2.3/24")}}}
)

func newStreet(t *testing.T) *street {
	s := &street{t: t, kit: netns.New(t), one: netns.New(t), two: netns.New(t), inside: netns.New(t), beyond: netns.New(t), f: &Firewall{}}
	s.kit.Cable("port1", s.one, "wlan")
	s.kit.Cable("port2", s.two, "wlan")
	s.kit.Bridge("air", "port1", "port2")
	s.kit.Address("air", "10.66.0.1/24")
	s.kit.Cable("wan", s.inside, "lan")
	s.kit.Address("wan", "192.168.178.20/24")
	s.kit.Address("wan", "44.1.2.3/24") // some operators' networks have public addresses
	s.kit.Default("192.168.178.1")
	s.inside.Address("lan", "192.168.178.1/24")
	s.inside.Address("lan", "44.1.2.9/24")
	s.inside.Cable("out", s.beyond, "net")
	s.inside.Address("out", "8.8.8.1/24")
	s.beyond.Address("net", "8.8.8.8/24")
	s.beyond.Default("8.8.8.1")
	s.inside.Do(func() {
		if err := errors.Join(os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644), addRoute("10.66.0.0/24", "192.168.178.20")); err != nil {
			t.Error(err)
		}
	})
	for n, station := range []*netns.Net{s.one, s.two} {
		station.MAC("wlan", macs[n][:])
		station.Address("wlan", guests[n].IP.String()+"/24")
		station.Default("10.66.0.1")
	}
	// Everybody listens on everything that is asked for below, so that what does not arrive was dropped.
	for at, n := range map[string]*netns.Net{"the kit": s.kit, "station 1": s.one, "station 2": s.two, "inside": s.inside, "beyond": s.beyond} {
		for _, port := range []int{22, 25, 53, 80, 443, 7777, 8443} {
			if at == "the kit" && port == 443 {
				continue
			}
			s.echo(n, port)
		}
	}
	s.guests(guests)
	return s
}

func (s *street) set(c Config) {
	s.t.Helper()
	s.do(func() error { return s.f.Set(c) })
}

func (s *street) guests(ls []portal.Lease) {
	s.t.Helper()
	s.do(func() error { return s.f.Guests(ls, ls) })
}

func (s *street) do(f func() error) {
	s.t.Helper()
	var err error
	if s.kit.Do(func() { err = f() }); err != nil {
		s.t.Fatal(err)
	}
}

// echo answers on a port, by TCP and UDP.
func (s *street) echo(n *netns.Net, port int) {
	s.t.Helper()
	var l net.Listener
	var c net.PacketConn
	var err error
	n.Do(func() {
		if l, err = net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			c, err = net.ListenPacket("udp4", fmt.Sprintf(":%d", port))
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { l.Close(); c.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte{1})
			conn.Close()
		}
	}()
	go func() {
		for b := make([]byte, 2000); ; {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(b[:n], from)
		}
	}()
}

// wait is for how long an answer that comes at once may be on its way, and how long one that never comes is waited for.
const wait = 700 * time.Millisecond

// reach is what becomes of asking for something: "yes", "no" at once, or "silence".
func reach(t *testing.T, from *netns.Net, network, to string) (what string) {
	t.Helper()
	from.Do(func() {
		c, err := (&net.Dialer{Timeout: wait}).Dial(network, to)
		if err == nil {
			defer c.Close()
			c.SetDeadline(time.Now().Add(wait))
			if network == "udp" {
				_, err = c.Write([]byte{1})
			}
			if err == nil {
				_, err = c.Read(make([]byte, 1))
			}
		}
		switch {
		case err == nil:
			what = "yes"
		case errors.Is(err, unix.ECONNREFUSED):
			what = "no"
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, unix.EHOSTUNREACH):
			what = "silence"
		default:
			if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
				what = "silence"
				return
			}
			what = err.Error()
		}
	})
	return what
}

func (s *street) expect(from *netns.Net, want string, network string, to ...string) {
	s.t.Helper()
	for _, a := range to {
		if got := reach(s.t, from, network, a); got != want {
			s.t.Errorf("%s %s: %s, want %s", network, a, got, want)
		}
	}
}

// listen tells whether anything that says psst arrives in a network, on whatever port.
func (s *street) listen(n *netns.Net) (heard func() bool) {
	s.t.Helper()
	var fds []int
	n.Do(func() {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP) // sees what the filter has let through
		if err == nil {
			unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: int64(wait / time.Microsecond)})
			fds = append(fds, fd)
		}
	})
	if len(fds) != 1 {
		s.t.Fatal("no raw socket")
	}
	s.t.Cleanup(func() { unix.Close(fds[0]) })
	return func() bool {
		for b := make([]byte, 2000); ; {
			n, _, err := unix.Recvfrom(fds[0], b, 0)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil {
				return false
			}
			if n >= 32 && string(b[28:32]) == "psst" {
				return true
			}
		}
	}
}

func (s *street) macOf(n *netns.Net, name string) (m net.HardwareAddr) {
	n.Do(func() {
		if i, err := net.InterfaceByName(name); err == nil {
			m = i.HardwareAddr
		}
	})
	return m
}

func (s *street) frame(n *netns.Net, to net.HardwareAddr, p []byte) {
	s.t.Helper()
	s.raw(n, unix.ETH_P_IP, to, p)
}

// raw sends a frame of a station's own making.
func (s *street) raw(n *netns.Net, protocol int, to net.HardwareAddr, p []byte) {
	s.t.Helper()
	s.rawMany(n, protocol, to, 1, func(int) []byte { return p })
}

func (s *street) rawMany(n *netns.Net, protocol int, to net.HardwareAddr, times int, next func(n int) []byte) {
	s.t.Helper()
	var err error
	n.Do(func() {
		var i *net.Interface
		if i, err = net.InterfaceByName("wlan"); err != nil {
			return
		}
		var c *packet.Conn
		if c, err = packet.Listen(i, packet.Datagram, protocol, nil); err != nil {
			return
		}
		defer c.Close()
		for k := range times {
			if _, e := c.WriteTo(next(k), &packet.Addr{HardwareAddr: to}); e != nil && !errors.Is(e, unix.ENOBUFS) {
				err = e
				return
			}
		}
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// noted is of how many machines by an interface the kit has taken note.
func (s *street) noted(name string) (n int) {
	s.t.Helper()
	s.do(func() error {
		i, err := net.InterfaceByName(name)
		if err != nil {
			return err
		}
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := c.Neigh.List()
		for _, is := range all {
			if int(is.Index) == i.Index {
				n++
			}
		}
		return err
	})
	return n
}

// tracked is how many connections are in the kernel's table.
func (s *street) tracked() (n int) {
	s.t.Helper()
	fmt.Sscan(s.kit.Sysctl("net/netfilter/nf_conntrack_count"), &n)
	return n
}

// solicit is a neighbour solicitation (RFC 4861, 4.3).
func solicit(from, to netip.Addr, mac portal.MAC) []byte {
	m := append([]byte{ndSolicit, 0, 0, 0, 0, 0, 0, 0}, to.AsSlice()...)
	m = append(append(m, 1, 1), mac[:]...)
	pseudo := append(append(append(from.AsSlice(), to.AsSlice()...), 0, 0, 0, byte(len(m)), 0, 0, 0, unix.IPPROTO_ICMPV6), m...)
	sum := uint32(0)
	for n := 0; n < len(pseudo); n += 2 {
		sum += uint32(pseudo[n])<<8 + uint32(pseudo[n+1])
	}
	sum = sum>>16 + sum&0xffff
	sum = ^(sum>>16 + sum&0xffff)
	m[2], m[3] = byte(sum>>8), byte(sum)
	p := []byte{0x60, 0, 0, 0, 0, byte(len(m)), unix.IPPROTO_ICMPV6, 255}
	return append(append(append(p, from.AsSlice()...), to.AsSlice()...), m...)
}

func (s *street) neighbours() map[netip.Addr]string {
	s.t.Helper()
	is := map[netip.Addr]string{}
	s.do(func() error {
		c, err := rtnetlink.Dial(nil)
		if err != nil {
			return err
		}
		defer c.Close()
		all, err := c.Neigh.List()
		for _, n := range all {
			if n.Attributes == nil || n.State != unix.NUD_PERMANENT {
				continue
			}
			if a, ok := netip.AddrFromSlice(n.Attributes.Address); ok && a.Unmap().Is4() {
				is[a.Unmap()] = n.Attributes.LLAddress.String()
			}
		}
		return err
	})
	return is
}

func neighbour6(name, ip string) bool {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return false
	}
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return false
	}
	defer c.Close()
	all, err := c.Neigh.List()
	return err == nil && slices.ContainsFunc(all, func(n rtnetlink.NeighMessage) bool {
		return n.Index == uint32(i.Index) && n.Attributes != nil && n.Attributes.Address.Equal(net.ParseIP(ip)) && len(n.Attributes.LLAddress) == 6
	})
}

func addRoute(to, by string) error {
	c, err := rtnetlink.Dial(&netlink.Config{})
	if err != nil {
		return err
	}
	defer c.Close()
	p := netip.MustParsePrefix(to)
	return c.Route.Add(&rtnetlink.RouteMessage{Family: unix.AF_INET, DstLength: uint8(p.Bits()), Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Scope: unix.RT_SCOPE_UNIVERSE, Type: unix.RTN_UNICAST,
		Attributes: rtnetlink.RouteAttributes{Dst: p.Addr().AsSlice(), Gateway: net.ParseIP(by).To4()}})
}

// pings sends so many at once, and counts the answers.
func (s *street) pings(n *netns.Net, times int) (answers int) {
	n.Do(func() {
		c, err := net.Dial("ip4:icmp", "10.66.0.1")
		if err != nil {
			return
		}
		defer c.Close()
		for k := range times {
			m := []byte{8, 0, 0, 0, 0, 7, 0, byte(k)}
			sum := ^(uint32(8)<<8 + 7 + uint32(k))
			m[2], m[3] = byte(sum>>8), byte(sum)
			c.Write(m)
		}
		c.SetReadDeadline(time.Now().Add(wait))
		for b := make([]byte, 200); ; {
			k, _, err := c.(*net.IPConn).ReadFrom(b) // without the IP header
			if err != nil {
				return
			}
			if k > 0 && b[0] == 0 {
				answers++
			}
		}
	})
	return answers
}

// flood sends datagrams as fast as it can, and counts what comes back, in units of 1000 bytes.
func (s *street) flood(n *netns.Net, to string, times, size int) (back int) {
	n.Do(func() {
		c, err := net.Dial("udp", to)
		if err != nil {
			return
		}
		defer c.Close()
		c.(*net.UDPConn).SetReadBuffer(8 << 20)
		for range times {
			c.Write(make([]byte, size))
		}
		c.SetReadDeadline(time.Now().Add(wait))
		for b := make([]byte, 2000); ; back++ {
			if _, err := c.Read(b); err != nil {
				return
			}
		}
	})
	return back
}

func ip4(from, to netip.Addr, protocol byte, payload []byte) []byte {
	p := []byte{0x45, 0, 0, byte(20 + len(payload)), 0, 0, 0, 0, 64, protocol, 0, 0}
	p = append(append(p, from.AsSlice()...), to.AsSlice()...)
	sum := uint32(0)
	for n := 0; n < 20; n += 2 {
		sum += uint32(p[n])<<8 + uint32(p[n+1])
	}
	sum = ^(sum>>16 + sum&0xffff)
	p[10], p[11] = byte(sum>>8), byte(sum)
	return append(p, payload...)
}

func udp(port uint16, text string) []byte {
	return append([]byte{0x30, 0x39, byte(port >> 8), byte(port), 0, byte(8 + len(text)), 0, 0}, text...)
}
