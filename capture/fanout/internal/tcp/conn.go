package tcp

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of what waits to be sent on one connection, and for how long.
const (
	maxWaiting = 64 << 10 // bytes; what comes on top is dropped
	roomy      = 16 << 10 // and up to so many pictures are handed over: 85 ms of 1.5 Mbit/s
	chunk      = 16 << 10 // bytes written at once
	unsent     = 8 << 10  // bytes beyond what is under way, up to which the kernel takes more

	stalled = 2 * time.Second        // without a byte taken, a connection is given up
	parting = 200 * time.Millisecond // for what waits when the kit closes it
)

// Conn is a phone's connection. One goroutine calls Next; all else may be called by any.
type Conn struct {
	From netip.AddrPort

	conn  net.Conn
	door  *Door
	in    frames
	known bool // the phone has proved who it is; the door's

	mu      sync.Mutex
	urgent  []byte // framed datagrams that the writer has not taken yet
	waiting []byte // those that it takes after these
	writing int    // bytes that it has, and the kernel has not
	open    bool   // there is a writer
	closed  bool   // nothing is taken any more
	refused bool   // somebody was told that there is no room, and wants to know when there is
	more    sync.Cond
}

// Next waits for the phone's next datagram, which is good until the next call. Until the connection is known it comes within
// what is left of five seconds.
func (c *Conn) Next() ([]byte, error) { return c.in.Next() }

// Urge queues a datagram before all that wait, but for others that were urgent. It reports false when there is no room, or nobody to
// send it to any more.
func (c *Conn) Urge(datagram []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.takes(Header + len(datagram)) {
		return false
	}
	c.urgent = Append(c.urgent, datagram)
	c.more.Signal()
	return true
}

// Put queues a datagram behind all that wait, likewise.
func (c *Conn) Put(datagram []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.takes(Header + len(datagram)) {
		return false
	}
	c.waiting = Append(c.waiting, datagram)
	c.more.Signal()
	return true
}

// PutFrames is Put of what is framed already.
func (c *Conn) PutFrames(framed []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.takes(len(framed)) {
		return false
	}
	c.waiting = append(c.waiting, framed...)
	c.more.Signal()
	return true
}

// takes says whether n bytes are taken; c.mu is held.
func (c *Conn) takes(n int) bool {
	return c.open && !c.closed && c.queued()+n <= maxWaiting
}

// queued is how many bytes wait; c.mu is held.
func (c *Conn) queued() int { return len(c.urgent) + len(c.waiting) + c.writing }

// Room says whether pictures of n bytes with all framing can be queued without what is shown growing old here. When they cannot,
// the door's Drained is called as soon as there is more.
func (c *Conn) Room(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	fits := c.open && !c.closed && c.queued()+n <= roomy
	c.refused = c.refused || !fits
	return fits
}

// Waiting is how many bytes wait here.
func (c *Conn) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued()
}

// Closed says whether the connection takes nothing any more.
func (c *Conn) Closed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// Known takes note that the phone has proved who it is: from now on there is no hurry, and it is answered. The reader calls it.
func (c *Conn) Known() {
	c.door.mu.Lock()
	defer c.door.mu.Unlock()
	if c.known {
		return
	}
	c.known = true
	c.door.forget(c)
	_ = c.conn.SetReadDeadline(time.Time{}) // fails on a closed connection, as reading will
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.open = true
		c.door.running.Go(c.write) // while its reader runs: nobody has waited in vain
	}
}

// Close ends the connection, once what waits has been sent, or two tenths of a second have passed.
func (c *Conn) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	if !c.open {
		c.conn.Close()
		return
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(parting)) // one that is being waited for included
	c.more.Signal()
}

// write sends what waits until the connection is closed.
func (c *Conn) write() {
	defer c.conn.Close()
	var b []byte
	for {
		c.mu.Lock()
		for c.queued() == 0 && !c.closed {
			c.more.Wait()
		}
		switch {
		case len(c.urgent) > 0:
			c.urgent, b = b[:0], c.urgent
		case len(c.waiting) > 0:
			c.waiting, b = b[:0], c.waiting
		default:
			c.mu.Unlock()
			return
		}
		c.writing = len(b)
		c.mu.Unlock()
		if !c.writeAll(b) {
			return
		}
	}
}

// writeAll writes it piece by piece. It reports false when the phone is gone, or takes nothing.
func (c *Conn) writeAll(b []byte) bool {
	for len(b) > 0 {
		c.mu.Lock()
		if !c.closed {
			_ = c.conn.SetWriteDeadline(time.Now().Add(stalled)) // fails on a closed connection, as writing will
		}
		c.mu.Unlock()
		n, err := c.conn.Write(b[:min(chunk, len(b))])
		b = b[n:]
		c.mu.Lock()
		c.writing = len(b)
		told, closed := c.refused, c.closed
		c.refused = false
		give := err != nil && (n == 0 || closed || !errors.Is(err, os.ErrDeadlineExceeded))
		if give {
			c.closed, c.urgent, c.waiting, c.writing = true, nil, nil, 0
		}
		c.mu.Unlock()
		if told && c.door.Drained != nil {
			c.door.Drained()
		}
		if give {
			if !closed && errors.Is(err, os.ErrDeadlineExceeded) {
				c.door.stalled.Add(1)
			}
			c.reset()
			return false
		}
	}
	return true
}

// reset has the kernel let go of what it has not sent: nobody is there to take it, or it is old.
func (c *Conn) reset() {
	if t, ok := socket(c.conn).(*net.TCPConn); ok {
		_ = t.SetLinger(0) // fails on a closed socket, which lets go as well
	}
}

// tune sets a connection up for pictures, of which the latest count. What cannot be set is only slower.
func (c *Conn) tune() {
	t, ok := socket(c.conn).(*net.TCPConn)
	if !ok {
		return // a test's
	}
	_ = t.SetNoDelay(true)
	raw, err := t.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		// The kernel takes no more than it can send at once and a little: what is not in it can still be left out (tcp(7), since Linux 3.12).
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsent)
		// And gives up a phone that is gone when nobody here waits for it any more (since Linux 2.6.37).
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(10*time.Second/time.Millisecond))
	})
}

// socket is what is under wrappers that have NetConn, as crypto/tls's has.
func socket(c net.Conn) net.Conn {
	for {
		w, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			return c
		}
		c = w.NetConn()
	}
}
