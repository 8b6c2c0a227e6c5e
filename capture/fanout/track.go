package fanout

import (
	"encoding/binary"
	"time"

	"github.com/pion/srtp/v3"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/choose"
	"edgekit.internal/capture/fanout/internal/cut"
	"edgekit.internal/capture/fanout/internal/offer"
	"edgekit.internal/capture/fanout/internal/seal"
)

// Bounds of what is kept for one viewer.
const (
	ringLen = 8 // pictures that wait to be sent: a quarter of a second at 30 a second
	runLen  = 8 // stretches of packet numbers that can be sent again
)

// track is the sending state of one viewer, owned by the sender.
type track struct {
	ssrc  uint32
	start uint64 // the first extended sequence number, roll-over counter included
	next  uint64 // and the next

	media   *seal.Sealer
	control *srtp.Context

	want uint8 // layer asked for
	on   uint8 // layer it gets
	live bool  // it can decode the next picture of its layer

	choked  bool          // its ring was full because its TCP connection took no more
	patient time.Duration // until then no key picture is asked for on account of that

	choice choose.Chooser
	seat   seat
	pinned bool // SetLayer has chosen

	idle bool // it is not heard of, and gets nothing

	ring  [ringLen]pending
	head  int
	count int
	built int // pictures from head on that are in the batch whole

	runs    [runLen]run
	runNext int // how many there ever were

	stamped bool
	last    uint32 // timestamp of the latest picture queued

	packets, octets uint64
	tokens          int           // packets it may have sent again
	reported        time.Duration // when the last sender report went
}

// pending is a picture on its way to one viewer.
type pending struct {
	pic  *cut.Picture
	rtp  uint32 // the picture's, but for one sent again to start with
	seq  uint64 // of its first packet, once started
	from int    // packets sent
	made int    // packets in the batch

	started bool // it has its packet numbers, and must be sent to leave no gap in them
}

// run is a stretch of packets with consecutive numbers in both counts, the viewer's and its layer's.
type run struct {
	seq    uint64
	number uint64
	layer  uint8
	replay *cut.Picture // it is this one picture, which the history may not have any more
	rtp    uint32       // its timestamp then
}

func (t *track) at(i int) *pending { return &t.ring[(t.head+i)%ringLen] }

// push queues a picture; it reports false when the ring is full. Two pictures never have one timestamp, which could
// happen where a viewer changes layers: a receiver would take them for one.
func (t *track) push(p *cut.Picture, rtp uint32) bool {
	if t.count == ringLen {
		return false
	}
	const tenSeconds = 900000
	if d := int32(rtp - t.last); t.stamped && d <= 0 && d > -tenSeconds {
		rtp = t.last + 1
	}
	t.stamped, t.last = true, rtp
	t.count++
	*t.at(t.count - 1) = pending{pic: p, rtp: rtp}
	return true
}

// drop forgets the pictures that were not started.
func (t *track) drop() {
	for t.count > 0 && !t.at(t.count-1).started {
		t.count--
		*t.at(t.count) = pending{}
	}
}

// number gives a picture its packet numbers.
func (t *track) number(p *pending) {
	p.started, p.seq = true, t.next
	t.next += uint64(p.pic.Packets())
	r := run{seq: p.seq, number: p.pic.First, layer: p.pic.Layer}
	if p.rtp != p.pic.RTP {
		r.replay, r.rtp = p.pic, p.rtp
	} else if t.runNext > 0 {
		l := &t.runs[(t.runNext-1)%runLen]
		if l.replay == nil && l.layer == r.layer && l.number+(r.seq-l.seq) == r.number {
			return // goes on where the last stopped
		}
	}
	t.runs[t.runNext%runLen] = r
	t.runNext++
}

// sent finds the stretch that a 16-bit packet number belongs to, and the full number.
func (t *track) sent(n uint16) (r *run, seq uint64) {
	back := uint64(uint16(t.next) - n)
	if back == 0 || back > t.next-t.start {
		return nil, 0
	}
	seq = t.next - back
	if t.count > 0 {
		if p := t.at(0); p.started && seq >= p.seq+uint64(p.from) {
			return nil, 0 // it has its number, but waits for its turn
		}
	}
	for i := t.runNext - 1; i >= 0 && i >= t.runNext-runLen; i-- {
		if r := &t.runs[i%runLen]; r.seq <= seq {
			return r, seq
		}
	}
	return nil, 0
}

