//go:build !race

package fanout

// The model is one goroutine, in which there are no races to be found, and ten times as slow where they are looked for: `make test`
// runs it by itself.

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// moves fails the test where some picture is not one that moves and is of now, or taps wait. Times are the model's, and the
// same on every machine.
func moves(t *testing.T, what string, w seenBy, least seenBy) {
	t.Helper()
	t.Logf("%s: %.1f pictures a second at least, %v without one at most, %v old, outcomes after %v, layer %d at most",
		what, w.rate, w.frozen.Round(time.Millisecond), w.lag.Round(time.Millisecond), w.tap.Round(time.Millisecond), w.layer)
	if w.rate < least.rate || w.frozen > least.frozen || w.lag > least.lag || w.tap > least.tap || w.layer > least.layer {
		t.Errorf("%s: %+v, expected no worse than %+v", what, w, least)
	}
}

// chances are how many of the model's chances a test is run with.
const chances = 2

// everywhere runs a test with some of the model's chances.
func everywhere(t *testing.T, test func(t *testing.T, seed uint64)) {
	for seed := range uint64(chances) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); test(t, seed) })
	}
}

const ms = time.Millisecond

// TestCrowdKeepsPicturesThatMove: from one phone to a hundred, in networks of all sizes that they fit into somehow, each with a queue
// of a whole second to fill. Within some seconds of the crowd's coming all have a picture that moves and is of now, and taps are fast.
func TestCrowdKeepsPicturesThatMove(t *testing.T) {
	everywhere(t, func(t *testing.T, seed uint64) {
		for _, c := range []struct {
			phones int
			kbps   float64
			layer  uint8 // the smallest that anybody gets
		}{{1, 5000, 0}, {1, 1500, 0}, {1, 400, 2}, {2, 2500, 1}, {7, 40000, 0}, {10, 12000, 1}, {10, 6000, 1}, {30, 20000, 1}, {50, 20000, 2}, {40, 40000, 1}, {100, 20000, 2}, {100, 8000, 2}} {
			t.Run(fmt.Sprintf("%d phones on %.0f kbit per s", c.phones, c.kbps), func(t *testing.T) {
				n := newCrowd(t, c.kbps, seed)
				phones := n.join(c.phones, nil)
				n.watch(8*time.Second, phones...) // they come within two, and what fits is found out
				w := n.watch(30*time.Second, phones...)
				rate := 22.0 // there may be some who have the smallest layer for a moment
				if c.layer == 2 {
					rate = 14
				}
				moves(t, "half a minute", w, seenBy{rate: rate, frozen: 1500 * ms, lag: 500 * ms, tap: 300 * ms, layer: c.layer})
				if c.kbps >= 1.5*float64(c.phones*simLadder[0].Kbps) && n.x.governor.scale != 0 && n.x.governor.scale != 1 {
					t.Errorf("encoded to %.2f of its rate where there is room", n.x.governor.scale)
				}
			})
		}
	})
}

// TestCrowdOnACliff: of 60 Mbit/s there are 8 from one moment to the next, and later 60 again.
func TestCrowdOnACliff(t *testing.T) {
	everywhere(t, func(t *testing.T, seed uint64) {
		n := newCrowd(t, 60000, seed)
		phones := n.join(20, nil)
		n.run(20 * time.Second)
		moves(t, "before", n.watch(10*time.Second, phones...), seenBy{rate: 29, frozen: 200 * ms, lag: 60 * ms, tap: 30 * ms})
		n.kbps = 8000
		moves(t, "as it falls", n.watch(6*time.Second, phones...), seenBy{rate: 2, frozen: 4500 * ms, lag: 2500 * ms, tap: 1100 * ms, layer: 2})
		moves(t, "below", n.watch(30*time.Second, phones...), seenBy{rate: 14, frozen: 1200 * ms, lag: 400 * ms, tap: 300 * ms, layer: 2})
		n.kbps = 60000
		moves(t, "as it comes back", n.watch(60*time.Second, phones...), seenBy{rate: 14, frozen: 400 * ms, lag: 200 * ms, tap: 100 * ms, layer: 2})
		moves(t, "back", n.watch(20*time.Second, phones...), seenBy{rate: 29, frozen: 200 * ms, lag: 60 * ms, tap: 30 * ms, layer: 0})
	})
}

// TestCrowdWithAFarPhone: to one at the market's end a bit takes twenty times as much of the air. It gets the small
// picture, the others keep theirs.
func TestCrowdWithAFarPhone(t *testing.T) {
	everywhere(t, func(t *testing.T, seed uint64) {
		n := newCrowd(t, 30000, seed)
		near := n.join(8, nil)
		n.run(20 * time.Second)
		far := n.join(1, func(p *phone) { p.far = 20 })
		links := map[netip.Addr]int{}
		for _, p := range n.all {
			links[p.v.remote.Load().addr.Addr()] = int(66000 / p.far)
		}
		n.x.governor.links = links
		n.run(2 * time.Minute) // it is found out what is too much, the more seldom the more often
		moves(t, "near", n.watch(time.Minute, near...), seenBy{rate: 29, frozen: 500 * ms, lag: 150 * ms, tap: 100 * ms, layer: 1})
		moves(t, "far", n.watch(time.Minute, far...), seenBy{rate: 14, frozen: 600 * ms, lag: 200 * ms, tap: 150 * ms, layer: 2})
	})
}

