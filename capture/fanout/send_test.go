package fanout

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/srtp/v3"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/burst"
	"edgekit.internal/capture/fanout/internal/cut"
	"edgekit.internal/capture/fanout/internal/seal"

	"edgekit.internal/capture/fanout/internal/offer"
)

// gate is a wire that takes as many datagrams as it is told to, then is full.
type gate struct {
	room  int  // datagrams until it is full; below zero: no end
	apart bool // trains are cut up here, and may go in part
	open  chan struct{}
	took  func(to netip.AddrPort, datagram []byte)
}

func (g *gate) WaitWritable() error { <-g.open; return nil }

func (g *gate) Send(messages []burst.Message) (int, error) {
	for i := range messages {
		m := &messages[i]
		step := m.Segment
		if step == 0 {
			step = len(m.Data)
		}
		count := (len(m.Data) + step - 1) / step
		if g.room >= 0 && count > g.room && !g.apart {
			return i, burst.ErrBlocked
		}
		for len(m.Data) > 0 {
			if g.room == 0 {
				return i, burst.ErrBlocked
			}
			g.room = max(g.room-1, -1)
			n := min(step, len(m.Data))
			g.took(m.To.AddrPort, m.Data[:n])
			m.Data = m.Data[n:]
		}
	}
	return len(messages), nil
}

// witness is a viewer's end: it opens what comes and holds it against what was published.
type witness struct {
	t    *testing.T
	open *srtp.Context
	all  map[string]capture.AccessUnit // what was published, by its bytes
	num  map[string]int                // and the how many-th of its layer it was

	bytes map[uint64][]byte // datagrams by packet number
	next  uint64
	begun bool
	depay codecs.H264Packet
	data  []byte

	wide, delay byte // identifiers of header extensions; 0: not negotiated
	delays      int

	last   uint32
	count  int
	prev   map[uint8]int // number of the latest picture shown, by layer
	shown  uint8
	repeat int
}

func (w *witness) take(b []byte) {
	t := w.t
	t.Helper()
	if b[1] >= 192 && b[1] < 224 {
		return // a sender report
	}
	if len(b) > cut.MaxPacket {
		t.Fatalf("a packet of %d bytes", len(b))
	}
	plain, err := w.open.DecryptRTP(nil, b, nil)
	if err != nil {
		t.Fatal(err)
	}
	var p rtp.Packet
	if err := p.Unmarshal(plain); err != nil {
		t.Fatal(err)
	}
	if !w.begun {
		w.begun, w.next = true, uint64(p.SequenceNumber)
	}
	if back := uint16(w.next) - p.SequenceNumber; back != 0 && back < 1<<15 {
		if !bytes.Equal(w.bytes[w.next-uint64(back)], b) {
			t.Fatalf("packet %d was sent again with other bytes: two under one nonce", p.SequenceNumber)
		}
		w.repeat++
		return
	} else if back != 0 {
		t.Fatalf("packet %d, expected %d: a gap", p.SequenceNumber, uint16(w.next))
	}
	if ext := p.GetExtension(w.wide); w.wide != 0 && !bytes.Equal(ext, []byte{byte(w.next >> 8), byte(w.next)}) {
		t.Fatalf("packet %d has the transport-wide number % x", p.SequenceNumber, ext)
	}
	if ext := p.GetExtension(w.delay); w.delay != 0 && ext != nil {
		if w.delays++; !bytes.Equal(ext, []byte{0, 0, 0}) {
			t.Fatalf("playout delay % x", ext)
		}
	}
	w.bytes[w.next] = bytes.Clone(b)
	w.next++
	part, err := w.depay.Unmarshal(p.Payload)
	if err != nil {
		t.Fatal(err)
	}
	w.data = append(w.data, part...)
	if !p.Marker {
		return
	}
	data := string(w.data)
	w.data = nil
	au, ok := w.all[data]
	if !ok {
		t.Fatalf("a picture of %d bytes that was never published", len(data))
	}
	if w.count > 0 && int32(p.Timestamp-w.last) <= 0 {
		t.Fatalf("timestamp %d after %d", p.Timestamp, w.last)
	}
	prev, had := w.prev[au.Layer]
	if !au.Key && (!had || w.shown != au.Layer || w.num[data] != prev+1) {
		t.Fatalf("picture %d of layer %d after %d of layer %d: it cannot be decoded", w.num[data], au.Layer, prev, w.shown)
	}
	if au.Key && w.delay != 0 && w.delays == 0 {
		t.Fatal("a key picture without playout delay")
	}
	w.prev[au.Layer], w.shown, w.last = w.num[data], au.Layer, p.Timestamp
	w.count++
}

