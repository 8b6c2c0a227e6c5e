package fanout

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/stun/v3"

	"edgekit.internal/capture/fanout/internal/burst"
	"edgekit.internal/capture/fanout/internal/tcp"
)

// credentials are one side's ICE user fragment and password (RFC 8839 section 5.4).
type credentials struct{ ufrag, pwd string }

// newCredentials have 72 and 144 bits of randomness; RFC 8445 section 5.3 asks for 24 and 128.
func newCredentials() credentials {
	var b [27]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return credentials{ufrag: iceChars(b[:9]), pwd: iceChars(b[9:])}
}

// iceChars writes bytes with the characters that ICE allows: letters, digits, + and /.
func iceChars(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }

// iceState is a viewer's ICE, all of it under Server.mu.
type iceState struct {
	local       credentials
	remoteUfrag string // that the address in use was last checked with

	next            credentials // after a restart, until the viewer uses them
	nextRemoteUfrag string

	addrs []netip.AddrPort // that have passed a check, oldest first; at most maxAddrs
	conns []*tcp.Conn      // likewise, which the viewer has opened; at most maxConns
	moved bool             // reached was closed
}

// maxAddrs is how many addresses a viewer may be reached under: a phone has a few, and each is kept in a map.
const maxAddrs = 8

// maxConns is how many TCP connections it may have: a phone tries each of its networks with each of the kit's addresses, and leaves
// open what it does not use.
const maxConns = 4

// remote is where a viewer is reached: an address to which the one UDP socket sends, or a TCP connection of the viewer's own. The
// same address and port may be both, of two viewers.
type remote struct {
	addr netip.AddrPort
	udp  *burst.Addr // nil: by TCP
	tcp  *tcp.Conn   // nil: by UDP
}

// is says whether something that came from an address, on a connection or, where that is nil, by UDP, came from here.
func (r *remote) is(from netip.AddrPort, conn *tcp.Conn) bool {
	return r != nil && r.tcp == conn && (conn != nil || r.addr == from)
}

// overTCP is the connection by which a viewer is reached; nil: it is not reached by TCP.
func (r *remote) overTCP() *tcp.Conn {
	if r == nil {
		return nil
	}
	return r.tcp
}

// send sends a viewer a datagram by whatever way it is reached. What cannot be sent is lost.
func (v *Viewer) send(b []byte) {
	switch r := v.remote.Load(); {
	case r == nil:
	case r.udp != nil:
		_ = v.server.conn.WriteTo(b, r.addr)
	case !r.tcp.Urge(b): // an outcome, which need not stand behind pictures
		v.server.count.unsent.Add(1)
	}
}

// ICE attributes that the STUN library does not read itself (RFC 8445 section 7.1).
var (
	attrUseCandidate  = stun.AttrUseCandidate
	attrICEControlled = stun.AttrICEControlled
)

// check answers a STUN message that came from an address, on a connection or, where that is nil, by UDP; it returns the viewer
// whose way to the kit that is from now on, or nil. It takes binding requests with a good integrity and fingerprint for a viewer that
// exists and is silent about all else, so that nobody can use it to find out about viewers or to send to strangers. Its caller lends
// the two messages.
func (s *Server) check(in, out *stun.Message, b []byte, from netip.AddrPort, conn *tcp.Conn, now time.Duration) *Viewer {
	in.Raw = append(in.Raw[:0], b...)
	if in.Decode() != nil || in.Type != stun.BindingRequest {
		s.count.stunBad.Add(1)
		return nil
	}
	user, err := in.Get(stun.AttrUsername)
	if err != nil || len(user) > 513 { // RFC 8489 section 14.3
		s.count.stunBad.Add(1)
		return nil
	}
	ours, theirs, ok := strings.Cut(string(user), ":")
	if !ok {
		s.count.stunBad.Add(1)
		return nil
	}
	// Whose name it is says ours alone (RFC 8445 section 7.3), and that it may the password: theirs is whatever the page's
	// ICE has come to, with the kit told of it or not. One that the network was taken from restarts by itself.
	s.mu.Lock()
	v := s.byUfrag[ours]
	var c credentials
	if v != nil {
		switch {
		case ours == v.ice.local.ufrag:
			c = v.ice.local
		case ours == v.ice.next.ufrag:
			c = v.ice.next
		}
	}
	s.mu.Unlock()
	if c.pwd == "" || stun.MessageIntegrity(c.pwd).Check(in) != nil || stun.Fingerprint.Check(in) != nil {
		s.count.stunBad.Add(1)
		return nil
	}
	reply := []stun.Setter{in, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IP(from.Addr().AsSlice()), Port: int(from.Port())}}
	if in.Contains(attrICEControlled) {
		// A full agent that thinks it is controlled has the roles wrong (RFC 8445 section 7.3.1.1).
		reply = []stun.Setter{in, stun.NewType(stun.MethodBinding, stun.ClassErrorResponse), stun.CodeRoleConflict}
		v = nil
	} else if !s.bind(v, c, theirs, from, conn, in.Contains(attrUseCandidate), now) {
		return nil
	} else {
		v.checked.Store(int64(now))
		v.heard.Store(int64(now))
	}
	if out.Build(append(reply, stun.MessageIntegrity(c.pwd), stun.Fingerprint)...) != nil {
		return v // a message of known parts always fits
	}
	s.count.checks.Add(1)
	if conn == nil {
		_ = s.conn.WriteTo(out.Raw, from) // a lost answer is asked for again
	} else {
		conn.Urge(out.Raw) // the same; a connection that is not a viewer's way yet gets none
	}
	return v
}

