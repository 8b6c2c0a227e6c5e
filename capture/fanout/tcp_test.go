package fanout

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v3"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/offer"
	"edgekit.internal/capture/fanout/internal/seal"
	"edgekit.internal/capture/fanout/internal/tcp"
)

// newKitOverTCP is a kit to which viewers may come by TCP as well.
func newKitOverTCP(t testing.TB, c Config) *kit {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	c.TCPPort = l.Addr().(*net.TCPAddr).AddrPort().Port()
	k := newKit(t, c)
	until(t, "it runs", func() bool {
		k.Server.mu.Lock()
		defer k.Server.mu.Unlock()
		return k.state == stateRunning
	})
	serveTCP(t, k, l)
	return k
}

// serveTCP hands a kit what connects.
func serveTCP(t testing.TB, k *kit, l net.Listener) {
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			stop := context.AfterFunc(t.Context(), func() { conn.Close() })
			all.Go(func() {
				begins := bufio.NewReader(conn)
				_, err := begins.Peek(1)
				if stop() && err == nil {
					k.Stream(peeked{conn, begins})
				} else {
					conn.Close()
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
}

// peeked is a connection whose first byte was looked at, as a daemon does who has pages on the same port.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

func (p peeked) NetConn() net.Conn { return p.Conn }

// A player without UDP gets the pictures it would get with it, says and hears things, and restarts ICE.
func TestPionPlaysOverTCP(t *testing.T) {
	k := newKitOverTCP(t, Config{})
	k.feed(t, time.Second/30, 5000, 0)
	c := newClient(t, k, clientConfig{tcp: true, channel: true, options: Options{OnMessage: func(v *Viewer, b []byte) { v.Send(append([]byte("heard "), b...)) }}})
	see := func(n int) {
		t.Helper()
		for range n {
			if f := c.frame(t); !bytes.Equal(f.data, k.published(f.ts)) {
				t.Fatalf("picture %d differs", f.ts)
			}
		}
	}
	c.frame(t) // the key picture before it came
	see(30)
	wait(t, c.opened, "the channel")
	if err := c.channel.SendText("hello"); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, c.texts, "an answer"); got != "heard hello" {
		t.Errorf("%q", got)
	}
	if st := c.viewer.Stats(); !st.TCP || k.Stats().OverTCP != 1 {
		t.Errorf("%+v", st)
	}
	old := c.viewer.ufrag()
	c.restart(t)
	until(t, "the new credentials are in use", func() bool { return c.viewer.ufrag() != old })
	see(60)
	if st := k.Stats(); st.Viewers != 1 || st.Left+st.Failed+st.Stalled != 0 {
		t.Errorf("%+v", st)
	}
	t.Logf("%+v\n%+v", k.Stats(), c.viewer.Stats())
}

// caller is a phone's end of a TCP connection, as far as a test needs one.
type caller struct {
	net.Conn
	t *testing.T
}

// call connects to where the kit's pages are.
func (k *kit) call(t *testing.T) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", netip.AddrPortFrom(loopbackHost[0], k.config.TCPPort).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &caller{conn, t}
}

// say sends a datagram.
func (c *caller) say(b []byte) {
	c.t.Helper()
	if _, err := c.Write(tcp.Append(nil, b)); err != nil {
		c.t.Fatal(err)
	}
}

// hears waits for an answer to a check.
func (c *caller) hears() {
	c.t.Helper()
	b := make([]byte, 1500)
	if _, err := io.ReadFull(c, b[:2]); err != nil {
		c.t.Fatal(err)
	}
	n := int(binary.BigEndian.Uint16(b))
	if _, err := io.ReadFull(c, b[:n]); err != nil {
		c.t.Fatal(err)
	}
	m := &stun.Message{Raw: b[:n]}
	if err := m.Decode(); err != nil || m.Type != stun.BindingSuccess {
		c.t.Fatalf("%v, %v", m.Type, err)
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil || mapped.Port != c.LocalAddr().(*net.TCPAddr).Port {
		c.t.Fatalf("%v, %v", mapped, err)
	}
}

// isHungUpOn waits for the kit's end of it.
func (c *caller) isHungUpOn() {
	c.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		c.t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("%d bytes, and it is still there", n)
	}
}

// accept makes a viewer who has yet to come.
func (k *kit) accept(t *testing.T) (v *Viewer, user, pwd string) {
	t.Helper()
	v, _, err := k.Accept(testOffer, Options{Hosts: loopbackHost})
	if err != nil {
		t.Fatal(err)
	}
	return v, v.ice.local.ufrag + ":Zk3D", v.ice.local.pwd
}

// Who does not begin with a viewer's connectivity check is not listened to any longer, and is told nothing.
func TestStrangersOverTCPAreHungUpOn(t *testing.T) {
	k := newKitOverTCP(t, Config{})
	v, user, pwd := k.accept(t)
	good := check(user, pwd, true)
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	all := map[string][]byte{
		"a wrong password": check(user, "x"+pwd, true), "nobody's": check("nobody:Zk3D", pwd, true), "forged": forged,
		"DTLS": {22, 254, 253, 0, 0}, "RTCP": {0x80, 201, 0, 1, 0, 0, 0, 0}, "nothing": {}, "zeros": make([]byte, 1500),
	}
	for name, b := range all {
		c := k.call(t)
		if _, err := c.Write(tcp.Append(tcp.Append(nil, b), good)); err != nil { // a second try is none
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(c); len(got) != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %x, %v", name, got, err)
		}
	}
	c := k.call(t)
	if _, err := c.Write([]byte{5, 221}); err != nil { // 1501 bytes
		t.Fatal(err)
	}
	c.isHungUpOn()
	if st := k.Stats(); st.Unproved != uint64(len(all)) || v.Stats().Remote != "" || st.Checks != 0 {
		t.Errorf("%+v", st)
	}
}

// A viewer goes from UDP to TCP and back as it nominates; an address and port that is somebody else's in UDP is its own in TCP.
func TestAViewerMovesBetweenUDPAndTCP(t *testing.T) {
	k := newKitOverTCP(t, Config{})
	v, user, pwd := k.accept(t)
	other, otherUser, otherPwd := k.accept(t)
	phone := k.call(t)
	udp, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: loopbackHost[0].AsSlice(), Port: int(k.conn.LocalPort())})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	same, err := net.DialUDP("udp4", &net.UDPAddr{IP: loopbackHost[0].AsSlice(), Port: phone.LocalAddr().(*net.TCPAddr).Port}, udp.RemoteAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer same.Close()
	over := func(conn net.Conn, user, pwd string, nominate bool) {
		t.Helper()
		b := check(user, pwd, nominate)
		if conn == phone {
			phone.say(b)
			phone.hears()
			return
		}
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1500)); err != nil {
			t.Fatal(err)
		}
	}
	at := func(v *Viewer, conn net.Conn) {
		t.Helper()
		if st := v.Stats(); st.Remote != conn.LocalAddr().String() || st.TCP != (conn == phone) {
			t.Fatalf("reached at %s, TCP %v; expected %v", st.Remote, st.TCP, conn.LocalAddr())
		}
	}
	over(udp, user, pwd, true)
	at(v, udp)
	over(phone, user, pwd, false)
	at(v, udp)
	over(phone, user, pwd, true)
	at(v, phone)
	over(same, otherUser, otherPwd, true)
	at(other, same)
	at(v, phone)
	was, others := v.current.Load(), other.current.Load()
	phone.say([]byte{22, 254, 253, 0, 0})
	until(t, "what it says by TCP is its own", func() bool { return v.current.Load() > was })
	if other.current.Load() != others {
		t.Error("it was taken for the other's")
	}
	over(udp, user, pwd, true)
	at(v, udp)
	over(phone, user, pwd, true)
	over(same, user, pwd, true) // and its own, in both
	at(v, same)
}

