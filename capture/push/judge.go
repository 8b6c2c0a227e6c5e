package push

import (
	"math"
	"time"

	"edgekit.internal/capture"
)

// Bounds of the choice of layers. The two shares are those of loss-based congestion control (draft-ietf-rmcat-gcc section
// 6): above the one a sender gives way, below the other it may try more. An estimate of what a way carries grows no further
// than a little above what is sent, so a larger layer can only be tried; it is after holdFirst good seconds, and after twice
// as many each time that it went wrong within trial.
const (
	judgeEvery = time.Second
	badLoss    = 0.10
	goodLoss   = 0.02
	room       = 1.15 // of the estimate, above what a layer has, for its key pictures
	slack      = 0.9  // an estimate that was just cut is below what the way carries, by a seventh
	narrowFor  = 2    // seconds in a row: one may be an estimate's own nerves
	badDelay   = 300 * time.Millisecond
	holdFirst  = 8
	holdMost   = 256
	trial      = 10 * judgeEvery
	calm       = 3 * judgeEvery // after a change, until what the old layer left in the way has gone
	forget     = 120 * judgeEvery
)

// way is what was seen of the way to the server in the last second.
type way struct {
	usable   int           // kbit/s that it carries by its feedback; 0: no feedback tells
	sent     int           // kbit/s that were
	loss     float64       // share of packets lost
	rtt      time.Duration // 0: not known
	overflow uint64        // times that pictures did not go away, ever
}

// judge chooses a layer by how the way does. The zero value is ready.
type judge struct {
	was   way
	least time.Duration // round trip
	good  int           // seconds in a row
	thin  int           // seconds in a row that the estimate was below what was sent
	hold  int           // see holdFirst
	moved time.Duration // when it last chose another layer
	rose  time.Duration // when it last went up; 0: never, or long enough ago
}

// look is called once a second, and says which layer to be on. At is a reading of a clock that starts above 0.
func (j *judge) look(at time.Duration, layers []capture.Layer, layer uint8, w way) uint8 {
	is := kbpsOf(layers, layer)
	if is == 0 {
		return layer
	}
	full := w.overflow > j.was.overflow
	j.was = w
	if w.rtt > 0 && (j.least == 0 || w.rtt < j.least) {
		j.least = w.rtt
	}
	if j.hold == 0 || j.rose != 0 && at-j.rose > forget {
		j.hold, j.rose = holdFirst, 0
	}
	if w.usable > 0 && float64(w.usable) < slack*float64(min(is, w.sent)) { // a still picture has less than its layer may
		j.thin++
	} else {
		j.thin = 0
	}
	switch bad := full || j.thin >= narrowFor || w.loss > badLoss || j.least > 0 && w.rtt > j.least+badDelay; {
	case at-j.moved < calm && j.moved != 0 && !full:
		j.good = 0
		return layer
	case bad:
		return j.fall(at, layers, layer, w)
	case w.loss > goodLoss || w.usable > 0 && float64(w.usable) < room*float64(is):
		j.good = 0
		return layer
	}
	j.good++
	more := above(layers, is)
	if more == layer || j.good < j.hold {
		return layer
	}
	j.good, j.moved, j.rose = 0, at, at
	return more
}

// fall is the largest layer that the way carries, and smaller than the present one; the present one if there is none.
func (j *judge) fall(at time.Duration, layers []capture.Layer, layer uint8, w way) uint8 {
	j.good, j.thin = 0, 0
	if j.rose != 0 && at-j.rose < trial {
		j.hold = min(2*j.hold, holdMost)
	}
	most := kbpsOf(layers, layer) - 1
	if w.usable > 0 {
		most = min(most, int(float64(w.usable)/slack))
	}
	less := within(layers, most)
	if kbpsOf(layers, less) >= kbpsOf(layers, layer) {
		return layer
	}
	j.moved, j.rose = at, 0
	return less
}

// kbpsOf is a layer's; 0: there is no such layer.
func kbpsOf(layers []capture.Layer, id uint8) int {
	for _, l := range layers {
		if l.ID == id {
			return max(l.Kbps, 1)
		}
	}
	return 0
}

// within is the largest layer of at most so many kbit/s, or else the smallest.
func within(layers []capture.Layer, most int) (id uint8) {
	best, least := -1, math.MaxInt
	var smallest uint8
	for _, l := range layers {
		if l.Kbps <= most && l.Kbps > best {
			best, id = l.Kbps, l.ID
		}
		if l.Kbps < least {
			least, smallest = l.Kbps, l.ID
		}
	}
	if best < 0 {
		return smallest
	}
	return id
}

// above is the smallest layer of more than so many kbit/s, or else the largest.
func above(layers []capture.Layer, kbps int) (id uint8) {
	best := math.MaxInt
	for _, l := range layers {
		if l.Kbps > kbps && l.Kbps < best {
			best, id = l.Kbps, l.ID
		}
	}
	if best == math.MaxInt {
		return within(layers, math.MaxInt)
	}
	return id
}