// Whatever the socket and viewers' connections take and when, each viewer gets whole pictures it can decode, in order, without a gap in its
// packet numbers, and never two different packets under one number; and when the socket is free again, all see the
// latest picture.
func TestViewersGetDecodablePicturesWhateverTheSocketDoes(t *testing.T) {
	moves := 0
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { moves += torment(t, seed) })
	}
	if moves == 0 {
		t.Error("nobody ever moved from UDP to TCP or back: the test tests less than it could")
	}
}

func torment(t *testing.T, seed uint64) (moves int) {
	r := rand.New(rand.NewPCG(seed, 1))
	s := idle(t)
	now := time.Hour
	s.clock = func() time.Duration { return now }
	wants := map[uint8]bool{0: true, 1: true}
	s.config.WantKeyframe = func(l uint8) { wants[l] = true }
	g := &gate{room: -1, apart: seed%2 == 0, open: make(chan struct{})}
	x := newSender(s, g)

	all, num := map[string]capture.AccessUnit{}, map[string]int{}
	witnesses := map[netip.AddrPort]*witness{}
	var viewers []*Viewer
	phones := map[*Viewer]*dribbler{} // that have a TCP connection
	hear := func() {
		for v, p := range phones {
			p.hand(witnesses[v.remote.Load().addr].take)
		}
	}
	g.took = func(to netip.AddrPort, b []byte) { witnesses[to].take(b) }
	join := func() {
		v := s.newViewer(offer.Offer{PayloadType: 106, WideID: 4 * byte(r.IntN(2)), DelayID: 5 * byte(r.IntN(2)), MaxMessage: 1}, Options{Layer: uint8(r.IntN(3))})
		t.Cleanup(v.Close)
		profile := []seal.Profile{GCM, CMSHA1}[r.IntN(2)]
		key, salt := make([]byte, 16), make([]byte, profile.SaltLen())
		key[0], salt[0] = byte(len(viewers)), byte(seed)
		media, err := seal.New(profile, key, salt)
		if err != nil {
			t.Fatal(err)
		}
		open, err := srtp.CreateContext(key, salt, srtp.ProtectionProfile(profile))
		if err != nil {
			t.Fatal(err)
		}
		control, err := srtp.CreateContext(key, salt, srtp.ProtectionProfile(profile))
		if err != nil {
			t.Fatal(err)
		}
		at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(1000+len(viewers)))
		v.remote.Store(s.way(at, nil))
		if r.IntN(2) == 0 {
			phones[v] = dribble(t, s, at)
			v.remote.Store(s.way(at, phones[v].conn))
		}
		v.heard.Store(int64(now))
		v.track.next = 65500 // soon over the wrap
		v.track.start = v.track.next
		witnesses[at] = &witness{t: t, open: open, all: all, num: num, wide: v.offer.WideID, delay: v.offer.DelayID, bytes: map[uint64][]byte{}, prev: map[uint8]int{}}
		viewers = append(viewers, v)
		x.join(v, media, control)
	}
	unblock := func() {
		if x.blocked {
			g.open <- struct{}{}
			<-x.writable
			x.blocked = false
		}
	}
	counts := map[uint8]int{}
	publish := func(ts uint32, l uint8, gap bool) {
		au := unit(l, ts, wants[l], 1+r.IntN(9000))
		wants[l] = false
		counts[l]++
		all[string(au.Data)], num[string(au.Data)] = au, counts[l]
		if gap {
			counts[l]++ // one before it is missing
			num[string(au.Data)] = counts[l]
		}
		x.spread(published{au, gap})
	}
	ts := uint32(1<<32 - 90000) // over this wrap as well
	for range 300 {
		now += 33 * time.Millisecond
		ts += 3000
		for l := range uint8(2) {
			publish(ts, l, r.IntN(40) == 0)
		}
		switch k := r.IntN(30); {
		case k < 2 && len(viewers) < 6:
			join()
		case k < 6 && len(viewers) > 0:
			v := viewers[r.IntN(len(viewers))]
			v.heard.Store(int64(now) - int64(r.IntN(2))*int64(time.Minute))
			x.tick(now)
		case k < 9 && len(viewers) > 0:
			x.setLayer(viewers[r.IntN(len(viewers))], uint8(r.IntN(3)))
		case k == 9:
			x.setLayers([]capture.Layer{{ID: uint8(r.IntN(2))}}) // one is gone, and comes back when it is published
		case k < 20 && len(viewers) > 0:
			v := viewers[r.IntN(len(viewers))]
			f := feedback{viewer: v, picture: k < 12}
			for range r.IntN(20) {
				f.nacks = append(f.nacks, uint16(v.track.next)-uint16(r.IntN(400)))
			}
			x.answer(f)
		case k < 23:
			g.room = r.IntN(30)
		case k < 27:
			g.room = -1
			unblock()
		case len(viewers) > 0:
			v := viewers[r.IntN(len(viewers))]
			p := phones[v]
			switch {
			case p == nil:
			case k < 29:
				p.take(r.IntN(3) > 0)
			case !x.blocked: // it moves to the other way, once all has come by this one
				p.empty(t)
				hear()
				to := s.way(v.remote.Load().addr, nil)
				if v.remote.Load().tcp == nil {
					to.tcp, to.udp = p.conn, nil
				}
				v.remote.Store(to)
				moves++
			}
		}
		x.flush()
		hear()
	}
	g.room = -1
	unblock()
	for _, p := range phones {
		p.empty(t)
	}
	hear()
	for _, v := range viewers {
		v.heard.Store(int64(now))
	}
	x.tick(now)
	x.flush()
	for range 3 {
		now += time.Second
		ts += 90000
		for l := range uint8(2) {
			wants[l] = true
			publish(ts, l, false)
		}
		x.flush()
		for x.pace.Waits {
			x.pace.Waits = false
			now += x.pace.Wait()
			x.flush()
		}
		for v, p := range phones { // before the next: on a busy machine their rings would be full of it, and they go on with a key picture that does not come
			until(t, "a viewer over TCP has it all", func() bool { p.empty(t); x.flush(); return v.track.count == 0 })
			p.empty(t)
		}
	}
	hear()
	repeats := 0
	for at, w := range witnesses {
		if d := w.last - ts; w.count == 0 || d > 8 {
			t.Errorf("viewer %v saw %d pictures, the last at %d; expected %d", at, w.count, w.last, ts)
		}
		repeats += w.repeat
	}
	if len(viewers) > 3 && repeats == 0 {
		t.Error("nothing was ever sent again: the test tests nothing")
	}
	return moves
}

