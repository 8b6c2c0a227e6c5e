package fanout

import (
	"container/heap"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/pion/srtp/v3"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/offer"
	"edgekit.internal/capture/fanout/internal/seal"
)

// phone is a viewer.
type phone struct {
	c      *crowd
	v      *Viewer
	open   *srtp.Context
	far    float64 // how much of the air a bit takes
	loss   float64
	delay  time.Duration
	jitter time.Duration
	cable  bool // it has a way of its own, in which there is room
	away   bool // nothing comes from it, nor does it hear anything
	lie    bool // half of what it gets it says it did not, and the rest later and later
	lied   time.Duration

	held  map[uint16][]byte
	next  uint16
	begun bool
	fresh bool          // a picture begins with the next packet
	sound bool          // what it has so far can be decoded
	stuck time.Duration // since when a packet is missing; 0: none is
	asked time.Duration
	heard []arrival // since the last feedback
	got   map[uint16]time.Duration
	last  uint16 // of these, the highest number that was told of

	shown []time.Duration // when pictures were
	lag   []time.Duration // and how old they were
	taps  []time.Duration // how long outcomes took to come
}

type arrival struct {
	seq uint16
	at  time.Duration
}

// join adds phones.
func (c *crowd) join(n int, change func(*phone)) (joined []*phone) {
	for range n {
		i := len(c.all)
		v := c.s.newViewer(offer.Offer{PayloadType: 106, WideID: 4, MaxMessage: 1}, Options{})
		key, salt := make([]byte, 16), make([]byte, GCM.SaltLen())
		key[0], key[1] = byte(i), byte(i>>8)
		media, err1 := seal.New(GCM, key, salt)
		open, err2 := srtp.CreateContext(key, salt, srtp.ProtectionProfile(GCM))
		control, err3 := srtp.CreateContext(key, salt, srtp.ProtectionProfile(GCM))
		if err1 != nil || err2 != nil || err3 != nil {
			c.t.Fatal(err1, err2, err3)
		}
		at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 66, byte(i >> 8), byte(i)}), 5000)
		p := &phone{c: c, v: v, open: open, far: 1, delay: 3 * time.Millisecond, held: map[uint16][]byte{}, got: map[uint16]time.Duration{}, fresh: true}
		if change != nil {
			change(p)
		}
		v.remote.Store(c.s.way(at, nil))
		c.phones[at], c.all, joined = p, append(c.all, p), append(joined, p)
		c.in(time.Duration(c.r.IntN(2000))*time.Millisecond, func() {
			v.heard.Store(int64(c.now))
			c.x.join(v, media, control)
			c.flush()
			p.speak()
			p.tap()
		})
	}
	return joined
}

// speak sends feedback, ten times a second, and asks for what is missing.
func (p *phone) speak() {
	c := p.c
	c.in(100*time.Millisecond, p.speak)
	if p.away {
		p.heard = nil
		return
	}
	var body []byte
	if len(p.heard) > 0 {
		body = p.wide()
	}
	lacks := p.missing()
	c.in(p.delay, func() {
		p.v.heard.Store(int64(c.now))
		if body != nil && p.v.path.Feedback(body) != nil {
			c.t.Error("feedback is not read")
		}
		if len(lacks) > 0 {
			p.v.asked(lacks)
			c.x.answer(feedback{viewer: p.v, nacks: lacks})
			c.flush()
		}
	})
	if (!p.sound || p.stuck != 0 && c.now-p.stuck > 400*time.Millisecond) && c.now-p.asked > 500*time.Millisecond {
		p.asked = c.now
		c.in(p.delay, func() { c.x.answer(feedback{viewer: p.v, picture: true}); c.flush() })
	}
}

// missing are the numbers of packets that did not come, up to the latest.
func (p *phone) missing() (lacks []uint16) {
	if len(p.held) == 0 {
		return nil
	}
	top := p.next
	for n := range p.held {
		if int16(n-top) > 0 {
			top = n
		}
	}
	for n := p.next; n != top && len(lacks) < 200; n++ {
		if p.held[n] == nil {
			lacks = append(lacks, n)
		}
	}
	return lacks
}

// wide is feedback on what came since the last.
func (p *phone) wide() []byte {
	first, top := p.heard[0].seq, p.heard[0].seq
	for _, a := range p.heard {
		if int16(a.seq-first) < 0 {
			first = a.seq
		}
		if int16(a.seq-top) > 0 {
			top = a.seq
		}
		p.got[a.seq] = a.at
		delete(p.got, a.seq-2000)
	}
	if int16(p.last+1-first) < 0 && int16(first-p.last) < 2000 {
		first = p.last + 1 // those before did not come
	}
	if int16(top-p.last) > 0 {
		p.last = top
	}
	p.heard = p.heard[:0]
	for n := first; n != top+1; n++ { // of those that came late, what came after them is told of again
		if at, ok := p.got[n]; ok {
			p.heard = append(p.heard, arrival{n, at})
		}
	}
	if p.lie {
		p.lied = min(p.lied+20*time.Millisecond, time.Second)
		for i := range p.heard {
			p.heard[i].at += p.lied
		}
		p.heard = slices.DeleteFunc(p.heard, func(a arrival) bool { return a.seq%2 == 1 && len(p.heard) > 1 })
		if len(p.heard) == 0 {
			return nil
		}
	}
	reference := p.heard[0].at / (64 * time.Millisecond)
	at := reference * 64 * time.Millisecond
	var chunks, deltas []byte
	n := first
	run := func(symbol, count uint16) {
		if count > 0 {
			chunks = binary.BigEndian.AppendUint16(chunks, symbol<<13|count)
		}
	}
	for _, a := range p.heard {
		run(0, a.seq-n)
		run(2, 1)
		d := (a.at - at) / (250 * time.Microsecond)
		deltas = binary.BigEndian.AppendUint16(deltas, uint16(int16(d)))
		at += d * 250 * time.Microsecond
		n = a.seq + 1
	}
	p.heard = p.heard[:0]
	body := binary.BigEndian.AppendUint16(nil, first)
	body = binary.BigEndian.AppendUint16(body, n-first)
	body = append(body, byte(reference>>16), byte(reference>>8), byte(reference), 0)
	return append(append(body, chunks...), deltas...)
}

