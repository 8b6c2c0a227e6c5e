package even

import (
	"math"
	"time"
)

// clock is what is known of a card's clock: which of its frames was taken when.
//
// Frames are told of some time after they were taken, by what a USB transfer and a busy machine add: seldom little, and sometimes much. They
// are never told of before. So of the observations of a second only the earliest counts. That one moves time and rate a little, as in Fons Adriaensen's
// "Using a DLL to filter time" (2005); if it is far off, frames were lost or the first observations were late ones, and time is set.
type clock struct {
	frame   float64 // the number of the frame that comes next, since the card was started
	at      float64 // when that one is taken, seconds since an origin of the caller's
	length  float64 // of a frame, seconds
	nominal float64 // what the card says of that
	age     float64 // seconds passed

	window float64 // seconds passed of a window
	least  float64 // how late the earliest observation in it was
}

const (
	windowLen = 1.0
	far       = .005 // seconds

	// The loop's bandwidth in Hz: wide at first, so that it soon knows the card's rate, then narrow. A crystal's rate changes over minutes, as
	// the room gets warm.
	bandFirst = .06
	bandLast  = .02
)

func newClock(rate int, at float64) clock {
	c := clock{at: at, length: 1 / float64(rate), nominal: 1 / float64(rate)}
	c.open()
	return c
}

func (c *clock) open() { c.window, c.least = 0, math.Inf(1) }

// advance takes note that n frames have come.
func (c *clock) advance(n int) {
	dt := float64(n) * c.length
	c.frame += float64(n)
	c.at += dt
	c.age += dt
	c.window += dt
}

// observe takes note that the frame that comes next is taken at a time, or before.
func (c *clock) observe(at float64) {
	late := at - c.at
	if late < -far {
		c.set(late)
		return
	}
	c.least = min(c.least, late)
	switch {
	case c.window < windowLen:
	case c.least > far:
		c.set(c.least)
	default:
		c.adjust()
	}
}

func (c *clock) set(late float64) {
	c.at += late
	c.open()
}

func (c *clock) adjust() {
	w := 2 * math.Pi * max(bandLast, bandFirst/(1+c.age/60)) * min(c.window, 2)
	c.at += math.Sqrt2 * w * c.least
	c.length *= 1 + w*w*c.least/c.window
	c.length = max(c.nominal*(1-mostOff), min(c.nominal*(1+mostOff), c.length))
	c.open()
}

// frameAt is the frame of a time.
func (c *clock) frameAt(at float64) float64 { return c.frame + (at-c.at)/c.length }

func seconds(d time.Duration) float64 { return d.Seconds() }
