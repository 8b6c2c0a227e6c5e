package fanout

import (
	"net/netip"
	"slices"
	"time"

	"edgekit.internal/capture/fanout/internal/air"
	"edgekit.internal/capture/fanout/internal/choose"
	"edgekit.internal/capture/fanout/internal/cut"
	"edgekit.internal/capture/fanout/internal/path"
)

// Bounds of what one viewer's bad way may cost.
const (
	tooLate   = time.Second     // a queue that long is not waited for: the viewer goes on with the next key picture
	skipEvery = 4 * time.Second // but not over and over
	farthest  = 20              // times what a bit to the nearest takes: a link's rate that was not used for long may be anything
	worse     = 2               // a queue so many times the usual one is a viewer's own
	lately    = 3 * time.Second // for so long what all had in common explains what one has
	blame     = 2 * time.Second // and for so long before
	told      = 1500 * time.Millisecond
	carries   = 0.45 // of a radio's bit rate is what it carries in pictures, gaps between packets and answers taken off
)

// seat is what the governor keeps of a viewer.
type seat struct {
	own, given int           // layers, as places in the ladder
	before     int           // what own was when its way was blamed
	blamed     time.Duration // when that was last; 0: never
	sign       path.Signs    // at the last judgement
	told       bool          // transport-wide feedback comes from it
	apart      bool          // it is in another network than the one that is governed
	skips      uint64        // times its ring was full
	full       uint64        // of these, those that were its own doing
	skipped    time.Duration // when its way was last so late that it had to skip
	remote     *remote
}

// governor is the sender's part in sharing the network.
type governor struct {
	air    air.Governor
	links  map[netip.Addr]int // bit rates of the radio's links in kbit/s, by the viewers' addresses; nil: not known
	at     time.Duration
	scale  float64       // of the layers' rates; 0: 1
	common time.Duration // when all last had a queue in common; 0: never
	entry  int           // where who joins begins in the ladder

	ladder []*history // largest first
	rates  []int      // their kbit/s
	seats  []air.Seat
	who    []*Viewer
}

// SetLinks tells what bit rate the kit's own radio has to each phone in its network, in kbit/s, by the phone's address: one
// that is far takes more of the air for the same picture. Nil, or all zero: not known. Viewers without one are in another network.
func (s *Server) SetLinks(links map[netip.Addr]int) {
	kept := map[netip.Addr]int{}
	for a, kbps := range links {
		if kbps > 0 {
			kept[a.Unmap()] = kbps
		}
	}
	s.command(func(x *sender) { x.governor.links = kept })
}

// govern shares what the network carries, twice a second.
func (x *sender) govern(now time.Duration) {
	g := &x.governor
	if now-g.at < air.Every {
		return
	}
	g.at = now
	g.climb(x.layers)
	if len(g.ladder) == 0 {
		x.pace.Rate = 0
		return
	}
	x.look(now)
	if g.air.Judge(now, g.seats) {
		if g.common == 0 || now-g.common > lately {
			x.forgive(now)
		}
		g.common = now
	}
	excused := time.Duration(-1) // the longest queue that all have in common; below 0: none
	if g.common != 0 && now-g.common < lately {
		excused = worse*g.usual() + choose.BadQueue
	}
	for _, v := range x.playing {
		if !v.track.idle {
			x.choose(v, now, excused)
		}
	}
	for i, v := range g.who {
		g.seats[i].Own, g.seats[i].Layer = v.track.seat.own, v.track.seat.given
	}
	scale := g.air.Share(now, g.rates, g.seats)
	g.entry = 0
	for i, v := range g.who {
		v.track.seat.given = g.seats[i].Layer
		g.entry = max(g.entry, g.seats[i].Layer)
	}
	if g.air.Rate() == 0 {
		g.entry = 0
	}
	x.encode(scale)
	x.server.count.tell(&g.air, scale)
	x.pace.Rate = g.pace()
	for _, v := range x.playing {
		x.seat(v)
	}
}

// forgive gives back what viewers' own ways were blamed for just before it was seen that all have it in common.
func (x *sender) forgive(now time.Duration) {
	for _, v := range x.playing {
		if s := &v.track.seat; s.blamed != 0 && now-s.blamed <= blame {
			s.own, s.blamed = s.before, 0
		}
	}
}

// climb puts the layers in order of their rates. Those whose rate is not known are nobody's choice.
func (g *governor) climb(layers map[uint8]*history) {
	g.ladder, g.rates = g.ladder[:0], g.rates[:0]
	for _, h := range layers {
		if h.info.Kbps > 0 {
			g.ladder = append(g.ladder, h)
		}
	}
	slices.SortFunc(g.ladder, func(a, b *history) int { return b.info.Kbps - a.info.Kbps })
	for _, h := range g.ladder {
		g.rates = append(g.rates, h.info.Kbps)
	}
}

// look takes note of how all viewers do, and who shares the network that is governed: all, or those on the kit's own radio
// where its links are known.
func (x *sender) look(now time.Duration) {
	g := &x.governor
	g.seats, g.who = g.seats[:0], g.who[:0]
	fastest := 0
	for _, kbps := range g.links {
		fastest = max(fastest, kbps)
	}
	g.air.SetAir(carries * float64(fastest))
	for _, v := range x.playing {
		t := &v.track
		r := v.remote.Load()
		if r != t.seat.remote {
			if t.seat.remote != nil {
				v.path.Moved()
			}
			t.seat.remote = r
		}
		t.seat.sign = v.path.Signs(now)
		t.seat.told = t.seat.told || t.seat.sign.Told
		if t.idle || r == nil {
			continue
		}
		cost := 1.0
		t.seat.apart = false
		if fastest > 0 {
			link := g.links[r.addr.Addr().Unmap()]
			if link == 0 {
				t.seat.apart = true
				continue
			}
			cost = min(farthest, float64(fastest)/float64(link))
		}
		s := t.seat.sign
		g.seats = append(g.seats, air.Seat{Cost: cost, Told: s.Told, Queue: s.Queue, Lost: s.Lost, Sent: s.Sent, Delivered: s.Delivered})
		g.who = append(g.who, v)
	}
}