// A connection that ends, however, ends nothing else; the next takes its place without being nominated. A viewer's last end is its
// connections', and the server's end everybody's.
func TestAConnectionThatEndsEndsNothingElse(t *testing.T) {
	k := newKitOverTCP(t, Config{})
	v, user, pwd := k.accept(t)
	first := k.call(t)
	first.say(check(user, pwd, true))
	first.hears()
	first.Close()
	until(t, "the connection has ended", func() bool { return v.remote.Load().tcp.Closed() })
	if k.Viewer(v.ID()) == nil || v.ctx.Err() != nil {
		t.Fatal("the viewer ended with its connection")
	}
	var all []*caller
	for range maxConns + 2 {
		c := k.call(t)
		c.say(check(user, pwd, false))
		c.hears()
		all = append(all, c)
	}
	if got := v.Stats().Remote; got != all[0].LocalAddr().String() {
		t.Errorf("reached at %s, expected %v", got, all[0].LocalAddr())
	}
	for _, c := range all[1:3] { // the oldest that are not in use
		c.isHungUpOn()
	}
	for i, c := range []*caller{all[0], all[3], all[maxConns+1]} {
		c.say(check(user, pwd, false))
		c.hears()
		t.Logf("connection %d is there", i)
	}
	v.Close()
	for _, c := range all {
		c.isHungUpOn()
	}
	until(t, "nobody is there", func() bool { return k.Stats().Viewers == 0 })
	late := k.call(t)
	late.say(check(user, pwd, true)) // of a viewer that is gone
	late.isHungUpOn()
}

