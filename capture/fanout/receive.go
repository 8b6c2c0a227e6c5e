package fanout

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pion/stun/v3"

	"edgekit.internal/capture/fanout/internal/tcp"
)

// receive takes datagrams off the socket until work ends, and gives each to whom it concerns.
func (s *Server) receive(work context.Context) error {
	d := demux{server: s, in: stun.New(), out: stun.New()}
	for {
		err := s.conn.Receive(func(b []byte, from netip.AddrPort) { d.take(b, from, s.clock()) })
		switch {
		case err == nil:
		case work.Err() != nil:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return errors.New("the socket was given a read deadline by somebody else; expected to own it")
		default:
			return err
		}
	}
}

// demux is the receiver's own memory.
type demux struct {
	server  *Server
	in, out *stun.Message
	plain   []byte
}

// take looks at one datagram. Whatever it is, it can do no more than be counted, unless it proves to be a viewer's.
func (d *demux) take(b []byte, from netip.AddrPort, now time.Duration) {
	s := d.server
	kind := protocol(b)
	if kind == protoSTUN {
		s.check(d.in, d.out, b, from, nil, now)
		return
	}
	d.give(s.owner(from), kind, b, from, nil, now)
}

// give hands a viewer what is not STUN. Nil: it is nobody's.
func (d *demux) give(v *Viewer, kind proto, b []byte, from netip.AddrPort, conn *tcp.Conn, now time.Duration) {
	s := d.server
	if v == nil || kind == protoNone {
		s.count.strays.Add(1)
		return
	}
	if v.remote.Load().is(from, conn) {
		v.current.Store(int64(now))
	}
	switch kind {
	case protoDTLS:
		if !v.pipe.Put(b) {
			s.count.strays.Add(1)
		}
	case protoRTCP:
		in := v.rtcpIn.Load()
		if in == nil {
			return // not connected yet
		}
		v.reports.Lock()
		defer v.reports.Unlock()
		plain, err := in.DecryptRTCP(d.plain[:0], b, nil)
		if err != nil {
			s.count.strays.Add(1)
			return
		}
		d.plain = plain
		v.heard.Store(int64(now))
		f, err := v.report(plain, now)
		if err != nil {
			s.count.strays.Add(1) // what came before the fault counts
		}
		if !f.picture && len(f.nacks) == 0 {
			return
		}
		v.count.nacks.Add(uint64(len(f.nacks)))
		v.asked(f.nacks)
		select {
		case s.feedback <- f:
		default:
			s.count.feedbackDropped.Add(1)
		}
	}
}

// asked counts the packets that are asked for the first time: those beyond the latest that was. A player asks for one again and
// again until it comes. v.reports is held.
func (v *Viewer) asked(nacks []uint16) {
	for _, n := range nacks {
		if d := int16(n - v.latest); d > 0 || !v.lacked {
			v.latest, v.lacked = n, true
			v.count.lacking.Add(1)
		}
	}
}

// Stream takes a TCP connection on which the caller has seen that it begins with the length of a datagram (Config.TCPPort), and
// owns it from now on. Unless a connectivity check of a viewer's is the first that comes, within five seconds, it is closed. Until
// then there may be 64 such connections, and 16 of one address: one more costs the oldest of that address, or of the one that has most.
// While the server does not run, all are closed.
func (s *Server) Stream(conn net.Conn) {
	s.mu.Lock()
	running := s.state == stateRunning
	s.mu.Unlock()
	if !running {
		conn.Close()
		return
	}
	s.door.Admit(conn, s.hear)
}

// hear takes datagrams off a connection until it ends. They are one viewer's all along, whose picture they may outlive.
func (s *Server) hear(conn *tcp.Conn) {
	d := demux{server: s, in: stun.New(), out: stun.New()}
	var v *Viewer
	for {
		b, err := conn.Next()
		if err != nil {
			break
		}
		now := s.clock()
		if kind := protocol(b); kind != protoSTUN && v != nil {
			d.give(v, kind, b, conn.From, conn, now)
		} else if by := s.check(d.in, d.out, b, conn.From, conn, now); v == nil {
			if v = by; v == nil {
				s.count.unproved.Add(1)
				break
			}
		} else if by != nil && by != v {
			s.hangUp(by, conn) // which is a viewer's own, or nobody's
			break
		}
	}
	if v != nil {
		s.hangUp(v, conn)
	}
}
