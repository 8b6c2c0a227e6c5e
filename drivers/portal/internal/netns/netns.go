// Package netns makes networks of one machine, for tests: each a namespace of the kernel's with interfaces, addresses and sockets of
// its own. Frames between them are real; only the air is a cable. It takes root.
package netns

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/jsimonetti/rtnetlink/v2/driver"
	"golang.org/x/sys/unix"
)

// Net is a namespace.
type Net struct {
	t  testing.TB
	fd *os.File
}

// New makes a namespace with nothing but loopback. It goes with the test.
func New(t testing.TB) *Net {
	t.Helper()
	n := &Net{t: t}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			n.fd, err = os.Open("/proc/thread-self/ns/net")
		}
		made <- err
	}()
	if err := <-made; err != nil {
		t.Fatalf("a network namespace, for which tests must be root: %v", err)
	}
	t.Cleanup(func() { n.fd.Close() })
	n.Up("lo")
	return n
}

// Do runs a function on a thread in the namespace, and returns when it has. Sockets that it opens itself, not in goroutines, are of
// the namespace; it must not call t.Fatal.
func (n *Net) Do(f func()) {
	n.t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(n.fd.Fd()), unix.CLONE_NEWNET)
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		n.t.Fatal(err)
	}
}

// link is Do with the kernel's word on interfaces; a failure ends the test.
func (n *Net) link(what string, f func(*rtnetlink.Conn) error) {
	n.t.Helper()
	var err error
	n.Do(func() {
		var c *rtnetlink.Conn
		if c, err = rtnetlink.Dial(nil); err == nil {
			err = f(c)
			c.Close()
		}
	})
	if err != nil {
		n.t.Fatalf("%s: %v", what, err)
	}
}

// Cable is a pair of interfaces that are connected, one here and one there.
func (n *Net) Cable(name string, there *Net, theirs string) {
	n.t.Helper()
	n.link("cable "+name, func(c *rtnetlink.Conn) error {
		peer := &rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{Name: theirs, NetNS: rtnetlink.NetNSForFD(uint32(there.fd.Fd()))}}
		return c.Link.New(&rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{Name: name, Info: &rtnetlink.LinkInfo{Kind: "veth", Data: &driver.Veth{PeerInfo: peer}}}})
	})
	n.Up(name)
	there.Up(theirs)
}

// Bridge is an interface that has others as its ports: what an access point is to its stations.
func (n *Net) Bridge(name string, ports ...string) {
	n.t.Helper()
	n.link("bridge "+name, func(c *rtnetlink.Conn) error {
		return c.Link.New(&rtnetlink.LinkMessage{Attributes: &rtnetlink.LinkAttributes{Name: name, Info: &rtnetlink.LinkInfo{Kind: "bridge"}}})
	})
	for _, p := range ports {
		n.link("port "+p, func(c *rtnetlink.Conn) error {
			master := uint32(n.index(name))
			return c.Link.Set(&rtnetlink.LinkMessage{Index: uint32(n.index(p)), Attributes: &rtnetlink.LinkAttributes{Master: &master}})
		})
	}
	n.Up(name)
}

// index is an interface's, on the calling thread's namespace; 0: there is none.
func (n *Net) index(name string) int {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0
	}
	return i.Index
}

// Up switches an interface on.
func (n *Net) Up(name string) { n.flags(name, unix.IFF_UP) }

// Down switches it off.
func (n *Net) Down(name string) { n.flags(name, 0) }

func (n *Net) flags(name string, are uint32) {
	n.t.Helper()
	n.link("flags of "+name, func(c *rtnetlink.Conn) error {
		return c.Link.Set(&rtnetlink.LinkMessage{Index: uint32(n.index(name)), Flags: are, Change: unix.IFF_UP})
	})
}

// MAC gives an interface an address of its own choosing.
func (n *Net) MAC(name string, mac net.HardwareAddr) {
	n.t.Helper()
	n.link("address of "+name, func(c *rtnetlink.Conn) error {
		return c.Link.Set(&rtnetlink.LinkMessage{Index: uint32(n.index(name)), Attributes: &rtnetlink.LinkAttributes{Address: mac}})
	})
}

// Address gives an interface an IP address.
func (n *Net) Address(name, address string) {
	n.t.Helper()
	p := netip.MustParsePrefix(address)
	n.link("address of "+name, func(c *rtnetlink.Conn) error {
		m := &rtnetlink.AddressMessage{Family: unix.AF_INET, PrefixLength: uint8(p.Bits()), Index: uint32(n.index(name)), Attributes: &rtnetlink.AddressAttributes{Address: p.Addr().AsSlice(), Local: p.Addr().AsSlice()}}
		if p.Addr().Is6() {
			m.Family, m.Attributes.Local, m.Attributes.Flags = unix.AF_INET6, nil, unix.IFA_F_NODAD
		}
		return c.Address.New(m)
	})
}

// Default sends what is for elsewhere by way of a router.
func (n *Net) Default(router string) {
	n.t.Helper()
	n.link("default route", func(c *rtnetlink.Conn) error {
		return c.Route.Add(&rtnetlink.RouteMessage{Family: unix.AF_INET, Table: unix.RT_TABLE_MAIN, Protocol: unix.RTPROT_STATIC, Scope: unix.RT_SCOPE_UNIVERSE, Type: unix.RTN_UNICAST,
			Attributes: rtnetlink.RouteAttributes{Gateway: net.ParseIP(router).To4()}})
	})
}

// Sysctl is a setting of the namespace's, such as net/ipv4/ip_forward.
func (n *Net) Sysctl(name string) string {
	n.t.Helper()
	var b []byte
	var err error
	n.Do(func() { b, err = os.ReadFile(filepath.Join("/proc/sys", name)) })
	if err != nil {
		n.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