// A player whose connection breaks restarts ICE, and has its picture again, and its channel.
func TestThePictureComesBackOnANewConnection(t *testing.T) {
	k := newKitOverTCP(t, Config{})
	k.feed(t, time.Second/30, 5000, 0)
	c := newClient(t, k, clientConfig{tcp: true, channel: true, options: Options{OnMessage: func(v *Viewer, b []byte) { v.Send(b) }}})
	c.frame(t)
	wait(t, c.opened, "the channel")
	old := c.viewer.remote.Load().tcp
	old.Close()
	c.restart(t)
	until(t, "it is reached by another", func() bool { return c.viewer.remote.Load().tcp != old })
	for len(c.frames) > 0 {
		<-c.frames
	}
	for range 30 {
		c.frame(t)
	}
	if err := c.channel.SendText("hello"); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, c.texts, "an answer"); got != "hello" {
		t.Errorf("%q", got)
	}
	if st := k.Stats(); st.Viewers != 1 || st.Left+st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

// joined makes a viewer that gets pictures, over a connection of a phone's or, without one, by UDP.
func joined(t *testing.T, x *sender, port uint16, phone *dribbler) *Viewer {
	t.Helper()
	v := x.server.newViewer(offer.Offer{PayloadType: 106, WideID: 4}, Options{})
	t.Cleanup(v.Close)
	key := make([]byte, 16)
	media, err := seal.New(GCM, key, make([]byte, GCM.SaltLen()))
	if err != nil {
		t.Fatal(err)
	}
	control, err := srtp.CreateContext(key, make([]byte, GCM.SaltLen()), srtp.ProtectionProfileAeadAes128Gcm)
	if err != nil {
		t.Fatal(err)
	}
	at, conn := netip.AddrPortFrom(loopbackHost[0], port), (*tcp.Conn)(nil)
	if phone != nil {
		at, conn = phone.from, phone.conn
	}
	v.remote.Store(x.server.way(at, conn))
	v.heard.Store(int64(x.server.clock()))
	x.join(v, media, control)
	return v
}

// A phone that takes nothing keeps little, skips, and has few key pictures made; all others get all of theirs, at once.
func TestAPhoneThatTakesNothingHarmsOnlyItself(t *testing.T) {
	s := idle(t)
	now := time.Hour
	s.clock = func() time.Duration { return now }
	asked, wanted := 0, true
	s.config.WantKeyframe = func(uint8) { asked++; wanted = true }
	key := func() bool { was := wanted; wanted = false; return was }
	byUDP := map[netip.AddrPort]int{}
	x := newSender(s, &gate{room: -1, took: func(to netip.AddrPort, b []byte) { byUDP[to]++ }})
	stuck := dribble(t, s, netip.MustParseAddrPort("192.0.2.1:1"))
	stuck.take(false)
	lively := dribble(t, s, netip.MustParseAddrPort("192.0.2.2:1"))
	slow, quick, plain := joined(t, x, 0, stuck), joined(t, x, 0, lively), joined(t, x, 1000, nil)
	const seconds, joins = 30, 1
	got := 0
	for i := range uint32(seconds * 30) {
		now += time.Second / 30
		for _, v := range []*Viewer{slow, quick, plain} {
			v.heard.Store(int64(now))
		}
		x.spread(published{au: unit(0, 3000*i, key(), 6000)})
		x.flush()
		x.sound(capture.Sound{RTP: i, Data: []byte{1}})
		if i%8 == 0 {
			x.tick(now)
		}
		x.flush()
		if plain.track.count+quick.track.count > 0 {
			t.Fatalf("picture %d waits for others", i)
		}
		lively.empty(t)
		lively.hand(func(b []byte) {
			if b[1]&0x7F == 106 {
				got++
			}
		})
	}
	sent := int(plain.Stats().Packets)
	if n := int(quick.Stats().Packets); n != sent || got != sent || sent < seconds*30*5 {
		t.Errorf("by UDP %d packets, by TCP %d, of which %d came", sent, n, got)
	}
	if byUDP[netip.AddrPortFrom(loopbackHost[0], 1000)] < sent {
		t.Errorf("%v", byUDP)
	}
	if n := stuck.conn.Waiting(); n > 20<<10 {
		t.Errorf("%d bytes wait for who takes nothing", n)
	}
	if slow.Stats().Skipped == 0 || slow.track.live {
		t.Errorf("%+v", slow.Stats())
	}
	if asked > joins {
		t.Errorf("%d key pictures were asked for, expected one for the first who joins", asked)
	}
	// When it takes something again it goes on with a key picture, before long.
	stuck.empty(t)
	before, begun := slow.Stats().Packets, now
	for i := uint32(seconds * 30); slow.track.on != slow.track.want || !slow.track.live || slow.Stats().Packets == before; i++ {
		if now-begun > 10*time.Second {
			t.Fatalf("no picture for %v", now-begun)
		}
		now += time.Second / 30
		slow.heard.Store(int64(now))
		x.spread(published{au: unit(0, 3000*i, key(), 6000)})
		x.flush()
		stuck.empty(t)
	}
}

