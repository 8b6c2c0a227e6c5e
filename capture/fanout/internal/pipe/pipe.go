// Package pipe is a packet connection whose datagrams are found out and handed on by somebody else.
package pipe

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Pipe is what a viewer's DTLS connection takes for its socket: datagrams come from the receiver, which has found out
// whose they are, and go to wherever the viewer was last heard of.
type Pipe struct {
	send func([]byte)
	in   chan []byte // at most maxPiped datagrams; more are dropped, as a network would
	end  chan struct{}
	once sync.Once

	mu      sync.Mutex
	expired chan struct{} // closed when the read deadline passes
	timer   *time.Timer
}

const maxPiped = 16

// New makes the pipe of a viewer to whom send sends a datagram, which it must not keep. One that cannot be sent is a datagram
// lost: DTLS and SCTP send again, and consent ends what stays dead.
func New(send func(datagram []byte)) *Pipe {
	return &Pipe{send: send, in: make(chan []byte, maxPiped), end: make(chan struct{}), expired: make(chan struct{})}
}

// Put hands a datagram on; b is not kept. It reports false when the queue is full.
func (p *Pipe) Put(b []byte) bool {
	if len(p.in) == cap(p.in) {
		return false
	}
	select {
	case p.in <- append([]byte(nil), b...):
		return true
	default:
		return false
	}
}

// Waiting is how many datagrams wait to be read.
func (p *Pipe) Waiting() int { return len(p.in) }

// ReadFrom implements net.PacketConn.
func (p *Pipe) ReadFrom(b []byte) (int, net.Addr, error) {
	p.mu.Lock()
	expired := p.expired
	p.mu.Unlock()
	select {
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case d := <-p.in:
		return copy(b, d), Peer, nil
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case <-p.end:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn; the address is that of the viewer, whatever DTLS thinks.
func (p *Pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case <-p.end:
		return 0, net.ErrClosed
	default:
	}
	p.send(b)
	return len(b), nil
}

// Close implements net.PacketConn.
func (p *Pipe) Close() error {
	p.once.Do(func() { close(p.end) })
	return nil
}

// LocalAddr implements net.PacketConn.
func (p *Pipe) LocalAddr() net.Addr { return Peer }

// SetReadDeadline implements net.PacketConn.
func (p *Pipe) SetReadDeadline(t time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	select {
	case <-p.expired:
		p.expired = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return nil
	}
	expired := p.expired
	pass := sync.OnceFunc(func() { close(expired) })
	if d := time.Until(t); d > 0 {
		p.timer = time.AfterFunc(d, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.expired == expired {
				pass()
			}
		})
		return nil
	}
	pass()
	return nil
}

// SetWriteDeadline implements net.PacketConn; writes never wait.
func (p *Pipe) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.PacketConn.
func (p *Pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// Peer stands for the viewer in DTLS, which never needs its address.
var Peer net.Addr = net.UDPAddrFromAddrPort(netip.AddrPort{})
