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
	remoteUfrag string

	next            credentials // after a restart, until the viewer uses them
	nextRemoteUfrag string

	addrs []netip.AddrPort // that have passed a check, oldest first; at most maxAddrs
	moved bool             // reached was closed
}

// maxAddrs is how many addresses a viewer may be reached under: a phone has a few, and each is kept in a map.
const maxAddrs = 8

// ICE attributes that the STUN library does not read itself (RFC 8445 section 7.1).
var (
	attrUseCandidate  = stun.AttrUseCandidate
	attrICEControlled = stun.AttrICEControlled
)

// check answers a STUN message that came from an address. It takes binding requests with a good integrity and
// fingerprint for a viewer that exists and is silent about all else, so that nobody can use it to find out about
// viewers or to send to strangers. It is called by the receiver alone, which lends the two messages.
func (s *Server) check(in, out *stun.Message, b []byte, from netip.AddrPort, now time.Duration) {
	in.Raw = append(in.Raw[:0], b...)
	if in.Decode() != nil || in.Type != stun.BindingRequest {
		s.count.stunBad.Add(1)
		return
	}
	user, err := in.Get(stun.AttrUsername)
	if err != nil || len(user) > 513 { // RFC 8489 section 14.3
		s.count.stunBad.Add(1)
		return
	}
	ours, theirs, ok := strings.Cut(string(user), ":")
	if !ok {
		s.count.stunBad.Add(1)
		return
	}
	s.mu.Lock()
	v := s.byUfrag[ours]
	var c credentials
	if v != nil {
		switch {
		case ours == v.ice.local.ufrag && theirs == v.ice.remoteUfrag:
			c = v.ice.local
		case ours == v.ice.next.ufrag && theirs == v.ice.nextRemoteUfrag:
			c = v.ice.next
		}
	}
	s.mu.Unlock()
	if c.pwd == "" || stun.MessageIntegrity(c.pwd).Check(in) != nil || stun.Fingerprint.Check(in) != nil {
		s.count.stunBad.Add(1)
		return
	}
	reply := []stun.Setter{in, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IP(from.Addr().AsSlice()), Port: int(from.Port())}}
	if in.Contains(attrICEControlled) {
		// A full agent that thinks it is controlled has the roles wrong (RFC 8445 section 7.3.1.1).
		reply = []stun.Setter{in, stun.NewType(stun.MethodBinding, stun.ClassErrorResponse), stun.CodeRoleConflict}
	} else if !s.bind(v, c, from, in.Contains(attrUseCandidate), now) {
		return
	} else {
		v.checked.Store(int64(now))
		v.heard.Store(int64(now))
	}
	if out.Build(append(reply, stun.MessageIntegrity(c.pwd), stun.Fingerprint)...) != nil {
		return // a message of known parts always fits
	}
	s.count.checks.Add(1)
	_ = s.conn.WriteTo(out.Raw, from) // a lost answer is asked for again
}

// staleAfter is how long the address in use may be silent before another that passes a check takes its place without
// being nominated: a router between may have given the viewer a new port, which it does not know of.
const staleAfter = 3 * time.Second

// bind makes an address the viewer's own: the first that passes a check until one is nominated, then that one. A phone
// that moves to another network nominates its new address, and the picture follows. It reports false when the viewer
// has gone meanwhile.
func (s *Server) bind(v *Viewer, c credentials, from netip.AddrPort, nominated bool, now time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.viewers[v.id] != v {
		return false
	}
	i := &v.ice
	if c == i.next {
		// The restart is taken up: what was before counts no longer (RFC 8445 section 9).
		delete(s.byUfrag, i.local.ufrag)
		i.local, i.remoteUfrag = i.next, i.nextRemoteUfrag
		i.next, i.nextRemoteUfrag = credentials{}, ""
	}
	if owner := s.byAddr[from]; owner != v {
		if owner != nil { // the same phone with a new page
			owner.ice.addrs = slices.DeleteFunc(owner.ice.addrs, func(a netip.AddrPort) bool { return a == from })
		}
		if len(i.addrs) == maxAddrs {
			old := 0
			if r := v.remote.Load(); r != nil && i.addrs[0] == r.AddrPort {
				old = 1
			}
			delete(s.byAddr, i.addrs[old])
			i.addrs = slices.Delete(i.addrs, old, old+1)
		}
		s.byAddr[from] = v
		i.addrs = append(i.addrs, from)
	}
	remote := v.remote.Load()
	stale := now-time.Duration(v.current.Load()) > staleAfter
	if remote == nil || remote.AddrPort != from && (nominated || stale) {
		v.remote.Store(s.conn.Addr(from))
		v.current.Store(int64(now))
	} else if remote.AddrPort == from {
		v.current.Store(int64(now))
	}
	if !i.moved {
		i.moved = true
		close(v.reached)
	}
	return true
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
