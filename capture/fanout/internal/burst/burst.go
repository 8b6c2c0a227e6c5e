// Package burst sends and receives many UDP datagrams with one system call each way, on Linux.
//
// Send hands the kernel a list of messages with sendmmsg(2); each may be a train of datagrams of equal size to one
// address, which the kernel or the network card cuts apart (generic segmentation offload: UDP_SEGMENT in udp(7),
// since Linux 4.18). Where the kernel or the device cannot, the train is sent as single datagrams. Receive takes what
// has come with recvmmsg(2). Neither allocates.
package burst

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Limits of one message. A train may carry at most 64 datagrams (UDP_MAX_SEGMENTS in include/linux/udp.h of the
// oldest kernels that have it) and must fit an IP packet.
const (
	MaxSegments = 64
	MaxTrain    = 64000 // bytes
)

// ErrBlocked means that the socket's buffer is full. WaitWritable tells when to go on.
var ErrBlocked = errors.New("burst: the socket's send buffer is full")

// Conn is a UDP socket. Send and Receive may run at the same time, in one goroutine each.
type Conn struct {
	udp   *net.UDPConn
	raw   syscall.RawConn
	v6    bool // the socket is AF_INET6: IPv4 addresses are written in their mapped form
	train atomic.Bool

	out outgoing
	in  incoming
}

// New takes a socket into use; the caller goes on owning and closing it. It makes its buffers large where it is
// allowed to: a key picture for fifty viewers is some megabytes.
func New(udp *net.UDPConn) (*Conn, error) {
	raw, err := udp.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("burst: socket: %w", err)
	}
	c := &Conn{udp: udp, raw: raw}
	var setup error
	err = raw.Control(func(fd uintptr) {
		domain, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
		if err != nil {
			setup = fmt.Errorf("burst: socket family: %w", err)
			return
		}
		c.v6 = domain == unix.AF_INET6
		for _, force := range []struct{ forced, plain int }{{unix.SO_SNDBUFFORCE, unix.SO_SNDBUF}, {unix.SO_RCVBUFFORCE, unix.SO_RCVBUF}} {
			// Beyond net.core.?mem_max only with CAP_NET_ADMIN; without it the kernel gives what it allows (socket(7)).
			if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, force.forced, bufferSize) != nil {
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, force.plain, bufferSize) // a small buffer is only slower
			}
		}
		// Kernels before 4.18 do not know the option.
		_, err = unix.GetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT)
		c.train.Store(err == nil)
	})
	if err == nil {
		err = setup
	}
	if err != nil {
		return nil, err
	}
	c.out.init()
	c.in.init()
	return c, nil
}

const bufferSize = 4 << 20 // bytes each way; the kernel doubles it for its own overhead

// Trains says whether the kernel cuts trains apart. It turns false for good when a device is found that cannot.
func (c *Conn) Trains() bool { return c.train.Load() }

// LocalPort is the port that the socket is bound to.
func (c *Conn) LocalPort() uint16 {
	if a, ok := c.udp.LocalAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Port()
	}
	return 0
}

// Reaches says whether the socket's family can send to an address.
func (c *Conn) Reaches(a netip.Addr) bool { return c.v6 || a.Unmap().Is4() }

// WriteTo sends one datagram, from any goroutine.
func (c *Conn) WriteTo(b []byte, to netip.AddrPort) error {
	if c.v6 && to.Addr().Is4() {
		to = netip.AddrPortFrom(netip.AddrFrom16(to.Addr().As16()), to.Port())
	}
	_, err := c.udp.WriteToUDPAddrPort(b, to)
	return err
}

// Interrupt wakes Receive and WaitWritable for good; both return os.ErrDeadlineExceeded from then on.
func (c *Conn) Interrupt() {
	_ = c.udp.SetDeadline(time.Unix(1, 0)) // fails only on a closed socket, which wakes them too
}

// Resume undoes Interrupt.
func (c *Conn) Resume() error { return c.udp.SetDeadline(time.Time{}) }

// WaitWritable returns when the socket's send buffer has room again.
func (c *Conn) WaitWritable() error {
	var polled error
	err := c.raw.Write(func(fd uintptr) bool {
		// The runtime's poller is edge-triggered: look again after it was armed, or the edge may be missed.
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(p, 0)
		if err != nil && err != unix.EINTR {
			polled = err
			return true
		}
		return n > 0
	})
	if err == nil {
		err = polled
	}
	if err != nil {
		return fmt.Errorf("burst: wait for room: %w", err)
	}
	return nil
}

// Addr is an address in the form that the kernel takes. It must not be changed while a message refers to it.
type Addr struct {
	name     unix.RawSockaddrInet6 // also holds the smaller IPv4 form
	size     uint32
	AddrPort netip.AddrPort
}

// Addr prepares an address for Send.
func (c *Conn) Addr(to netip.AddrPort) *Addr {
	a := &Addr{AddrPort: to}
	port := to.Port()<<8 | to.Port()>>8 // network order; all of Go's Linux boards that count are little-endian
	if c.v6 {
		a.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: port, Addr: to.Addr().As16()}
		if z := to.Addr().Zone(); z != "" {
			if i, err := strconv.ParseUint(z, 10, 32); err == nil { // Receive writes zones as numbers
				a.name.Scope_id = uint32(i)
			}
		}
		a.size = unix.SizeofSockaddrInet6
		return a
	}
	v4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&a.name))
	v4.Family, v4.Port = unix.AF_INET, port
	if ip := to.Addr().Unmap(); ip.Is4() { // an IPv6 address on an IPv4 socket becomes 0.0.0.0, which nobody answers
		v4.Addr = ip.As4()
	}
	a.size = unix.SizeofSockaddrInet4
	return a
}

// mmsghdr is struct mmsghdr of sendmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}