// usual is the queue that half of the viewers have at least.
func (g *governor) usual() time.Duration {
	queues := make([]time.Duration, 0, len(g.seats))
	for _, s := range g.seats {
		if s.Told {
			queues = append(queues, s.Queue)
		}
	}
	if len(queues) == 0 {
		return 0
	}
	slices.Sort(queues)
	return queues[len(queues)/2]
}

// choose finds the layer that a viewer's own way takes. A queue that is no longer than what is excused is nobody's own; below 0:
// none is.
func (x *sender) choose(v *Viewer, now, excused time.Duration) {
	t := &v.track
	s := t.seat.sign
	p := choose.Path{Sent: v.count.packets.Load(), Nacks: v.count.lacking.Load(), Loss: v.count.loss.Load(), RTT: time.Duration(v.count.rtt.Load()),
		Told: s.Told, Lost: s.Lost, Queue: s.Queue, Delivered: s.Delivered}
	skips := v.count.skipped.Load()
	if x.pace.Rate == 0 || t.seat.apart { // else it is the pace's doing
		t.seat.full += skips - t.seat.skips
	}
	t.seat.skips, p.Skipped = skips, t.seat.full
	if s.Queue <= excused {
		t.choice.Excuse(now, p)
		return
	}
	verdict := t.choice.Judge(now, p)
	if s.Told && s.Queue > tooLate && now-t.seat.skipped > skipEvery {
		t.seat.skipped = now
		x.skip(v)
	}
	if t.pinned || t.on != t.want { // one step at a time
		return
	}
	switch {
	case verdict.Way > 0 && t.seat.own > 0 && t.seat.given == t.seat.own:
		t.seat.own--
		t.choice.Moved(now, 1)
	case verdict.Way < 0:
		if t.seat.blamed == 0 || now-t.seat.blamed > blame {
			t.seat.before = t.seat.own
		}
		t.seat.blamed = now
		t.seat.own = min(max(t.seat.own, t.seat.given)+1, len(x.governor.ladder)-1)
		for t.seat.own+1 < len(x.governor.ladder) && verdict.Most > 0 && x.governor.ladder[t.seat.own].kbps() > verdict.Most {
			t.seat.own++
		}
	}
}

// resent is the share of what a network carries that may go to packets which are sent again, where it is full: it had better
// be filled with what is new.
const resent = 0.1

// mayAgain is how many packets may be sent again in a tick.
func (x *sender) mayAgain() int {
	if x.pace.Rate == 0 {
		return allTokens
	}
	return min(allTokens, repeats(x.pace.Rate))
}

// mayAgain is how many of these a viewer may have: few where a queue stands in its way, which only gets longer by them.
func (t *track) mayAgain() int {
	if s := t.seat.sign; s.Queue > choose.BadQueue {
		return min(viewerTokens, repeats(float64(s.Delivered)*1000/8))
	}
	return viewerTokens
}

// repeats are how many packets of so many bytes a second may be sent again in a tick.
func repeats(rate float64) int { return 1 + int(resent*rate*tickEvery.Seconds()/cut.MaxPacket) }

// skip lets go of what waits for a viewer, which goes on with the next key picture.
func (x *sender) skip(v *Viewer) {
	v.track.drop()
	v.track.live = false
	v.count.skipped.Add(1)
	x.server.count.skipped.Add(1)
	if h := x.layers[v.track.on]; h != nil {
		x.ask(h)
	}
}

// encode has all layers encoded to a share of their rates.
func (x *sender) encode(scale float64) {
	g := &x.governor
	if was := g.scale; scale == was || was == 0 && scale == 1 || scale < 1 && was != 0 && scale > was*0.95 && scale < was*1.05 {
		return // an encoder need not hear of each percent
	}
	g.scale = scale
	for _, h := range g.ladder {
		h.target = int(float64(h.info.Kbps) * scale)
		x.server.config.SetBitrate(h.info.ID, h.target)
	}
}

// pace is how fast all may be sent together, in bytes a second; 0: as fast as it comes. A key picture for everybody would
// else stand in a radio's queue, and taps behind it.
func (g *governor) pace() float64 {
	rate := g.air.Rate()
	var kbps, cost float64
	for _, s := range g.seats {
		kbps += float64(g.rates[s.Layer])
		cost += float64(g.rates[s.Layer]) * s.Cost
	}
	if rate == 0 || cost == 0 {
		return 0
	}
	return rate * kbps / cost * 1000 / 8
}

// seat puts a viewer where it is to be.
func (x *sender) seat(v *Viewer) {
	t, g := &v.track, &x.governor
	if t.pinned || t.idle {
		return
	}
	at := t.seat.own
	if slices.Contains(g.who, v) {
		at = t.seat.given
	}
	if h := g.ladder[min(at, len(g.ladder)-1)]; h.info.ID != t.want {
		t.want = h.info.ID
		x.ask(h)
	}
}

// enter gives who joins a place: where the network is full, among those who have least.
func (x *sender) enter(v *Viewer) {
	t, g := &v.track, &x.governor
	g.climb(x.layers)
	if at := slices.IndexFunc(g.ladder, func(h *history) bool { return h.info.ID == t.want }); at >= 0 {
		t.seat.own, t.seat.given = at, max(at, min(g.entry, len(g.ladder)-1))
		if !t.pinned {
			t.want = g.ladder[t.seat.given].info.ID
		}
	}
}