// staleAfter is how long the address in use may be silent before another that passes a check takes its place without
// being nominated: a router between may have given the viewer a new port, which it does not know of. Feedback comes several
// times a second from one that is there; where it comes seldom, the next nominated check corrects a wrong guess.
const staleAfter = 1 * time.Second

// restartedAfter is the same for a viewer whose ICE has restarted: its page does that where nothing comes any more, and looks for
// the kit from wherever it is now. Browsers nominate that address only once they have given up the old one, in seconds.
const restartedAfter = 250 * time.Millisecond

// bind makes an address, or a connection, the viewer's own: the first that passes a check until one is nominated, then that one. A
// phone that moves to another network nominates its new address, and the picture follows. It reports false when the viewer has gone
// meanwhile.
func (s *Server) bind(v *Viewer, c credentials, theirs string, from netip.AddrPort, conn *tcp.Conn, nominated bool, now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.viewers[v.id] != v {
		return false
	}
	i := &v.ice
	if c == i.next {
		// The restart is taken up: what was before counts no longer (RFC 8445 section 9).
		delete(s.byUfrag, i.local.ufrag)
		i.local, i.next, i.nextRemoteUfrag = i.next, credentials{}, ""
	}
	if conn != nil {
		i.keep(conn, v.remote.Load().overTCP())
	} else if owner := s.byAddr[from]; owner != v {
		if owner != nil { // the same phone with a new page
			owner.ice.addrs = slices.DeleteFunc(owner.ice.addrs, func(a netip.AddrPort) bool { return a == from })
		}
		if len(i.addrs) == maxAddrs {
			old := 0
			if v.remote.Load().is(i.addrs[0], nil) {
				old = 1
			}
			delete(s.byAddr, i.addrs[old])
			i.addrs = slices.Delete(i.addrs, old, old+1)
		}
		s.byAddr[from] = v
		i.addrs = append(i.addrs, from)
	}
	r := v.remote.Load()
	silent := now - time.Duration(v.current.Load())
	stale := silent > staleAfter || silent > restartedAfter && theirs != i.remoteUfrag || r.overTCP() != nil && r.tcp.Closed()
	if here := r.is(from, conn); here || r == nil || nominated || stale {
		v.current.Store(int64(now))
		i.remoteUfrag = theirs
		if !here {
			v.remote.Store(s.way(from, conn))
		}
	}
	if !i.moved {
		i.moved = true
		close(v.reached)
	}
	return true
}

// way is where something came from, to send there.
func (s *Server) way(from netip.AddrPort, conn *tcp.Conn) *remote {
	if conn != nil {
		return &remote{addr: from, tcp: conn}
	}
	return &remote{addr: from, udp: s.conn.Addr(from)}
}

// keep adds a connection to a viewer's own. One too many costs the oldest that is not in use.
func (i *iceState) keep(conn, used *tcp.Conn) {
	if slices.Contains(i.conns, conn) {
		return
	}
	conn.Known()
	if i.conns = append(i.conns, conn); len(i.conns) <= maxConns {
		return
	}
	old := slices.IndexFunc(i.conns, func(c *tcp.Conn) bool { return c != used })
	i.conns[old].Close()
	i.conns = slices.Delete(i.conns, old, old+1)
}

// hangUp forgets a connection that has ended. The viewer stays: it may come again, by whatever way.
func (s *Server) hangUp(v *Viewer, conn *tcp.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.ice.conns = slices.DeleteFunc(v.ice.conns, func(c *tcp.Conn) bool { return c == conn })
}

// owner finds whose address it is.
func (s *Server) owner(from netip.AddrPort) *Viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byAddr[from]
}

// restart replaces a viewer's ICE credentials; the old ones hold until the viewer uses the new ones.
func (s *Server) restart(v *Viewer, remoteUfrag string) (credentials, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.viewers[v.id] != v || v.ctx.Err() != nil {
		return credentials{}, ErrClosed
	}
	if s.byUfrag[v.ice.next.ufrag] == v {
		delete(s.byUfrag, v.ice.next.ufrag)
	}
	v.ice.next, v.ice.nextRemoteUfrag = newCredentials(), remoteUfrag
	s.byUfrag[v.ice.next.ufrag] = v
	return v.ice.next, nil
}

// protocol tells the protocols apart that share a port, by the first byte (RFC 7983 section 7).
func protocol(b []byte) proto {
	switch {
	case len(b) < 2:
		return protoNone
	case b[0] <= 3 && len(b) >= 20 && binary.BigEndian.Uint32(b[4:]) == 0x2112A442:
		return protoSTUN
	case b[0] >= 20 && b[0] <= 63:
		return protoDTLS
	case b[0] >= 128 && b[0] <= 191 && b[1] >= 192 && b[1] <= 223:
		return protoRTCP // RFC 5761 section 4
	}
	return protoNone // RTP among it: viewers have none to send
}

type proto int

const (
	protoNone proto = iota
	protoSTUN
	protoDTLS
	protoRTCP
)

// currentUfrag says whether a remote user fragment is the one in use or announced: what comes with it is no restart.
func (s *Server) currentUfrag(v *Viewer, ufrag string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ufrag == v.ice.remoteUfrag || ufrag == v.ice.nextRemoteUfrag
}
