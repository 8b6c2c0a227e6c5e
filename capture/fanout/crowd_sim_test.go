package fanout

import (
	"container/heap"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/burst"
)

// A crowd in a network, in time of its own: the sender is the kit's, the rest is a model. Pictures are of the sizes that an
// encoder makes; the network is one queue that all share, in which a phone may be far, and so take more of it; phones put
// packets in order, ask for those that are missing and send feedback ten times a second.
type crowd struct {
	t      testing.TB
	now    time.Duration
	events events
	order  int
	r      *rand.Rand

	s      *Server
	x      *sender
	layers []simLayer
	phones map[netip.AddrPort]*phone
	all    []*phone

	kbps  float64       // of the network
	room  time.Duration // of its queue
	free  time.Duration // when what is in it has gone
	drops int

	paced bool // a flush is on its way
}

type simLayer struct {
	capture.Layer
	kbps int
	key  bool // the next is one
	at   time.Duration
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(v any)   { *e = append(*e, v.(event)) }
func (e *events) Pop() any     { v := (*e)[len(*e)-1]; *e = (*e)[:len(*e)-1]; return v }

// in does something later.
func (c *crowd) in(d time.Duration, do func()) {
	c.order++
	heap.Push(&c.events, event{c.now + d, c.order, do})
}

var simLadder = []capture.Layer{{ID: 0, FPS: 30, Kbps: 1800}, {ID: 1, FPS: 30, Kbps: 600}, {ID: 2, FPS: 15, Kbps: 150}}

func newCrowd(t testing.TB, kbps float64, seed uint64) *crowd {
	c := &crowd{t: t, now: time.Hour, r: rand.New(rand.NewPCG(seed, 7)), s: idle(t), phones: map[netip.AddrPort]*phone{}, kbps: kbps, room: time.Second}
	c.s.clock = func() time.Duration { return c.now }
	c.s.config.WantKeyframe = func(l uint8) { c.layers[l].key = true }
	c.s.config.SetBitrate = func(l uint8, kbps int) { c.layers[l].kbps = kbps }
	c.x = newSender(c.s, c)
	for _, l := range simLadder {
		c.layers = append(c.layers, simLayer{Layer: l, kbps: l.Kbps, key: true, at: -time.Second})
	}
	c.x.setLayers(simLadder)
	for i := range c.layers {
		c.in(0, func() { c.picture(&c.layers[i], 0) })
	}
	c.in(0, c.tick)
	return c
}

func (c *crowd) tick() {
	c.x.tick(c.now)
	c.flush()
	c.in(tickEvery, c.tick)
}

// picture encodes one, and the next a picture's time later. A key picture takes six times as much, and who asks for one gets
// it no sooner than half a second after the last.
func (c *crowd) picture(l *simLayer, n int) {
	size := l.kbps * 1000 / 8 / l.FPS
	size = size*3/4 + c.r.IntN(size/2)
	key := l.key && c.now-l.at >= 500*time.Millisecond
	if key {
		l.key, l.at = false, c.now
		size *= 6
	}
	data := make([]byte, size)
	binary.BigEndian.PutUint32(data, 1)
	data[4] = 0x41
	if key {
		data[4] = 0x65
	}
	for i := 5; i < size; i++ {
		data[i] = 0xAA
	}
	c.x.spread(published{au: capture.AccessUnit{Layer: l.ID, Key: key, RTP: capture.Timestamp(c.now), At: c.now, Data: data}})
	c.flush()
	c.in(time.Second/time.Duration(l.FPS), func() { c.picture(l, n+1) })
}

// flush has the sender send, and again when it may send more.
func (c *crowd) flush() {
	c.x.flush()
	if c.x.pace.Waits && !c.paced {
		c.paced = true
		c.in(c.x.pace.Wait(), func() { c.paced, c.x.pace.Waits = false, false; c.flush() })
	}
}

// Send is the network.
func (c *crowd) Send(messages []burst.Message) (int, error) {
	for _, m := range messages {
		step := m.Segment
		if step == 0 {
			step = len(m.Data)
		}
		for b := range slices.Chunk(m.Data, step) {
			p := c.phones[m.To.AddrPort]
			b := slices.Clone(b)
			if at, ok := c.pass(p, len(b)); ok {
				c.in(at-c.now, func() { p.take(b) })
			}
		}
	}
	return len(messages), nil
}

func (c *crowd) WaitWritable() error { return nil }

// pass takes a datagram through the queue, and says when it is at the phone; or loses it.
func (c *crowd) pass(p *phone, bytes int) (at time.Duration, ok bool) {
	if p.cable {
		return c.now + p.delay, true
	}
	c.free = max(c.free, c.now)
	if c.free-c.now > c.room {
		c.drops++
		return 0, false
	}
	c.free += time.Duration(float64(bytes+28) * 8 * p.far / c.kbps * float64(time.Millisecond))
	if c.r.Float64() < p.loss {
		return 0, false
	}
	at = c.free + p.delay
	if p.jitter > 0 { // so that some overtake others
		at += time.Duration(c.r.Int64N(int64(p.jitter)))
	}
	return at, true
}