// A viewer that is not heard of gets no pictures, which keeps its share of the socket for the others; when it is heard
// of again, it goes on with a key picture.
func TestFrozenViewerHarmsNobody(t *testing.T) {
	k := newKit(t, Config{})
	k.feed(t, 5*time.Millisecond, 2000, 0)
	frozen, lively := newClient(t, k, clientConfig{}), newClient(t, k, clientConfig{})
	frozen.frame(t)
	lively.frame(t)
	idleNow := make(chan uint64)
	k.command(func(x *sender) {
		now := k.clock()
		frozen.viewer.heard.Store(int64(now - time.Minute))
		x.tick(now)
		idleNow <- frozen.viewer.count.packets.Load()
	})
	before := wait(t, idleNow, "the sender")
	if k.Stats().Paused == 0 {
		t.Fatal("it goes on getting pictures")
	}
	for range 50 {
		if f := lively.frame(t); !bytes.Equal(f.data, k.published(f.ts)) {
			t.Fatalf("picture %d differs", f.ts)
		}
	}
	until(t, "it is heard of and served again", func() bool { return frozen.viewer.count.packets.Load() > before+100 })
}

// However much is asked for again, a viewer gets a bounded share, and so do all together.
func TestNackStormsAreBounded(t *testing.T) {
	s := idle(t)
	g := &gate{room: -1, took: func(netip.AddrPort, []byte) {}}
	x := newSender(s, g)
	x.pace.Rate = 0 // the network has room
	var viewers []*Viewer
	for i := range 20 {
		v := s.newViewer(offer.Offer{PayloadType: 106}, Options{})
		t.Cleanup(v.Close)
		key, salt := make([]byte, 16), make([]byte, GCM.SaltLen())
		media, err := seal.New(GCM, key, salt)
		if err != nil {
			t.Fatal(err)
		}
		v.remote.Store(s.way(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(1000+i)), nil))
		v.heard.Store(int64(s.clock()))
		x.join(v, media, nil)
		viewers = append(viewers, v)
	}
	x.spread(published{au: unit(0, 1000, true, 200_000)})
	x.flush()
	storm := func(v *Viewer) (granted uint64) {
		before := s.Stats().Resent
		f := feedback{viewer: v}
		for i := range uint16(150) {
			f.nacks = append(f.nacks, uint16(v.track.start)+i)
		}
		for range 10 {
			x.answer(f)
			x.flush()
		}
		return s.Stats().Resent - before
	}
	if n := storm(viewers[0]); n != 2*viewerTokens {
		t.Errorf("one viewer got %d packets again, expected %d", n, 2*viewerTokens)
	}
	for _, v := range viewers {
		storm(v)
	}
	if st := s.Stats(); st.Resent != allTokens || st.ResendDenied == 0 {
		t.Errorf("all got %d packets again, expected %d: %+v", st.Resent, allTokens, st)
	}
	f := feedback{viewer: viewers[0], nacks: []uint16{uint16(viewers[0].track.next), uint16(viewers[0].track.start) - 1, uint16(viewers[0].track.next) + 500}}
	viewers[0].track.tokens, x.tokens = 10, 10
	x.answer(f)
	if n := s.Stats().ResendGone; n != 3 {
		t.Errorf("%d packets that were never sent are gone, expected 3", n)
	}
}