// take gets a datagram.
func (p *phone) take(b []byte) {
	if p.away || b[1] >= 192 && b[1] < 224 {
		return
	}
	seq := binary.BigEndian.Uint16(b[2:])
	p.heard = append(p.heard, arrival{seq, p.c.now})
	if !p.begun {
		p.begun, p.next, p.last = true, seq, seq-1
	}
	if int16(seq-p.next) < 0 {
		return // twice
	}
	p.held[seq] = b
	p.play()
	if len(p.held) == 0 {
		p.stuck = 0
	} else if p.stuck == 0 {
		p.stuck = p.c.now
	} else if p.c.now-p.stuck > 800*time.Millisecond {
		p.giveUp()
	}
}

// giveUp lets go of all up to the end of the latest picture of which that came: it goes on with a key picture.
func (p *phone) giveUp() {
	p.stuck, p.sound = 0, false
	end, found := p.next, false
	for n, b := range p.held {
		if b[1]&0x80 != 0 && (!found || int16(n-end) > 0) {
			end, found = n, true
		}
	}
	if !found {
		return
	}
	for n := range p.held {
		if int16(n-end) <= 0 {
			delete(p.held, n)
		}
	}
	p.next, p.fresh = end+1, true
	p.play()
}

// play shows whole pictures, in order.
func (p *phone) play() {
	for b := p.held[p.next]; b != nil; b = p.held[p.next] {
		delete(p.held, p.next)
		p.next++
		p.stuck = 0
		if p.fresh {
			plain, err := p.open.DecryptRTP(nil, b, nil)
			if err != nil {
				p.c.t.Fatal(err)
			}
			nal := plain[20] & 31 // of 12 bytes of header and 8 of extension
			if nal == 28 {        // a fragment: of what
				nal = plain[21] & 31
			}
			p.sound = p.sound || nal == 5
		}
		if p.fresh = b[1]&0x80 != 0; p.fresh && p.sound {
			p.shown = append(p.shown, p.c.now)
			p.lag = append(p.lag, time.Duration(capture.Timestamp(p.c.now)-binary.BigEndian.Uint32(b[4:]))*time.Second/capture.ClockRate)
		}
	}
}

// tap has an outcome come back by the same network, twice a second.
func (p *phone) tap() {
	c := p.c
	from := c.now
	if at, ok := c.pass(p, 300); ok {
		p.taps = append(p.taps, at-from)
	}
	c.in(500*time.Millisecond, p.tap)
}

// run goes on for a time.
func (c *crowd) run(d time.Duration) {
	end := c.now + d
	for len(c.events) > 0 && c.events[0].at <= end {
		e := heap.Pop(&c.events).(event)
		c.now = e.at
		e.do()
	}
	c.now = end
}

// forget begins to watch anew.
func (p *phone) forget() { p.shown, p.lag, p.taps = nil, nil, nil }

// seenBy is how a phone saw it since it was last told to forget, for so long.
type seenBy struct {
	rate   float64       // pictures a second
	frozen time.Duration // the longest time without one
	lag    time.Duration // of 95 % of the pictures at most
	tap    time.Duration // of 95 % of outcomes at most
	layer  uint8
}

func (p *phone) saw(from, to time.Duration) (s seenBy) {
	s.rate = float64(len(p.shown)) / (to - from).Seconds()
	last := from
	for _, at := range append(slices.Clone(p.shown), to) {
		s.frozen = max(s.frozen, at-last)
		last = at
	}
	s.lag, s.tap = most(p.lag), most(p.taps)
	s.layer = p.v.track.on
	return s
}

// most is what 95 of 100 are at most.
func most(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)*95/100]
}

// watch runs for a time, and says how the phones saw it: the worst of everything.
func (c *crowd) watch(d time.Duration, phones ...*phone) (w seenBy) {
	for _, p := range phones {
		p.forget()
	}
	from := c.now
	c.run(d)
	w.rate = 1000
	for _, p := range phones {
		s := p.saw(from, c.now)
		w.rate, w.frozen, w.lag, w.tap, w.layer = min(w.rate, s.rate), max(w.frozen, s.frozen), max(w.lag, s.lag), max(w.tap, s.tap), max(w.layer, s.layer)
	}
	return w
}
