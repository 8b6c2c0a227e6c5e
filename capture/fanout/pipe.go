package fanout

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/capture/fanout/internal/burst"
)

// pipe is what a viewer's DTLS connection takes for its socket: datagrams come from the receiver, which has found out
// whose they are, and go to wherever the viewer was last heard of.
type pipe struct {
	conn *burst.Conn
	to   *atomic.Pointer[burst.Addr]
	in   chan []byte // at most maxPiped datagrams; more are dropped, as a network would
	end  chan struct{}
	once sync.Once

	mu      sync.Mutex
	expired chan struct{} // closed when the read deadline passes
	timer   *time.Timer
}

const maxPiped = 16

func newPipe(conn *burst.Conn) *pipe {
	return &pipe{conn: conn, in: make(chan []byte, maxPiped), end: make(chan struct{}), expired: make(chan struct{})}
}

// put hands a datagram on; b is not kept. It reports false when the queue is full.
func (p *pipe) put(b []byte) bool {
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

// ReadFrom implements net.PacketConn.
func (p *pipe) ReadFrom(b []byte) (int, net.Addr, error) {
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
		return copy(b, d), peer, nil
	case <-expired:
		return 0, nil, os.ErrDeadlineExceeded
	case <-p.end:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo implements net.PacketConn; the address is that of the viewer, whatever DTLS thinks.
func (p *pipe) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case <-p.end:
		return 0, net.ErrClosed
	default:
	}
	if to := p.to.Load(); to != nil {
		// A datagram that cannot be sent is a datagram lost: DTLS and SCTP send again, and consent ends what stays dead.
		_ = p.conn.WriteTo(b, to.AddrPort)
	}
	return len(b), nil
}

// Close implements net.PacketConn.
func (p *pipe) Close() error {
	p.once.Do(func() { close(p.end) })
	return nil
}

// LocalAddr implements net.PacketConn.
func (p *pipe) LocalAddr() net.Addr { return peer }

// SetReadDeadline implements net.PacketConn.
func (p *pipe) SetReadDeadline(t time.Time) error {
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
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.PacketConn.
func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// peer stands for the viewer in DTLS, which never needs its address.
var peer net.Addr = net.UDPAddrFromAddrPort(netip.AddrPort{})
