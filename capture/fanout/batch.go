package fanout

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/burst"
	"edgekit.internal/capture/fanout/internal/cut"
	"edgekit.internal/capture/fanout/internal/tcp"
)

// flush sends what waits in the viewers' rings, a picture of each in turn, until nothing does, the socket is full, or who shares
// the network has had what it carries for now.
func (x *sender) flush() {
	if x.blocked {
		x.reset()
	}
	x.pace.Fill(x.server.clock())
	held := -1 // who is to be first next time
	for more := true; more; {
		more = false
		for i := range x.playing {
			at := (x.turn + i) % len(x.playing)
			v := x.playing[at]
			t := &v.track
			to := v.remote.Load()
			if t.built == t.count || to == nil || to.udp != nil && x.blocked {
				continue
			}
			if !t.seat.apart && (held >= 0 || !x.pace.May()) {
				if held < 0 {
					held = at
				}
				continue
			}
			switch {
			case to.tcp != nil:
				more = x.stream(v, to.tcp) && t.count > 0 || more
			case x.build(v, to, t.at(t.built)):
				t.built++
				more = more || t.built < t.count
			}
		}
	}
	if !x.blocked && x.submit() && held >= 0 {
		x.turn = held
	}
}

// stream hands a viewer's next picture to its connection, or as much of it as there is room for; the rest waits in the viewer's
// ring, where it can be skipped. It reports whether that was all.
func (x *sender) stream(v *Viewer, conn *tcp.Conn) bool {
	t := &v.track
	if t.built > 0 {
		return false // what is in the batch comes first: the viewer has moved just now
	}
	p := t.at(0)
	over := tcp.Header + headerLen(&v.offer, p.pic) + t.media.Overhead()
	b, bytes, n := x.framed[:0], 0, p.from
	for ; n < p.pic.Packets() && conn.Room(len(b)+over+len(p.pic.Payload(n))); n++ {
		if !p.started {
			t.number(p)
		}
		from := len(b)
		b = append(b, 0, 0)
		b = x.packet(b, v, p.pic, n, p.seq+uint64(n), p.rtp)
		binary.BigEndian.PutUint16(b[from:], uint16(len(b)-from-tcp.Header))
		bytes += len(p.pic.Payload(n))
	}
	x.framed = b[:0]
	if n == p.from {
		return false
	}
	conn.PutFrames(b) // if it was closed just now, they are lost like packets on the air
	if !t.seat.apart {
		x.pace.Spend(len(b))
	}
	p.made = n
	x.tally(v, p, n-p.from, bytes)
	return x.done(v)
}

// build puts a picture into the batch, which is sent whenever it is full. It reports false when the socket is.
func (x *sender) build(v *Viewer, to *remote, p *pending) bool {
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
			x.arena = x.packet(x.arena, v, p.pic, i, p.seq+uint64(i), p.rtp)
		}
		p.made += n
		x.add(v, to, from, size, share{viewer: v, packets: n, picture: true})
	}
	return true
}

// packet appends one packet to b.
func (x *sender) packet(b []byte, v *Viewer, p *cut.Picture, i int, seq uint64, rtp uint32) []byte {
	t := &v.track
	from := len(b)
	b = slices.Grow(b, cut.MaxPacket)
	header := t.header(b[from:], &v.offer, p, i, seq, rtp)
	return b[:from+len(t.media.Seal(header, p.Payload(i), t.ssrc, seq))]
}

// answer serves feedback: packets to send again, a key picture to ask for.
func (x *sender) answer(f feedback) {
	v := f.viewer
	t := &v.track
	if t.media == nil || v.ctx.Err() != nil {
		return
	}
	if h := x.layers[t.on]; f.picture && h != nil {
		x.ask(h)
	}
	to := v.remote.Load()
	for i, n := range f.nacks {
		if t.tokens == 0 || x.tokens == 0 || !x.takes(to, cut.MaxPacket) {
			x.server.count.resendDenied.Add(uint64(len(f.nacks) - i))
			return
		}
		if !x.again(v, to, n) {
			x.server.count.gone.Add(1)
			continue
		}
		t.tokens--
		x.tokens--
		v.count.resent.Add(1)
		x.server.count.resent.Add(1)
	}
}

