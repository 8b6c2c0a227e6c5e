package fanout

import (
	"errors"
	"slices"

	"edgekit.internal/capture/fanout/internal/burst"
	"edgekit.internal/capture/fanout/internal/cut"
)

// flush sends what waits in the viewers' rings, a picture of each in turn, until nothing does or the socket is full.
func (x *sender) flush() {
	if x.blocked {
		x.reset()
		return
	}
	for more := true; more; {
		more = false
		for i := range x.playing {
			v := x.playing[(x.turn+i)%len(x.playing)]
			t := &v.track
			if t.built == t.count {
				continue
			}
			if !x.build(v, t.at(t.built)) {
				return
			}
			t.built++
			more = more || t.built < t.count
		}
	}
	x.submit()
}

// build puts a picture into the batch, which is sent whenever it is full. It reports false when the socket is.
func (x *sender) build(v *Viewer, p *pending) bool {
	t := &v.track
	if !p.started {
		t.number(p)
	}
	over := headerLen(&v.offer, p.pic) + t.media.Overhead()
	for p.made < p.pic.Packets() {
		size := over + len(p.pic.Payload(p.made))
		n := min(p.pic.Train(p.made), burst.MaxSegments, burst.MaxTrain/size)
		if !x.room(n * size) {
			return false
		}
		from := len(x.arena)
		for i := p.made; i < p.made+n; i++ {
			x.packet(v, p.pic, i, p.seq+uint64(i), p.rtp)
		}
		p.made += n
		x.add(v, from, size, share{viewer: v, packets: n, picture: true})
	}
	return true
}

// packet writes one packet into the arena.
func (x *sender) packet(v *Viewer, p *cut.Picture, i int, seq uint64, rtp uint32) {
	t := &v.track
	from := len(x.arena)
	header := t.header(x.arena[from:], &v.offer, p, i, seq, rtp)
	x.arena = x.arena[:from+len(t.media.Seal(header, p.Payload(i), t.ssrc, seq))]
}

// room makes sure that the arena has n bytes left, sending the batch when it has not.
func (x *sender) room(n int) bool {
	return cap(x.arena)-len(x.arena) >= n || x.submit()
}

// add makes a message of the arena's bytes from an offset on.
func (x *sender) add(v *Viewer, from, segment int, s share) {
	x.messages = append(x.messages, burst.Message{To: v.remote.Load(), Data: x.arena[from:len(x.arena):len(x.arena)], Segment: segment})
	x.shares = append(x.shares, s)
}

// submit sends the batch. It reports false when the socket is full: what is left is made again later, with the same
// numbers, and somebody waits for the socket meanwhile.
func (x *sender) submit() bool {
	c := &x.server.count
	for at := 0; at < len(x.messages); {
		c.calls.Add(1)
		done, err := x.wire.Send(x.messages[at:])
		for _, s := range x.shares[at : at+done] {
			x.credit(s)
		}
		at += done
		switch {
		case err == nil:
		case errors.Is(err, burst.ErrBlocked):
			c.blocked.Add(1)
			x.partly(at)
			x.blocked, x.turn = true, max(slices.Index(x.playing, x.shares[at].viewer), 0)
			go func() { x.writable <- x.wire.WaitWritable() }()
			x.reset()
			return false
		default:
			// No route, or a firewall: lost like a packet on the air, and consent ends what stays so.
			c.sendErrors.Add(1)
			x.credit(x.shares[at])
			at++
		}
	}
	x.reset()
	return true
}

// credit takes note that a message has gone.
func (x *sender) credit(s share) {
	v := s.viewer
	t := &v.track
	if !s.picture || t.count == 0 {
		return
	}
	p := t.at(0)
	bytes := 0
	for i := p.from; i < p.from+s.packets; i++ {
		bytes += len(p.pic.Payload(i))
	}
	x.tally(v, p, s.packets, bytes)
	if p.from == p.pic.Packets() {
		*p = pending{}
		t.head = (t.head + 1) % ringLen
		t.count--
		t.built = max(t.built-1, 0)
	}
}

// tally counts packets of a picture that have gone.
func (x *sender) tally(v *Viewer, p *pending, packets, payload int) {
	t := &v.track
	p.from += packets
	t.packets += uint64(packets)
	t.octets += uint64(payload) // RFC 3550 section 6.4.1: payload alone
	all := uint64(payload + packets*(headerLen(&v.offer, p.pic)+t.media.Overhead()))
	v.count.packets.Add(uint64(packets))
	v.count.bytes.Add(all)
	x.server.count.packets.Add(uint64(packets))
	x.server.count.bytes.Add(all)
}

// partly takes note of how much of a message that is cut apart here has gone.
func (x *sender) partly(at int) {
	m, s := &x.messages[at], x.shares[at]
	if !s.picture || m.Segment == 0 || s.viewer.track.count == 0 {
		return
	}
	left := (len(m.Data) + m.Segment - 1) / m.Segment
	p := s.viewer.track.at(0)
	bytes := 0
	for i := p.from; i < p.from+s.packets-left; i++ {
		bytes += len(p.pic.Payload(i))
	}
	x.tally(s.viewer, p, s.packets-left, bytes)
}

// reset empties the batch; what of it was not sent is made again.
func (x *sender) reset() {
	for _, s := range x.shares {
		t := &s.viewer.track
		for i := range min(t.built+1, t.count) {
			p := t.at(i)
			p.made = p.from
		}
		t.built = 0
	}
	clear(x.messages) // lets go of addresses
	x.arena, x.messages, x.shares = x.arena[:0], x.messages[:0], x.shares[:0]
}
