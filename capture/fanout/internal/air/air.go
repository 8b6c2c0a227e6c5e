// Package air shares what a network carries between all who watch over it: fewer bits for all rather than stutter for some.
//
// One viewer whose own way is bad is that viewer's matter. Where half of them have a queue in their way at the same
// time, it is the same queue, that of the radio or the cable which all share. Then the governor reckons what came through,
// and keeps what is sent under it: first by encoding everything to fewer bits, then by smaller layers, for those first to
// whom each bit costs most of the air. What it allows creeps up again, the more slowly the nearer it is to where it went wrong.
package air

import (
	"cmp"
	"slices"
	"time"
)

// Every is how often to judge.
const Every = time.Second / 2

// Begin is what is allowed before anything is known, in kbit/s: less than a board's own radio carries.
const Begin = 20000

// Bounds of what the governor does.
const (
	standing = 50 * time.Millisecond // a queue that is a sign, if many have it
	badLoss  = 0.10
	part     = 2 // of the viewers, one in so many: fewer cannot make it seem so
	elders   = 4 // and of those who came first, one in so many, most of them

	rise = 0.30 // by so much more than Begin a second, until it goes wrong

	most  = 0.70 // of what came through, while the queue stands; less, the longer it is
	least = 0.20
	use   = 0.80 // and afterwards: key pictures, taps and pages want room too

	settle   = 3 * Every / 2   // until less that is sent can be seen
	patience = 3 * time.Second // and for a queue to go by it
	episode  = 5 * time.Second // after which a queue is a new one

	grow    = 0.08 // of the allowance, a second
	creep   = 0.01 // the same, near to where it went wrong
	firm    = 0.02 // and that after so long without trouble
	peace   = 15 * time.Second
	beyond  = 1.10 // that is up to so far beyond it
	gently  = 0.04 // and where only a larger layer would use it,
	untried = 1.25 // up to so many times what went well before
	run     = 0.20 // and further on: it is another network now
	fewer   = 0.60 // of what was reckoned is the least that is reckoned next: a queue that is about to be gone carries little

	soft = 0.60 // of its full rate is the least that a layer has before smaller layers are given
	hard = 0.30 // and the least at all
	full = 0.70 // of the full rate is left to all when some get a larger layer again

	calm = 3 * time.Second // without a change, before some do

	holdFirst = 8 * time.Second   // without trouble, before room is made for a larger layer that nothing has tried
	holdMost  = 128 * time.Second // and where that has failed again and again
	trial     = 6 * time.Second   // trouble sooner after it was given says that it was too much
	forget    = time.Minute       // and none for so long that it was not
)

// Seat is a viewer.
type Seat struct {
	Own  int     // the layer that its own way takes; 0 is the largest
	Cost float64 // what a kbit to it takes of the air, where the cheapest is 1

	// Since the last judgement.
	Told      bool
	Queue     time.Duration
	Lost      float64
	Sent      int // kbit/s
	Delivered int // kbit/s that arrived

	Layer int // that it is to have. Who calls keeps it from one Share to the next; it begins at Own
}

// Governor has the zero value ready. It is not safe for concurrent use.
type Governor struct {
	allowed float64 // kbit/s, each times its cost; 0: Begin
	proved  float64 // what was sent without trouble
	wrong   float64 // what came through when it last went wrong; 0: it never did
	bad     bool    // a queue stands
	at      time.Duration
	cut     time.Duration // when less was last allowed
	changed time.Duration // when layers last were
	rose    time.Duration // when somebody was last given a larger one; 0: never, or long enough ago
	hold    time.Duration
	air     float64 // see SetAir
	wanted  float64 // by the layers that all have, at their full rates
	hungry  bool    // somebody's own way takes a larger layer than it has
	floor   float64 // what all take who have the smallest layer at the least rate: a picture that moves
}

// SetAir tells what the radio should be able to take, of kbit/s times cost; 0: not known. It counts until something is known
// by trying.
func (g *Governor) SetAir(kbps float64) { g.air = kbps }

// bound is what may be sent, in kbit/s times cost.
func (g *Governor) bound() float64 {
	if g.allowed == 0 {
		if g.allowed = Begin; g.air > 0 {
			g.allowed = min(Begin, g.air*use)
		}
	}
	return max(g.floor, g.allowed)
}

// Allows is what may be sent, in kbit/s times cost, and whether that is less than all want.
func (g *Governor) Allows() (kbps float64, tight bool) { return g.steady(), g.Rate() > 0 }

// steady is what may be sent once no queue stands any more.
func (g *Governor) steady() float64 {
	if g.bad {
		return max(use*g.wrong, g.bound())
	}
	return g.bound()
}

// Rate is what all together may be sent at, in kbit/s times cost; 0: as fast as it comes, since there is more than enough.
func (g *Governor) Rate() float64 {
	if g.steady() > beyond*g.wanted {
		return 0
	}
	if g.bad {
		return beyond * g.bound()
	}
	return max(g.wrong, g.bound()/use)
}

// Judge looks at all viewers at once, who came first first, and says whether they have a queue in common. Who came when it
// stood already cannot see it, so what most of the first say counts too.
func (g *Governor) Judge(now time.Duration, seats []Seat) (common bool) {
	since := now - g.at
	g.at = now
	var queues []time.Duration
	var sent, through float64
	bad, old, first := 0, (len(seats)+elders-1)/elders, 0
	for _, s := range seats {
		sent += s.Cost * float64(s.Sent)
		if !s.Told {
			through += s.Cost * float64(s.Sent)
			continue
		}
		queues = append(queues, s.Queue)
		through += s.Cost * float64(s.Delivered)
		if s.Queue > standing || s.Lost > badLoss {
			bad++
		}
		if len(queues) == old {
			first = bad
		}
	}
	least := max(2, (len(queues)+part-1)/part)
	if len(queues) == 1 {
		least = 1
	}
	was := g.bad
	if g.bad = bad >= least || old >= 3 && 4*first >= 3*old; g.bad {
		slices.Sort(queues)
		g.less(now, sent, through, queues[len(queues)-1-len(queues)/(2*elders)])
		return true
	}
	if was && g.wrong > 0 {
		g.allowed = use * g.wrong
	}
	g.more(now, since, sent)
	return false
}

