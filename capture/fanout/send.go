package fanout

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/pion/srtp/v3"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/air"
	"edgekit.internal/capture/fanout/internal/burst"
	"edgekit.internal/capture/fanout/internal/cut"
	"edgekit.internal/capture/fanout/internal/seal"
	"edgekit.internal/capture/fanout/internal/tcp"
)

// Bounds of the sender.
const (
	arenaLen  = 512 << 10 // bytes of one batch
	maxLayers = 8

	askEvery    = 250 * time.Millisecond // least time between two requests for a key picture of a layer
	askScarce   = time.Second            // and where the network is full, of which each takes much
	tickEvery   = 250 * time.Millisecond
	reportEvery = time.Second // between sender reports

	viewerTokens = 64   // packets a viewer may have sent again in a tick, twice that at once
	allTokens    = 1024 // and all viewers together
)

// published is a picture on its way to the sender.
type published struct {
	au  capture.AccessUnit
	gap bool // pictures of its layer before it were dropped
}

// wire is what the sender needs of the socket.
type wire interface {
	Send([]burst.Message) (done int, err error)
	WaitWritable() error
}

// sender owns what is sent to whom. All its methods run in its goroutine.
type sender struct {
	server  *Server
	wire    wire
	layers  map[uint8]*history
	playing []*Viewer
	turn    int // who is served first
	tokens  int
	born    int // layers ever

	governor governor
	pace     air.Pace

	framed   []byte // packets of one picture on their way to a TCP connection
	arena    []byte // the batch: packets, one after another
	messages []burst.Message
	shares   []share

	blocked  bool // the UDP socket is full, and somebody waits for it
	writable chan error
}

// share says what a message of the batch is a part of.
type share struct {
	viewer  *Viewer
	packets int
	picture bool // of the viewer's ring; otherwise sent once and forgotten
}

func newSender(s *Server, w wire) *sender {
	return &sender{
		server: s, wire: w, layers: map[uint8]*history{}, tokens: allTokens,
		arena: make([]byte, 0, arenaLen), framed: make([]byte, 0, tcp.Header+cut.MaxPacket), writable: make(chan error, 1), pace: air.NewPace(),
	}
}

// send runs the sender until work ends.
func (s *Server) send(work context.Context) error {
	x := newSender(s, s.conn)
	defer x.pace.Due.Stop()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case p := <-s.pictures:
			x.spread(p)
		case p := <-s.sounds:
			x.sound(p)
		case f := <-s.commands:
			f(x)
		case f := <-s.feedback:
			x.answer(f)
		case <-tick.C:
			x.tick(s.clock())
		case err := <-x.writable:
			x.blocked = false
			if err != nil && work.Err() == nil {
				return err
			}
		case <-s.drained:
		case <-x.pace.Due.C:
			x.pace.Waits = false
		case <-work.Done():
			if x.blocked {
				<-x.writable // the socket is interrupted as work ends
			}
			return nil
		}
		x.flush()
	}
}

// spread gives a new picture to all who are to see it.
func (x *sender) spread(in published) {
	h := x.layers[in.au.Layer]
	if h == nil {
		if len(x.layers) == maxLayers {
			x.server.count.tooLarge.Add(1)
			return
		}
		h = x.history(capture.Layer{ID: in.au.Layer})
		x.layers[in.au.Layer] = h
		x.settle()
	}
	p := cut.Packetise(in.au)
	if p.Packets() == 0 {
		x.server.count.tooLarge.Add(1)
		h.broken = true
		return
	}
	gap := in.gap || h.broken
	h.broken = false
	h.push(p)
	if p.SPS != nil {
		x.server.sps.Store(&p.SPS)
	}
	waiting := false
	for _, v := range x.playing {
		t := &v.track
		switch {
		case t.idle:
			if p.Layer == t.on {
				v.due.Store(int64(x.server.clock()))
			}
			continue
		case p.Layer == t.want && t.want != t.on:
			if !p.Key {
				waiting = true
				continue
			}
			t.on, t.live = t.want, true
			v.count.layer.Store(uint32(t.on))
		case p.Layer != t.on:
			continue
		case p.Key:
			t.live = true
		case gap:
			t.live = false
		}
		if !t.live {
			waiting = x.mayAsk(v) || waiting
			continue
		}
		x.queue(v, h, p, p.RTP)
	}
	if waiting || h.wanted {
		x.ask(h)
	}
}

// history starts a layer. Its packet numbers are like no other's before it: under the number of a packet that was sent
// nothing else may ever be sent again.
func (x *sender) history(l capture.Layer) *history {
	x.born++
	return &history{info: l, next: uint64(x.born) << 40}
}

// queue puts a picture into a viewer's ring. One that is full means that the viewer's share of the air is too small, or
// that it has gone: it skips to the next key picture. It reports whether the picture is in it.
func (x *sender) queue(v *Viewer, h *history, p *cut.Picture, rtp uint32) bool {
	t := &v.track
	if t.push(p, rtp) {
		v.due.Store(int64(x.server.clock()))
		return true
	}
	t.drop()
	t.live = false
	conn := v.remote.Load().overTCP()
	t.choked = conn != nil && !conn.Room(tcp.Header+cut.MaxPacket)
	v.count.skipped.Add(1)
	x.server.count.skipped.Add(1)
	if x.mayAsk(v) {
		x.ask(h)
	}
	return false
}

