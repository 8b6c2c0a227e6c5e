package scene

import (
	"slices"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/pipeline"
)

// How long a code is in the picture before the next offer's takes its place, or, of the only one, a new code; and for how long it is good:
// who has it scanned has a minute to buy.
const (
	codeFor  = 15 * time.Second
	codeLife = codeFor + time.Minute
)

// Codes are the links that sell what is live without a page, one after the other: a code sells once, to whoever is first.
type Codes struct {
	Link func(offer string, life time.Duration) string // a new one's address
	Now  func() time.Duration                          // kit time

	spent atomic.Bool

	offer string // whose code is shown
	since time.Duration
	code  capture.QR
}

// Spent has another code shown from the next look on: the one that is there may have been used.
func (c *Codes) Spent() { c.spent.Store(true) }

// Show is the code to show now. One goroutine calls it at a time.
func (c *Codes) Show(live []pipeline.Offer) capture.QR {
	if len(live) == 0 {
		c.offer, c.code = "", capture.QR{}
		return c.code
	}
	now, at := c.Now(), slices.IndexFunc(live, func(o pipeline.Offer) bool { return o.ID == c.offer })
	over, spent := now-c.since >= codeFor, c.spent.Swap(false)
	if at >= 0 && !over && !spent {
		return c.code
	}
	if at < 0 || over {
		at, c.since = (at+1)%len(live), now
	}
	o := live[at]
	c.offer, c.code = o.ID, capture.QR{Text: c.Link(o.ID, codeLife), Label: o.Title}
	return c.code
}
