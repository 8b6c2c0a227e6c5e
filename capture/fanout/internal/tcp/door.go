package tcp

import (
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of connections whose phone has not proved yet who it is: within the time a first datagram must come that does. When all
// places are taken, the address that has most of them loses its oldest to whoever comes; a phone needs its own for a moment only.
const (
	maxUnknown = 64 // in all
	maxFrom    = 16 // of one address, or IPv6 network: a whole hall may come from one, each phone for a moment
	proveIn    = 5 * time.Second
)

// Door lets connections in. The zero value is open; its methods are safe for concurrent use.
type Door struct {
	Drained func() // called when a connection has room again for somebody whom it had refused; it must not block

	mu      sync.Mutex
	shut    bool
	all     map[*Conn]bool
	unknown []*Conn // of these, the oldest first
	running sync.WaitGroup

	stalled, crowded atomic.Uint64
}

// Admit takes a connection, and says whether it was let in; once the door is shut it is closed. It is closed as well when read ends,
// which has a goroutine of its own.
func (d *Door) Admit(conn net.Conn, read func(*Conn)) bool {
	c := &Conn{conn: conn, door: d, in: frames{from: conn}}
	c.more.L = &c.mu
	if a, ok := conn.RemoteAddr().(*net.TCPAddr); ok {
		c.From = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		conn.Close()
		return false
	}
	if d.all == nil {
		d.all = map[*Conn]bool{}
	}
	d.all[c] = true
	d.unknown = append(d.unknown, c)
	d.makeRoom()
	_ = conn.SetReadDeadline(time.Now().Add(proveIn)) // fails on a closed connection, as reading will
	c.tune()
	d.running.Go(func() {
		defer d.leave(c)
		read(c)
	})
	return true
}

// makeRoom has somebody leave if there are too many; d.mu is held.
func (d *Door) makeRoom() {
	oldest, count := map[netip.Addr]*Conn{}, map[netip.Addr]int{}
	var most netip.Addr
	for _, c := range d.unknown {
		whose := c.whose()
		if count[whose]++; count[whose] == 1 {
			oldest[whose] = c
		}
		if count[whose] > count[most] {
			most = whose
		}
	}
	if count[most] <= maxFrom && len(d.unknown) <= maxUnknown {
		return
	}
	d.crowded.Add(1)
	d.forget(oldest[most])
	oldest[most].Close() // its reader finds out
}

// forget counts a connection no more among the unknown; d.mu is held.
func (d *Door) forget(c *Conn) {
	d.unknown = slices.DeleteFunc(d.unknown, func(o *Conn) bool { return o == c })
}

// whose is what a connection is counted under while it is unknown: one home has a whole network of IPv6 addresses.
func (c *Conn) whose() netip.Addr {
	a := c.From.Addr()
	if a.Is6() {
		if p, err := a.WithZone("").Prefix(64); err == nil {
			return p.Addr()
		}
	}
	return a
}

// leave lets go of a connection, and closes it.
func (d *Door) leave(c *Conn) {
	d.mu.Lock()
	delete(d.all, c)
	d.forget(c)
	d.mu.Unlock()
	c.Close()
}

// Shut lets nobody in any more, closes all connections, and waits until their goroutines have ended.
func (d *Door) Shut() {
	d.mu.Lock()
	d.shut = true
	for c := range d.all {
		c.Close()
	}
	d.mu.Unlock()
	d.running.Wait()
}

// Stalled is how many connections were given up since the phone took nothing.
func (d *Door) Stalled() uint64 { return d.stalled.Load() }

// Crowded is how many connections were closed as too many of an address, or in all, had not proved themselves.
func (d *Door) Crowded() uint64 { return d.crowded.Load() }