// less allows less than came through: the less, the longer the queue is. While that drains the queue, what comes through says
// nothing new. Where still more is sent than comes through, or it takes long, it reckons again.
func (g *Governor) less(now time.Duration, sent, through float64, queue time.Duration) {
	since := now - g.cut
	again := g.cut != 0 && since < episode
	switch {
	case through == 0, again && since < settle, again && sent < beyond*through && since < patience:
		return
	case again:
		g.wrong = max(through, fewer*g.wrong)
	default:
		g.wrong = through
	}
	if g.rose != 0 && now-g.rose < trial {
		g.hold = min(2*max(g.hold, holdFirst), holdMost)
	}
	g.rose = 0
	g.cut = now
	g.proved = min(g.proved, through)
	g.allowed = g.wrong * max(least, min(most, 1-2*queue.Seconds()))
}

// more lets the allowance grow, if it is used, or if it is in the way of a larger layer.
func (g *Governor) more(now, since time.Duration, sent float64) {
	bound := g.bound()
	if g.rose != 0 && now-g.rose > forget {
		g.rose, g.hold = 0, 0
	}
	g.proved = max(g.proved, sent)
	want := g.wanted
	if g.wrong == 0 {
		want *= beyond // until it is in nobody's way, as Rate sees it
	}
	spare := bound > want // nothing tries it
	if spare && (!g.hungry || now-g.cut < max(g.hold, holdFirst) || bound > untried*g.proved) || !spare && sent < use*bound {
		return
	}
	by := grow
	switch {
	case spare:
		by = gently
	case g.wrong == 0:
		by = rise
	case bound >= use*g.wrong && bound < beyond*g.wrong && now-g.cut > peace:
		by = firm
	case bound >= use*g.wrong && bound < beyond*g.wrong:
		by = creep
	case bound >= beyond*g.wrong:
		by = run
	}
	g.allowed = bound * (1 + by*since.Seconds())
}

// Share gives each seat its layer, of those with so many kbit/s, largest first, and returns the share of these to which
// all layers are to be encoded, 0.3 to 1.
func (g *Governor) Share(now time.Duration, layers []int, seats []Seat) (scale float64) {
	g.wanted, g.floor, g.hungry = 0, 0, false
	if len(layers) == 0 || len(seats) == 0 {
		return 1
	}
	last := len(layers) - 1
	for i := range seats {
		s := &seats[i]
		g.floor += s.Cost * float64(layers[last]) * hard
		s.Own = max(0, min(s.Own, last))
		s.Layer = max(s.Own, min(s.Layer, last))
	}
	bound := g.steady()
	switch all := sum(layers, seats, nil); {
	case all*soft > bound:
		g.give(now, layers, seats, soft)
	case now-g.changed >= calm && !g.bad:
		g.fill(now, layers, seats)
	}
	g.wanted = sum(layers, seats, nil)
	g.hungry = slices.ContainsFunc(seats, func(s Seat) bool { return s.Own < s.Layer })
	return max(hard, min(1, g.bound()/g.wanted))
}

// sum is what layers take at their full rates: those of the seats, or those given.
func sum(layers []int, seats []Seat, given []int) (all float64) {
	for i, s := range seats {
		at := s.Layer
		if given != nil {
			at = given[i]
		}
		all += s.Cost * float64(layers[at])
	}
	return all
}

// fair gives the smallest layer to all, then the next larger to as many as there is room for if layers have a share of their
// rates, and so on: who gets it first is to whom a bit costs least, and of these who has it.
func (g *Governor) fair(layers []int, seats []Seat, share float64) []int {
	last := len(layers) - 1
	order, given := make([]int, len(seats)), make([]int, len(seats))
	for i := range seats {
		order[i], given[i] = i, last
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(seats[a].Cost, seats[b].Cost), cmp.Compare(seats[a].Layer, seats[b].Layer))
	})
	all := sum(layers, seats, given)
	for at := last - 1; at >= 0; at-- {
		for _, i := range order {
			more := seats[i].Cost * float64(layers[at]-layers[at+1])
			if given[i] == at+1 && seats[i].Own <= at && (all+more)*share <= g.steady() {
				given[i] = at
				all += more
			}
		}
	}
	return given
}

// give gives all what is fair.
func (g *Governor) give(now time.Duration, layers []int, seats []Seat, share float64) {
	for i, at := range g.fair(layers, seats, share) {
		if seats[i].Layer != at {
			seats[i].Layer, g.changed = at, now
		}
	}
}

// fill gives larger layers where there is room for them at a good rate; or what is fair, where some have two more than others.
func (g *Governor) fill(now time.Duration, layers []int, seats []Seat) {
	given := g.fair(layers, seats, full)
	best, worst := len(layers), 0
	for i, s := range seats {
		given[i] = min(given[i], s.Layer)
		best = min(best, s.Layer)
		if s.Own < s.Layer {
			worst = max(worst, s.Layer)
		}
	}
	switch {
	case sum(layers, seats, given)*full <= g.steady():
		for i, at := range given {
			if seats[i].Layer != at {
				seats[i].Layer, g.changed, g.rose = at, now, now
			}
		}
	case worst > best+1:
		g.give(now, layers, seats, (soft+full)/2)
	}
}