// The way to a connection costs no allocation for a packet.
func TestSendingOverTCPDoesNotAllocate(t *testing.T) {
	s := idle(t)
	x := newSender(s, &gate{room: -1, took: func(netip.AddrPort, []byte) {}})
	phone := dribble(t, s, netip.MustParseAddrPort("192.0.2.1:1"))
	phone.forget = true
	x.pace.Rate = 0 // the network has room
	v := joined(t, x, 0, phone)
	x.spread(published{au: unit(0, 3000, true, 12_000)})
	x.flush()
	p := x.layers[0].latest()
	ts := uint32(6000)
	if n := testing.AllocsPerRun(200, func() {
		for phone.conn.Waiting() > 0 {
			runtime.Gosched()
		}
		v.track.push(p, ts)
		ts += 3000
		x.flush()
	}); n != 0 {
		t.Errorf("%v allocations a picture", n)
	}
	if v.track.count != 0 || v.Stats().Packets < 200*10 {
		t.Errorf("%+v", v.Stats())
	}
}

// A full UDP socket holds up nobody who is reached by TCP, in pictures, sound and what is sent again.
func TestAFullSocketHoldsUpNobodyOverTCP(t *testing.T) {
	s := idle(t)
	g := &gate{room: 0, open: make(chan struct{}), took: func(netip.AddrPort, []byte) {}}
	x := newSender(s, g)
	x.pace.Rate = 0 // the network has room
	phone := dribble(t, s, netip.MustParseAddrPort("192.0.2.1:1"))
	plain, v := joined(t, x, 1000, nil), joined(t, x, 0, phone)
	v.offer.Sound = true
	got := map[byte]int{}
	for i := range uint32(20) {
		x.spread(published{au: unit(0, 3000*i, i == 0, 3000)})
		x.flush()
		x.sound(capture.Sound{RTP: i, Data: []byte{1}})
		x.answer(feedback{viewer: v, nacks: []uint16{uint16(v.track.start)}})
		x.flush()
		phone.empty(t)
		phone.hand(func(b []byte) { got[b[1]&0x7F]++ })
	}
	if !x.blocked || plain.Stats().Packets != 0 {
		t.Fatal("the socket is not full")
	}
	if sent := int(v.Stats().Packets); got[106] != sent+20 || v.Stats().Skipped != 0 || got[0] != 20 || s.Stats().Resent != 20 {
		t.Errorf("%v of %d packets, %d skips, %d again", got, sent, v.Stats().Skipped, s.Stats().Resent)
	}
	close(g.open)
	<-x.writable
}

// What is in the batch for UDP goes first when a viewer moves to TCP, and a packet that waits for room on its connection is not sent
// again before it was sent.
func TestPacketsKeepTheirOrderWhereAViewerMovesOrWaits(t *testing.T) {
	s := idle(t)
	x := newSender(s, &gate{room: -1, took: func(netip.AddrPort, []byte) {}})
	x.pace.Rate = 0 // the network has room
	phone := dribble(t, s, netip.MustParseAddrPort("192.0.2.1:1"))
	v := joined(t, x, 1000, nil)
	for i := range uint32(2) {
		x.spread(published{au: unit(0, 3000*i, i == 0, 30_000)})
	}
	track := &v.track
	if !x.build(v, v.remote.Load(), track.at(0)) {
		t.Fatal("not built")
	}
	track.built++
	v.remote.Store(s.way(phone.from, phone.conn))
	phone.take(false)
	if x.stream(v, phone.conn) || phone.conn.Waiting() != 0 || v.Stats().Packets != 0 {
		t.Fatal("what waits in the batch was overtaken")
	}
	x.submit()
	first := v.Stats().Packets
	x.flush()
	begun := v.Stats().Packets
	p := track.at(0)
	if track.count != 1 || p.from == 0 || p.from == p.pic.Packets() || begun != first+uint64(p.from) {
		t.Fatalf("%d pictures wait, %d packets of the first have gone: expected a part", track.count, p.from)
	}
	phone.empty(t)
	x.answer(feedback{viewer: v, nacks: []uint16{uint16(p.seq) + uint16(p.from) - 1, uint16(p.seq) + uint16(p.from)}})
	if st := s.Stats(); st.Resent != 1 || st.ResendGone != 1 {
		t.Errorf("%d were sent again, %d could not be; expected one of each", st.Resent, st.ResendGone)
	}
}