// again puts a packet that was sent into the batch once more, the same bytes (RFC 4588 is not used: a browser takes a
// retransmission on the stream itself as well).
func (x *sender) again(v *Viewer, to *remote, n uint16) bool {
	t := &v.track
	r, seq := t.sent(n)
	if r == nil {
		return false
	}
	p, i, rtp := r.replay, int(seq-r.seq), r.rtp
	if p == nil {
		h := x.layers[r.layer]
		if h == nil {
			return false
		}
		number := r.number + seq - r.seq
		if p = h.find(number); p == nil {
			return false
		}
		i, rtp = int(number-p.First), p.RTP
	}
	if i >= p.Packets() {
		return false
	}
	from := len(x.arena)
	x.arena = x.packet(x.arena, v, p, i, seq, rtp)
	x.add(v, to, from, 0, share{viewer: v, packets: 1})
	v.path.Resent(seq)
	return true
}

// takes says whether a packet of at most n bytes can be sent to where a viewer is reached, and makes room for it.
func (x *sender) takes(to *remote, n int) bool {
	switch {
	case to == nil:
		return false
	case to.tcp != nil:
		return to.tcp.Room(tcp.Header+n) && x.room(n)
	}
	return !x.blocked && x.room(n)
}

// room makes sure that the arena has n bytes left, sending the batch when it has not.
func (x *sender) room(n int) bool {
	return cap(x.arena)-len(x.arena) >= n || x.submit()
}

// add makes a message of the arena's bytes from an offset on, or hands them, one packet, to the viewer's connection.
func (x *sender) add(v *Viewer, to *remote, from, segment int, s share) {
	if !v.track.seat.apart {
		x.pace.Spend(len(x.arena) - from)
	}
	if to.tcp != nil {
		to.tcp.Put(x.arena[from:]) // if it was closed just now, it is lost like a packet on the air
		x.arena = x.arena[:from]
		return
	}
	x.messages = append(x.messages, burst.Message{To: to.udp, Data: x.arena[from:len(x.arena):len(x.arena)], Segment: segment})
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
	x.done(v)
}

// done takes a viewer's first picture off its ring if all of it has gone, and reports whether that is so.
func (x *sender) done(v *Viewer) bool {
	t := &v.track
	p := t.at(0)
	if p.from < p.pic.Packets() {
		return false
	}
	*p = pending{}
	t.head = (t.head + 1) % ringLen
	t.count--
	t.built = max(t.built-1, 0)
	return true
}

// tally counts packets of a picture that have gone.
func (x *sender) tally(v *Viewer, p *pending, packets, payload int) {
	t := &v.track
	first := p.seq + uint64(p.from)
	p.from += packets
	t.packets += uint64(packets)
	t.octets += uint64(payload) // RFC 3550 section 6.4.1: payload alone
	all := uint64(payload + packets*(headerLen(&v.offer, p.pic)+t.media.Overhead()))
	v.path.Sent(first, packets, int(all), x.server.clock())
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

// sound puts a packet of sound into the batch for all who listen.
func (x *sender) sound(p capture.Sound) {
	for _, v := range x.playing {
		switch {
		case !v.offer.Sound || !v.voice.On():
		case v.track.idle:
			v.voice.Pause()
		default:
			x.speak(v, p)
		}
	}
}

// speak puts it in for one. A packet for which the socket has no room is lost, number and all, so that the player looks for it in the next.
func (x *sender) speak(v *Viewer, p capture.Sound) {
	seq := v.voice.Number()
	to := v.remote.Load()
	if !x.takes(to, cut.HeaderLen+len(p.Data)+v.track.media.Overhead()) {
		x.server.count.soundLate.Add(1)
		return
	}
	from := len(x.arena)
	header := v.voice.Header(x.arena[from:], v.offer.SoundType, seq, p.RTP)
	x.arena = x.arena[:from+len(v.track.media.Seal(header, p.Data, v.voice.SSRC, seq))]
	x.add(v, to, from, 0, share{viewer: v, packets: 1})
	v.voice.Sent(len(p.Data))
	x.server.count.sounds.Add(1)
}

// reportSound puts a sender report for a viewer's sound into the batch, if one is due. It is by the same clock and CNAME as that for the
// picture: from both a player knows what belongs together (RFC 3550 section 6.4.1).
func (x *sender) reportSound(v *Viewer, now time.Duration) {
	to := v.remote.Load()
	if !x.takes(to, cut.MaxPacket) {
		return
	}
	packets, octets, due := v.voice.Due(now, reportEvery)
	if !due {
		return
	}
	var plain [64]byte
	from := len(x.arena)
	report := senderReport(plain[:0], now, v.voice.SSRC, capture.SoundTimestamp(now), packets, octets)
	sealed, err := v.track.control.EncryptRTCP(x.arena[from:from:cap(x.arena)], report, nil)
	if err != nil {
		v.cancel(errors.Join(ErrLeft, err)) // 2^31 reports: the keys are used up
		return
	}
	x.arena = x.arena[:from+len(sealed)]
	x.add(v, to, from, 0, share{viewer: v})
}
