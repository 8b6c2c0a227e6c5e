package fanout

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"time"

	"github.com/pion/stun/v3"
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
		s.check(d.in, d.out, b, from, now)
		return
	}
	v := s.owner(from)
	if v == nil || kind == protoNone {
		s.count.strays.Add(1)
		return
	}
	if r := v.remote.Load(); r != nil && r.AddrPort == from {
		v.current.Store(int64(now))
	}
	switch kind {
	case protoDTLS:
		if !v.pipe.put(b) {
			s.count.strays.Add(1)
		}
	case protoRTCP:
		in := v.rtcpIn.Load()
		if in == nil {
			return // not connected yet
		}
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
		select {
		case s.feedback <- f:
		default:
			s.count.feedbackDropped.Add(1)
		}
	}
}