// header appends the RTP header of a picture's i-th packet (RFC 3550 section 5.1) with its extension (RFC 8285 section
// 4.2). All of it follows from its arguments: the same packet made again is the same bytes, as GCM requires. The
// transport-wide number is therefore the sequence number, which it may be as sound, the other stream, has none.
func (t *track) header(b []byte, o *offer.Offer, p *cut.Picture, i int, seq uint64, rtp uint32) []byte {
	n := len(b)
	b = append(b, 0x80, o.PayloadType, byte(seq>>8), byte(seq), 0, 0, 0, 0, 0, 0, 0, 0)
	h := b[n:]
	if i == p.Packets()-1 {
		h[1] |= 0x80
	}
	binary.BigEndian.PutUint32(h[4:], rtp)
	binary.BigEndian.PutUint32(h[8:], t.ssrc)
	delay := o.DelayID != 0 && p.Key
	switch {
	case o.WideID != 0 && delay:
		h[0] |= 0x10
		b = append(b, 0xBE, 0xDE, 0, 2, o.WideID<<4|1, byte(seq>>8), byte(seq), o.DelayID<<4|2, 0, 0, longest(o), 0)
	case o.WideID != 0:
		h[0] |= 0x10
		b = append(b, 0xBE, 0xDE, 0, 1, o.WideID<<4|1, byte(seq>>8), byte(seq), 0)
	case delay:
		h[0] |= 0x10
		b = append(b, 0xBE, 0xDE, 0, 1, o.DelayID<<4|2, 0, 0, longest(o))
	}
	return b
}

// longest is for how long a player may keep the picture, in units of 10 ms: not at all, but half a second if it takes sound too, so that it can have the
// picture wait for that. It does so only while sound comes; up to half a second counts as not at all otherwise (WebRTC's playout-delay extension).
func longest(o *offer.Offer) byte {
	if o.Sound {
		return 50
	}
	return 0
}

// headerLen is the length of what header appends.
func headerLen(o *offer.Offer, p *cut.Picture) int {
	delay := o.DelayID != 0 && p.Key
	switch {
	case o.WideID != 0 && delay:
		return cut.HeaderLen + 12
	case o.WideID != 0 || delay:
		return cut.HeaderLen + 8
	}
	return cut.HeaderLen
}

// history keeps the latest pictures of a layer for retransmission, and its last key picture for those who join.
type history struct {
	info   capture.Layer
	target int // kbit/s it is encoded to; 0: as it says
	ring   [historyLen]*cut.Picture
	count  int    // pictures ever
	next   uint64 // number of the next packet
	key    *cut.Picture
	last   uint32 // timestamp of the latest picture

	asked  int64 // when a key picture was last asked for, in ns; 0: never
	wanted bool  // one is to be asked for again as soon as that is allowed
	broken bool  // a picture was lost before it got here
}

// historyLen pictures are two seconds at 30 a second: older ones are of no use to a viewer that shows them at once.
const historyLen = 64

// kbps is what the layer is encoded to.
func (h *history) kbps() int {
	if h.target > 0 {
		return h.target
	}
	return h.info.Kbps
}

// push numbers a picture's packets and stores it.
func (h *history) push(p *cut.Picture) {
	p.First = h.next
	h.next += uint64(p.Packets())
	h.ring[h.count%historyLen] = p
	h.count++
	h.last = p.RTP
	if p.Key {
		h.key, h.wanted = p, false
	}
}

// latest is the latest picture; nil: none.
func (h *history) latest() *cut.Picture {
	if h.count == 0 {
		return nil
	}
	return h.ring[(h.count-1)%historyLen]
}

// find returns the picture that holds a packet, or nil when it is too old.
func (h *history) find(number uint64) *cut.Picture {
	for i := h.count - 1; i >= 0 && i >= h.count-historyLen; i-- {
		p := h.ring[i%historyLen]
		if number >= p.First {
			if number < p.First+uint64(p.Packets()) {
				return p
			}
			return nil
		}
	}
	return nil
}
