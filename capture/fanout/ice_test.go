package fanout

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/stun/v3"
)

// prober is a viewer's ICE agent as far as a test needs one.
type prober struct {
	t    *testing.T
	s    *Server
	d    demux
	conn *net.UDPConn
	now  time.Duration
}

func newProber(t *testing.T, s *Server) *prober {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &prober{t: t, s: s, d: demux{server: s, in: stun.New(), out: stun.New()}, conn: conn, now: time.Hour}
}

func (p *prober) addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// check is a connectivity check with given credentials.
func check(user, pwd string, nominate bool) []byte {
	set := []stun.Setter{stun.TransactionID, stun.BindingRequest, stun.NewUsername(user), stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{1, 2, 3, 4}},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: make([]byte, 8)}}
	if nominate {
		set = append(set, stun.RawAttribute{Type: stun.AttrUseCandidate})
	}
	return stun.MustBuild(append(set, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...).Raw
}

// send hands a datagram to the server as if it came from the prober, and returns the answer; nil: there is none.
func (p *prober) send(b []byte) *stun.Message {
	p.t.Helper()
	before := p.s.Stats().Checks
	p.d.take(b, p.addr(), p.now)
	if p.s.Stats().Checks == before {
		return nil
	}
	buf := make([]byte, 1500)
	n, err := p.conn.Read(buf)
	if err != nil {
		p.t.Fatal(err)
	}
	m := &stun.Message{Raw: buf[:n]}
	if err := m.Decode(); err != nil {
		p.t.Fatal(err)
	}
	return m
}

// A check with the right credentials is answered as RFC 8445 says, and the address becomes the viewer's.
func TestChecksAreAnswered(t *testing.T) {
	s := idle(t)
	v, _, err := s.Accept(testOffer, Options{Hosts: loopbackHost})
	if err != nil {
		t.Fatal(err)
	}
	c := v.ice.local
	p := newProber(t, s)
	m := p.send(check(c.ufrag+":Zk3D", c.pwd, true))
	if m == nil || m.Type != stun.BindingSuccess {
		t.Fatalf("answered %v", m)
	}
	if err := m.Check(stun.NewShortTermIntegrity(c.pwd), stun.Fingerprint); err != nil {
		t.Fatal(err)
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil || mapped.Port != int(p.addr().Port()) || !mapped.IP.Equal(net.IPv4(127, 0, 0, 1)) {
		t.Fatalf("%v %v", mapped, err)
	}
	if got := v.Stats().Remote; got != p.addr().String() {
		t.Fatalf("reached at %q", got)
	}
	// A phone that moved: the new address counts once it is nominated, or once the old one is silent.
	q := newProber(t, s)
	q.now = p.now
	if q.send(check(c.ufrag+":Zk3D", c.pwd, false)) == nil || v.Stats().Remote != p.addr().String() {
		t.Fatal("an address that was not nominated took over")
	}
	if q.send(check(c.ufrag+":Zk3D", c.pwd, true)) == nil || v.Stats().Remote != q.addr().String() {
		t.Fatal("a nominated address did not take over")
	}
	p.now += staleAfter + time.Second
	if p.send(check(c.ufrag+":Zk3D", c.pwd, false)) == nil || v.Stats().Remote != p.addr().String() {
		t.Fatal("the only address that speaks did not take over from one that is silent")
	}
	// Roles: two controlled agents would wait for each other.
	conflict := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(c.ufrag+":Zk3D"),
		stun.RawAttribute{Type: stun.AttrICEControlled, Value: make([]byte, 8)}, stun.NewShortTermIntegrity(c.pwd), stun.Fingerprint).Raw
	var code stun.ErrorCodeAttribute
	if m := p.send(conflict); m == nil || code.GetFrom(m) != nil || code.Code != stun.CodeRoleConflict {
		t.Fatalf("answered %v", m)
	}
	// However many addresses a viewer has, few are kept, the one in use among them.
	for range 3 * maxAddrs {
		r := newProber(t, s)
		r.now = p.now
		r.send(check(c.ufrag+":Zk3D", c.pwd, false))
	}
	if len(v.ice.addrs) != maxAddrs || len(s.byAddr) != maxAddrs || !slices.Contains(v.ice.addrs, p.addr()) {
		t.Fatalf("%d addresses, %d in the map", len(v.ice.addrs), len(s.byAddr))
	}
}

// What is forged, stale or malformed gets no answer and changes nothing.
func TestForgedChecksAreIgnored(t *testing.T) {
	s := idle(t)
	v, _, err := s.Accept(testOffer, Options{Hosts: loopbackHost})
	if err != nil {
		t.Fatal(err)
	}
	c := v.ice.local
	good := check(c.ufrag+":Zk3D", c.pwd, true)
	cut := bytes.Clone(good)
	cut[len(cut)-1] ^= 1
	changed := bytes.Clone(good)
	changed[30] ^= 1
	noPrint := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(c.ufrag+":Zk3D"), stun.NewShortTermIntegrity(c.pwd)).Raw
	noKey := stun.MustBuild(stun.TransactionID, stun.BindingRequest, stun.NewUsername(c.ufrag+":Zk3D"), stun.Fingerprint).Raw
	p := newProber(t, s)
	for name, b := range map[string][]byte{
		"wrong password": check(c.ufrag+":Zk3D", "x"+c.pwd, true), "empty password": check(c.ufrag+":Zk3D", "", true),
		"nobody's": check("nobody:Zk3D", c.pwd, true), "empty name": check(":", "", true), "no colon": check(c.ufrag, c.pwd, true), "bad fingerprint": cut, "changed": changed,
		"no fingerprint": noPrint, "no integrity": noKey, "a response": stun.MustBuild(stun.TransactionID, stun.BindingSuccess, stun.NewShortTermIntegrity(c.pwd), stun.Fingerprint).Raw,
		"DTLS from a stranger": {22, 254, 253, 0, 0}, "RTCP from a stranger": {0x80, 201, 0, 1, 0, 0, 0, 0}, "nothing": {},
	} {
		if m := p.send(b); m != nil {
			t.Errorf("%s: answered %v", name, m)
		}
	}
	if v.Stats().Remote != "" || len(s.byAddr) != 0 || v.pipe.Waiting() != 0 {
		t.Fatal("a stranger was let in")
	}
	if st := s.Stats(); st.BadSTUN == 0 || st.Strays == 0 {
		t.Errorf("%+v", st)
	}
}

