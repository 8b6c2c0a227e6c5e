// Package choose says what a viewer's own way takes: a smaller layer, a larger one, or the one it has.
package choose

import (
	"math"
	"time"
)

// Bounds of the choice. The two shares are those of loss-based congestion control (draft-ietf-rmcat-gcc section 6): above
// the one a sender gives way, below the other it may try more.
const (
	Every = time.Second / 2 // between judgements

	badLoss   = 0.10
	goodLoss  = 0.02
	leastSeen = 20                     // packets that loss is reckoned from; of fewer it says nothing
	BadQueue  = 100 * time.Millisecond // that stands in the way
	goodQueue = 40 * time.Millisecond
	badDelay  = 250 * time.Millisecond // of round trip above the path's least, where no queue can be seen

	holdFirst = 8 * time.Second   // for which a path must be good before the next larger layer is tried
	holdMost  = 128 * time.Second // and most of it, where trying has failed again and again
	trial     = 6 * time.Second   // a larger layer that goes wrong sooner was too much for the path
	forget    = time.Minute       // and one that has done well for so long was not

	share = 0.85 // of what came through where a queue stood, so that the queue goes
)

// Path is what is known of the way to a viewer.
type Path struct {
	Sent, Nacks uint64        // since it came: packets, and how many of them were asked for again
	Skipped     uint64        // times its ring was full
	Loss        uint32        // by the last receiver report, of 256
	RTT         time.Duration // by the same; 0: not known

	// By transport-wide feedback since the last judgement, if Told.
	Told      bool
	Lost      float64
	Queue     time.Duration
	Delivered int // kbit/s
}

// Verdict is what to do: Way is -1 for less, +1 for the next larger layer, 0 to stay. Where it is less and Most is known,
// that is what the way takes, in kbit/s.
type Verdict struct{ Way, Most int }

// Chooser judges a viewer's path: down at the first bad sign, up after some good seconds, and after the more of these
// the more often that was a mistake. The zero value is ready.
type Chooser struct {
	at    time.Duration // when it last judged
	was   Path
	least time.Duration // round trip; 0: not known
	good  time.Duration // since when all was well; 0: it is not
	hold  time.Duration
	rose  time.Duration // when it last went up; 0: never, or long enough ago
}

// Judge looks at the path, twice a second or when enough was sent to say something.
func (c *Chooser) Judge(now time.Duration, p Path) Verdict {
	if now-c.at < Every || p.Sent-c.was.Sent < leastSeen && p.Skipped == c.was.Skipped {
		return Verdict{}
	}
	was, first := c.was, c.at == 0
	c.at, c.was = now, p
	if first {
		c.hold, c.good = holdFirst, now
		return Verdict{}
	}
	if p.RTT > 0 && (c.least == 0 || p.RTT < c.least) {
		c.least = p.RTT
	}
	if c.rose != 0 && now-c.rose > forget {
		c.rose, c.hold = 0, holdFirst
	}
	lost := lost(was, p)
	late := p.Told && p.Queue > BadQueue || !p.Told && c.least > 0 && p.RTT > c.least+badDelay
	switch {
	case p.Skipped > was.Skipped, lost > badLoss, late:
		if c.rose != 0 && now-c.rose < trial {
			c.hold = min(2*c.hold, holdMost)
		}
		c.rose, c.good = 0, 0
		v := Verdict{Way: -1}
		if late && p.Told {
			v.Most = int(share * float64(p.Delivered))
		}
		return v
	case lost > goodLoss, p.Told && p.Queue > goodQueue:
		c.good = 0
	case c.good == 0:
		c.good = now
	case now-c.good >= c.hold:
		c.good = now
		return Verdict{Way: 1}
	}
	return Verdict{}
}

// Excuse has what was seen so far count neither way: it was not this path's fault.
func (c *Chooser) Excuse(now time.Duration, p Path) { c.at, c.was, c.good = now, p, 0 }

// Moved takes note that a judgement was followed.
func (c *Chooser) Moved(now time.Duration, way int) {
	if way > 0 {
		c.rose = now
	}
}

// lost is the share of packets lost since was, by the worst of what the viewer says. What was sent again in time is none to
// feedback, but was asked for: that share is what it is at least, as few packets say little.
func lost(was, is Path) (share float64) {
	if sent := float64(is.Sent - was.Sent); sent > 0 {
		asked := float64(is.Nacks - was.Nacks)
		share = max(0, asked-2*math.Sqrt(asked)) / sent
	}
	if is.Told {
		return max(share, is.Lost)
	}
	return max(share, float64(is.Loss)/256)
}