// TestCrowdElsewhereIsNotHeldBack: ten watch over the kit's radio, which is full, and ten by a cable, where there is room. Neither costs
// the others anything.
func TestCrowdElsewhereIsNotHeldBack(t *testing.T) {
	everywhere(t, func(t *testing.T, seed uint64) {
		n := newCrowd(t, 6000, seed)
		radio, cable := n.join(10, nil), n.join(10, func(p *phone) { p.cable = true })
		n.x.governor.links = map[netip.Addr]int{}
		for _, p := range radio {
			n.x.governor.links[p.v.remote.Load().addr.Addr()] = 13000 // of which it carries less than a half
		}
		n.run(20 * time.Second)
		moves(t, "radio", n.watch(30*time.Second, radio...), seenBy{rate: 14, frozen: 1200 * ms, lag: 400 * ms, tap: 300 * ms, layer: 2})
		moves(t, "cable", n.watch(30*time.Second, cable...), seenBy{rate: 29, frozen: 200 * ms, lag: 100 * ms, tap: 30 * ms, layer: 0})
	})
}

// TestCrowdThatLosesWithoutAQueue by sending again, and no reason to give all fewer bits.
func TestCrowdThatLosesWithoutAQueue(t *testing.T) {
	everywhere(t, func(t *testing.T, seed uint64) {
		n := newCrowd(t, 60000, seed)
		phones := n.join(10, func(p *phone) { p.loss = 0.03 })
		n.run(10 * time.Second)
		moves(t, "3 % lost", n.watch(30*time.Second, phones...), seenBy{rate: 29, frozen: 800 * ms, lag: 400 * ms, tap: 30 * ms, layer: 0})
		if s := n.x.governor.scale; s != 0 && s != 1 {
			t.Errorf("encoded to %.2f of its rate", s)
		}
	})
}

// TestCrowdALongWayOff, nor is one on which packets overtake others.
func TestCrowdALongWayOff(t *testing.T) {
	everywhere(t, func(t *testing.T, seed uint64) {
		n := newCrowd(t, 60000, seed)
		phones := n.join(10, func(p *phone) { p.delay, p.jitter = 150*ms, 10*ms })
		n.run(10 * time.Second)
		moves(t, "150 to 160 ms", n.watch(30*time.Second, phones...), seenBy{rate: 29, frozen: 200 * ms, lag: 300 * ms, tap: 300 * ms, layer: 0})
	})
}

// TestCrowdThatGoes: a third walk out of reach, one after another, and come back.
func TestCrowdThatGoes(t *testing.T) {
	everywhere(t, func(t *testing.T, seed uint64) {
		n := newCrowd(t, 30000, seed)
		stay, go_ := n.join(10, nil), n.join(5, nil)
		n.run(15 * time.Second)
		for _, p := range go_ {
			p.away = true
		}
		n.run(2 * time.Second)
		before := make([]uint64, len(go_))
		for i, p := range go_ {
			before[i] = p.v.count.packets.Load()
		}
		moves(t, "those who stay", n.watch(20*time.Second, stay...), seenBy{rate: 29, frozen: 300 * ms, lag: 150 * ms, tap: 100 * ms, layer: 1})
		for i, p := range go_ {
			if sent := p.v.count.packets.Load() - before[i]; sent != 0 {
				t.Errorf("%d packets were sent to a phone that had gone for two seconds", sent)
			}
			p.away = false
		}
		n.run(3 * time.Second)
		moves(t, "those who are back", n.watch(10*time.Second, go_...), seenBy{rate: 14, frozen: 600 * ms, lag: 200 * ms, tap: 100 * ms, layer: 2})
	})
}

// TestCrowdWithLiars: two of twelve tell of losses and queues that are none. They get the small picture, the others theirs whole.
func TestCrowdWithLiars(t *testing.T) {
	everywhere(t, func(t *testing.T, seed uint64) {
		n := newCrowd(t, 60000, seed)
		honest := n.join(10, nil)
		liars := n.join(2, func(p *phone) { p.lie = true })
		n.run(40 * time.Second) // of the first three who came, two may lie
		moves(t, "the honest", n.watch(30*time.Second, honest...), seenBy{rate: 29, frozen: 300 * ms, lag: 60 * ms, tap: 30 * ms, layer: 0})
		if s := n.x.governor.scale; s != 0 && s != 1 {
			t.Errorf("all are encoded to %.2f of their rate", s)
		}
		if l := n.watch(time.Second, liars...); l.layer == 0 {
			t.Errorf("the liars: %+v", l)
		}
	})
}