// mayAsk says whether a key picture may be asked for on account of a viewer that waits for one. Where its own TCP connection took no
// more, it is of no use before that does; and the others, for whom a key picture means fewer bits for all between, are not to pay for
// it over and over. Any that is made for somebody else will do as well.
func (x *sender) mayAsk(v *Viewer) bool {
	t := &v.track
	conn := v.remote.Load().overTCP()
	if conn == nil || !t.choked {
		return true
	}
	now := x.server.clock()
	if now < t.patient || !conn.Room(tcp.Header+cut.MaxPacket) {
		return false
	}
	t.patient = now + askScarce
	return true
}

// ask asks for a key picture of a layer, now or as soon as the last request is old enough.
func (x *sender) ask(h *history) {
	now, every := int64(x.server.clock()), int64(askEvery)
	if x.pace.Rate > 0 {
		every = int64(askScarce)
	}
	if h.asked != 0 && now-h.asked < every {
		h.wanted = true
		return
	}
	h.asked, h.wanted = now, false
	x.server.count.keyframes.Add(1)
	x.server.config.WantKeyframe(h.info.ID)
}

// join starts a viewer.
func (x *sender) join(v *Viewer, media *seal.Sealer, control *srtp.Context) {
	if v.ctx.Err() != nil {
		return
	}
	t := &v.track
	t.media, t.control, t.tokens = media, control, 2*viewerTokens
	x.playing = append(x.playing, v)
	x.enter(v)
	t.on = t.want
	if x.layers[t.on] == nil {
		x.settle()
		return
	}
	x.begin(v)
}

// begin shows a viewer the last key picture of its layer at once, stamped as if it were new, and has a new one made
// from which it goes on. When the last one is the latest picture as well, it goes on from there.
func (x *sender) begin(v *Viewer) {
	t := &v.track
	t.live = false
	v.count.layer.Store(uint32(t.on))
	h := x.layers[t.on]
	if h == nil {
		return
	}
	if h.key != nil {
		if x.queue(v, h, h.key, h.last) && h.key == h.latest() {
			t.live = true
			return
		}
	}
	x.ask(h)
}

// leave forgets a viewer.
func (x *sender) leave(v *Viewer) {
	x.playing = slices.DeleteFunc(x.playing, func(o *Viewer) bool { return o == v })
	v.track.count, v.track.ring = 0, [ringLen]pending{}
}

// setLayer changes the layer that a viewer wants, for good.
func (x *sender) setLayer(v *Viewer, id uint8) {
	h := x.layers[id]
	if h == nil {
		return
	}
	v.track.pinned = true
	x.governor.climb(x.layers)
	at := max(slices.Index(x.governor.ladder, h), 0)
	v.track.seat.own, v.track.seat.given = at, at
	if v.track.want = id; v.track.on != id && v.track.media != nil {
		x.ask(h)
	}
}

// setLayers takes note of the layers there are.
func (x *sender) setLayers(layers []capture.Layer) {
	kept := map[uint8]*history{}
	for _, l := range layers[:min(len(layers), maxLayers)] {
		h := x.layers[l.ID]
		if h == nil {
			h = x.history(l)
		}
		h.info, h.target = l, 0
		kept[l.ID] = h
	}
	x.layers = kept
	x.governor.scale = 0 // a new encoder has the rates it was started with
	x.settle()
}

// settle moves viewers whose layer does not exist to the first that does.
func (x *sender) settle() {
	if len(x.layers) == 0 {
		return
	}
	first := uint8(255)
	for id := range x.layers {
		first = min(first, id)
	}
	for _, v := range x.playing {
		t := &v.track
		if x.layers[t.want] == nil {
			t.want = first
		}
		if x.layers[t.on] == nil {
			t.on = t.want
			x.begin(v)
		}
	}
}

// tick does what time brings: budgets, sender reports, and viewers that fall silent or speak again.
func (x *sender) tick(now time.Duration) {
	x.tokens = x.mayAgain()
	for _, v := range x.playing {
		t := &v.track
		again := t.mayAgain()
		t.tokens = min(t.tokens+again, 2*again)
		quiet := x.server.config.Quiet
		if t.idle || t.seat.told && t.seat.sign.Sent > 0 { // of pictures it speaks many times a second while it is there
			quiet = min(quiet, told)
		}
		idle := now-time.Duration(v.heard.Load()) > quiet
		if idle != t.idle {
			t.idle = idle
			if idle {
				t.drop()
				x.server.count.paused.Add(1)
			} else {
				x.begin(v)
			}
		}
		if !idle && now-t.reported >= reportEvery && x.takes(v.remote.Load(), cut.MaxPacket) {
			t.reported = now
			x.report(v, now)
		}
		x.reportSound(v, now)
	}
	x.govern(now)
	for _, h := range x.layers {
		if h.wanted {
			x.ask(h)
		}
	}
}

// report puts a sender report into the batch.
func (x *sender) report(v *Viewer, now time.Duration) {
	var plain [64]byte
	from := len(x.arena)
	sealed, err := v.track.control.EncryptRTCP(x.arena[from:from:cap(x.arena)], senderReport(plain[:0], now, v.track.ssrc, capture.Timestamp(now), v.track.packets, v.track.octets), nil)
	if err != nil {
		v.cancel(errors.Join(ErrLeft, err)) // 2^31 reports: the keys are used up
		return
	}
	x.arena = x.arena[:from+len(sealed)]
	x.add(v, v.remote.Load(), from, 0, share{viewer: v})
}