// A restart keeps the session: the old credentials hold until the new are used, then no longer.
func TestRestartHandsOver(t *testing.T) {
	s := idle(t)
	v, _, err := s.Accept(testOffer, Options{Hosts: loopbackHost})
	if err != nil {
		t.Fatal(err)
	}
	old := v.ice.local
	p := newProber(t, s)
	for round := range 3 { // announced several times, used once
		if _, err := v.Restart("a=ice-ufrag:new" + string(rune('A'+round)) + "\r\na=ice-pwd:0123456789012345678901\r\n"); err != nil {
			t.Fatal(err)
		}
		if p.send(check(old.ufrag+":Zk3D", old.pwd, true)) == nil {
			t.Fatal("the old credentials do not hold")
		}
	}
	now := v.ice.next
	if p.send(check(now.ufrag+":newC", now.pwd, true)) == nil {
		t.Fatal("the new credentials do not work")
	}
	if p.send(check(old.ufrag+":Zk3D", old.pwd, true)) != nil || len(s.byUfrag) != 1 {
		t.Fatal("the old credentials still work")
	}
}

// A page whose network was taken away restarts ICE by itself, and the kit learns of it by the check: it is followed at once if its old
// address is silent, and not if that speaks. What is checked with a name that was there before is one more way, and no move.
func TestAPageThatRestartsAloneIsFollowed(t *testing.T) {
	s := idle(t)
	v, _, err := s.Accept(testOffer, Options{Hosts: loopbackHost})
	if err != nil {
		t.Fatal(err)
	}
	c := v.ice.local
	p := newProber(t, s)
	p.send(check(c.ufrag+":Zk3D", c.pwd, true))
	for _, step := range []struct {
		name    string
		silence time.Duration
		user    string
		moves   bool
	}{
		{"another way of the same ICE", restartedAfter + time.Millisecond, ":Zk3D", false},
		{"a restart while the old address speaks", restartedAfter, ":next", false},
		{"a restart", restartedAfter + time.Millisecond, ":next", true},
	} {
		q := newProber(t, s)
		q.now = p.now + step.silence
		if q.send(check(c.ufrag+step.user, c.pwd, false)) == nil {
			t.Fatalf("%s: not answered", step.name)
		}
		if moved := v.Stats().Remote == q.addr().String(); moved != step.moves {
			t.Errorf("%s: moved %v", step.name, moved)
		}
	}
}

// A whole peer connection restarts ICE, and the picture does not stop.
func TestPictureOutlivesARestart(t *testing.T) {
	k := newKit(t, Config{})
	k.feed(t, 5*time.Millisecond, 1000, 0)
	c := newClient(t, k, clientConfig{channel: true})
	c.frame(t)
	old := c.viewer.ufrag()
	c.restart(t)
	until(t, "the new credentials are in use", func() bool { return c.viewer.ufrag() != old })
	for range 50 {
		if f := c.frame(t); !bytes.Equal(f.data, k.published(f.ts)) {
			t.Fatalf("picture %d differs", f.ts)
		}
	}
	if st := k.Stats(); st.Viewers != 1 || st.Left+st.Failed != 0 {
		t.Fatalf("%+v", st)
	}
	if _, err := c.viewer.Restart(testOffer); err == nil {
		t.Fatal("another browser's offer was taken for a restart")
	}
}

// Any bytes at all, from a stranger and from a viewer's own address, do no harm.
func FuzzDemux(f *testing.F) {
	s := idle(f)
	v, _, err := s.Accept(testOffer, Options{Hosts: loopbackHost})
	if err != nil {
		f.Fatal(err)
	}
	c := v.ice.local
	f.Add(check(c.ufrag+":Zk3D", c.pwd, true), true)
	f.Add([]byte{22, 254, 253, 0, 0, 0, 0}, true)
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 0}, false)
	stranger, friend := netip.MustParseAddrPort("127.0.0.1:9"), netip.MustParseAddrPort("127.0.0.1:10")
	d := demux{server: s, in: stun.New(), out: stun.New()}
	d.take(check(c.ufrag+":Zk3D", c.pwd, true), friend, time.Hour)
	f.Fuzz(func(t *testing.T, b []byte, known bool) {
		from := stranger
		if known {
			from = friend
		}
		d.take(b[:min(len(b), 1600)], from, time.Hour)
		if n := len(s.byAddr); n > 1 || s.byAddr[stranger] != nil {
			t.Fatalf("%d addresses", n)
		}
	})
}

func FuzzRestart(f *testing.F) {
	f.Add("a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n")
	f.Add(testOffer)
	s := idle(f)
	v, _, err := s.Accept(testOffer, Options{Hosts: loopbackHost})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r *Refusal
		if _, err := v.Restart(text); err != nil && !errors.As(err, &r) {
			t.Fatal(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.byUfrag) > 2 {
			t.Fatalf("%d names for one viewer", len(s.byUfrag))
		}
	})
}
