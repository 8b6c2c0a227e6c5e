package fanout

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"edgekit.internal/capture/fanout/internal/tcp"
)

// dribbler is a phone at the other end of a TCP connection, which takes what is written only when it is told to.
type dribbler struct {
	conn *tcp.Conn
	from netip.AddrPort

	mu      sync.Mutex
	changed sync.Cond
	takes   bool
	forget  bool // what it takes
	closed  bool
	written []byte
}

// dribble connects a phone that has proved itself.
func dribble(t testing.TB, s *Server, from netip.AddrPort) *dribbler {
	p := &dribbler{from: from, takes: true}
	p.changed.L = &p.mu
	in := make(chan *tcp.Conn)
	if !s.door.Admit(p, func(c *tcp.Conn) { in <- c; c.Next() }) {
		t.Fatal("not let in")
	}
	p.conn = <-in
	p.conn.Known()
	t.Cleanup(func() { p.Close(); s.door.Shut() })
	return p
}

// take says whether it takes anything.
func (p *dribbler) take(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.takes = on
	p.changed.Broadcast()
}

// empty has it take all that waits.
func (p *dribbler) empty(t testing.TB) {
	t.Helper()
	p.take(true)
	until(t, "all has gone", func() bool { return p.conn.Waiting() == 0 })
}

// hand gives the datagrams that came to whom they concern.
func (p *dribbler) hand(take func([]byte)) {
	p.mu.Lock()
	b := p.written
	p.written = nil
	p.mu.Unlock()
	for len(b) >= 2 && len(b) >= 2+int(binary.BigEndian.Uint16(b)) {
		n := 2 + int(binary.BigEndian.Uint16(b))
		take(b[2:n])
		b = b[n:]
	}
	p.mu.Lock()
	p.written = append(b, p.written...)
	p.mu.Unlock()
}

func (p *dribbler) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.takes && !p.closed {
		p.changed.Wait()
	}
	if p.closed {
		return 0, net.ErrClosed
	}
	if !p.forget {
		p.written = append(p.written, b...)
	}
	return len(b), nil
}

func (p *dribbler) Read([]byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.closed {
		p.changed.Wait()
	}
	return 0, io.EOF
}

func (p *dribbler) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.changed.Broadcast()
	return nil
}

func (p *dribbler) LocalAddr() net.Addr              { return p.RemoteAddr() }
func (p *dribbler) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(p.from) }
func (p *dribbler) SetDeadline(time.Time) error      { return nil }
func (p *dribbler) SetReadDeadline(time.Time) error  { return nil }
func (p *dribbler) SetWriteDeadline(time.Time) error { return nil }
