// Package choose picks the layer that suits a viewer's path.
package choose

import "time"

// Bounds of the choice of layers. The two shares are those of loss-based congestion control
// (draft-ietf-rmcat-gcc section 6): above the one a sender gives way, below the other it may try more.
const (
	judgeEvery = time.Second
	badLoss    = 0.10
	goodLoss   = 0.02
	leastSeen  = 20                     // packets that loss is reckoned from; of fewer it says nothing
	badDelay   = 250 * time.Millisecond // of round trip above the path's least: a queue is filling
	holdFirst  = 8                      // good seconds before the next larger layer is tried
	holdMost   = 128                    // and most of them, where trying has failed again and again
	trial      = 6 * judgeEvery         // a larger layer that goes wrong sooner was too much for the path
	forget     = 60 * judgeEvery        // and one that has done well for so long was not
)

// Path is what is known of the way to a viewer: counts since it came, and its latest report.
type Path struct {
	Sent, Nacks      uint64 // packets, and how many were asked for again
	Arrived, Missing uint64 // packets, by transport-wide feedback
	Skipped          uint64 // times its ring was full
	Loss             uint32 // by the last receiver report, of 256
	RTT              time.Duration
}

// Chooser picks a viewer's layer by how its path does: down at the first bad second, up after some good ones, and the
// more of these the more often that was a mistake. The zero value is ready.
type Chooser struct {
	at    time.Duration // when it last judged
	was   Path
	least time.Duration // round trip; 0: not known
	good  int           // seconds in a row
	hold  int           // see holdFirst
	rose  time.Duration // when it last went up; 0: never, or long enough ago
}

// Judge looks at the path once a second, or when enough was sent to say something, and says whether to go to the next smaller layer (-1), the next larger one (+1) or
// to stay (0).
func (c *Chooser) Judge(now time.Duration, p Path) int {
	if now-c.at < judgeEvery || p.Sent-c.was.Sent < leastSeen && p.Skipped == c.was.Skipped {
		return 0
	}
	was, first := c.was, c.at == 0
	c.at, c.was = now, p
	if first {
		c.hold = holdFirst
		return 0
	}
	if p.RTT > 0 && (c.least == 0 || p.RTT < c.least) {
		c.least = p.RTT
	}
	if c.rose != 0 && now-c.rose > forget {
		c.rose, c.hold = 0, holdFirst
	}
	share := lost(was, p)
	switch {
	case p.Skipped > was.Skipped, share > badLoss, c.least > 0 && p.RTT > c.least+badDelay:
		if c.rose != 0 && now-c.rose < trial {
			c.hold = min(2*c.hold, holdMost)
		}
		c.rose, c.good = 0, 0
		return -1
	case share > goodLoss:
		c.good = 0
		return 0
	}
	if c.good++; c.good < c.hold {
		return 0
	}
	c.good = 0
	return 1
}

// Moved takes note that a judgement was followed.
func (c *Chooser) Moved(now time.Duration, way int) {
	if way > 0 {
		c.rose = now
	}
}

// lost is the share of packets lost since was, by the worst of what the viewer says. Feedback may count a packet as
// missing once and as arrived twice, when it was sent again.
func lost(was, is Path) (share float64) {
	if sent := is.Sent - was.Sent; sent > 0 {
		share = max(float64(is.Loss)/256, float64(is.Nacks-was.Nacks)/float64(sent))
	}
	missing := is.Missing - was.Missing
	if all := is.Arrived - was.Arrived + missing; all > 0 {
		share = max(share, float64(missing)/float64(all))
	}
	return share
}