// A picture that nobody can take in time is dropped without blocking who publishes, and the layer goes on with a key
// picture.
func TestPublishNeverBlocks(t *testing.T) {
	s := idle(t)
	for i := range maxPictures + 5 {
		s.Publish(unit(0, uint32(i), i == 0, 10))
	}
	if n := s.Stats().Late; n != 5 {
		t.Fatalf("%d pictures late, expected 5", n)
	}
	for range maxPictures {
		if p := <-s.pictures; p.gap {
			t.Fatal("a gap before there was one")
		}
	}
	s.Publish(unit(0, 100, false, 10))
	s.Publish(unit(0, 101, false, 10))
	if a, b := <-s.pictures, <-s.pictures; !a.gap || b.gap {
		t.Fatalf("gap before the next picture %v, before the one after %v", a.gap, b.gap)
	}
}

// A full ring costs a viewer its pictures up to the next key picture, and nobody else anything.
func TestFullRingSkipsToTheNextKeyPicture(t *testing.T) {
	var tr track
	p := cut.Packetise(unit(0, 1, true, 5000))
	for i := range ringLen {
		if !tr.push(p, uint32(i)) {
			t.Fatal("refused early")
		}
	}
	if tr.push(p, 99) {
		t.Fatal("took more than its bound")
	}
	tr.number(tr.at(0))
	tr.drop()
	if tr.count != 1 || !tr.at(0).started {
		t.Fatalf("%d left; expected the one that has its packet numbers", tr.count)
	}
}

// A viewer that begins again while its ring is full has not got the key picture that it could begin with.
func TestAFullRingIsNoPlaceToBegin(t *testing.T) {
	s := idle(t)
	x := newSender(s, &gate{room: 0, open: make(chan struct{})})
	v := s.newViewer(offer.Offer{PayloadType: 106}, Options{})
	t.Cleanup(v.Close)
	media, err := seal.New(GCM, make([]byte, 16), make([]byte, GCM.SaltLen()))
	if err != nil {
		t.Fatal(err)
	}
	v.remote.Store(s.way(netip.MustParseAddrPort("127.0.0.1:9"), nil))
	x.join(v, media, nil)
	for i := range uint32(ringLen) {
		x.spread(published{au: unit(0, 3000*i, i == ringLen-1, 100)})
	}
	for v.track.push(x.layers[0].latest(), 0) {
	}
	if x.begin(v); v.track.live {
		t.Error("it is sent what follows a picture that it was not sent")
	}
}
