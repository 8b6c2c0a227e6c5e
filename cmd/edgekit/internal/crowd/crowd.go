// Package crowd makes room in the kit's own Wi-Fi. A radio carries few phones, and one more may halt it, so whoever comes when it
// is full stays outside: the kit sees to it that there is a place. The first to go are phones that nobody looks at; then those
// whose people have only watched for long, who are told before and can stay by a tap. Nobody who has just come or bought goes, and no
// operator.
package crowd

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"
)

// How long things take.
const (
	// look is how often the network is looked at.
	look = 2 * time.Second
	// silent is for how long a phone with no page open has sent nothing when it goes.
	silent = 45 * time.Second
	// full is for how long the network has been full when a watcher may be asked: an empty place is of use to few, and a picture to who
	// watches it.
	full = time.Minute
	// notice is how long a person is told before.
	notice = 20 * time.Second
)

// watched is for how long the kit has been only looked at when its phone may be asked for its place.
func (c *Crowd) watched() time.Duration { return c.stay }

// unlooked is for how long a phone with no page open has asked the kit for nothing when it goes although it sends: a phone in a pocket
// is never silent, its apps ask the internet for news.
func (c *Crowd) unlooked() time.Duration { return c.stay / 2 }

// settle is how long a phone that has come keeps its place in any case.
func (c *Crowd) settle() time.Duration { return min(3*time.Minute, c.stay/3) }

// Phone is one that is in the network.
type Phone struct {
	MAC       string
	IP        string        // "": it has none
	Idle      time.Duration // since it sent anything, to anybody
	Connected time.Duration
	Staff     bool // an operator's: it keeps its place, though the console is no visitors' page
}

// Air is the kit's own network.
type Air interface {
	// Phones are those in it, and how many it takes; 0: it is not up.
	Phones() (list []Phone, most int)
	// Rest sends a phone away, and lets it in no more for some minutes: they come back by themselves.
	Rest(ctx context.Context, mac string) error
}

// Pages are the visitors' pages, by the address of their phone.
type Pages interface {
	// Open tells whether there is one that is told the news.
	Open(addr string) bool
	// Looked is when it last asked the kit for anything of its own; the zero time: never.
	Looked(addr string) time.Time
	// Acted is when its person last tapped something; the zero time: never.
	Acted(addr string) time.Time
	// Leaving has it say that its place goes to somebody else in that time, or has gone: 0; or, below 0, that it does not go.
	Leaving(addr string, in time.Duration)
}

// Crowd is the rule. New makes one; Run has it hold.
type Crowd struct {
	air   Air
	pages Pages
	stay  time.Duration
	log   *slog.Logger

	asked Phone     // who was told to go; MAC "": nobody
	goes  time.Time // and when
}

// New makes a rule for a network and its pages. stay is for how long somebody may only look; the other times follow from it.
func New(air Air, pages Pages, stay time.Duration, log *slog.Logger) *Crowd {
	return &Crowd{air: air, pages: pages, stay: stay, log: log}
}

// Run looks again and again until ctx ends.
func (c *Crowd) Run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.step(ctx, time.Now())
		case <-ctx.Done():
			return nil
		}
	}
}

// step does what is due.
func (c *Crowd) step(ctx context.Context, now time.Time) {
	phones, most := c.air.Phones()
	if most == 0 || len(phones) < most {
		c.stays()
		return
	}
	if c.asked.MAC != "" {
		c.due(ctx, now, phones)
		return
	}
	if p, ok := c.unseen(now, phones); ok {
		c.goes, c.asked = now, p
		c.due(ctx, now, phones)
		return
	}
	if p, ok := c.watcher(now, phones); ok {
		c.goes, c.asked = now.Add(notice), p
		c.pages.Leaving(p.IP, notice)
	}
}

// due sends away who was asked to go when the time has come, unless they have shown that they are there.
func (c *Crowd) due(ctx context.Context, now time.Time, phones []Phone) {
	p := c.asked
	at := slices.IndexFunc(phones, func(is Phone) bool { return is.MAC == p.MAC && is.IP == p.IP })
	switch {
	case at < 0:
		c.asked = Phone{} // they went by themselves
	case phones[at].Staff:
		c.stays()
	case p.IP != "" && !c.pages.Acted(p.IP).Before(c.goes.Add(-notice)):
		c.stays()
	case now.Before(c.goes):
	default:
		c.pages.Leaving(p.IP, 0)
		if err := c.air.Rest(ctx, p.MAC); err != nil {
			c.log.Warn("the Wi-Fi is full, and a phone could not be let go", "err", err)
		} else {
			c.log.Info("a phone was let go: the Wi-Fi was full", "on_for", p.Connected.Round(time.Second), "silent_for", p.Idle.Round(time.Second))
		}
		c.asked = Phone{}
	}
}

// stays tells who was asked that they need not go.
func (c *Crowd) stays() {
	if c.asked.MAC != "" {
		c.pages.Leaving(c.asked.IP, -1)
		c.asked = Phone{}
	}
}

// unseen is the phone that nobody has looked at for longest.
func (c *Crowd) unseen(now time.Time, phones []Phone) (Phone, bool) {
	return longest(phones, func(p Phone) (time.Duration, bool) {
		d := c.away(now, p)
		return d, (p.Idle >= silent || d >= c.unlooked()) && c.still(now, p) >= c.settle() && (p.IP == "" || !c.pages.Open(p.IP))
	})
}

// watcher is the phone whose person has only looked for longest. The network is full since the last one came.
func (c *Crowd) watcher(now time.Time, phones []Phone) (Phone, bool) {
	if slices.ContainsFunc(phones, func(p Phone) bool { return p.Connected < full }) {
		return Phone{}, false
	}
	return longest(phones, func(p Phone) (time.Duration, bool) {
		d := c.still(now, p)
		return d, d >= c.watched() && p.IP != ""
	})
}

// still is for how long a phone's person has done nothing: since they last tapped, or came.
func (c *Crowd) still(now time.Time, p Phone) time.Duration { return since(now, p, c.pages.Acted) }

// away is for how long a phone has asked the kit for nothing: since it last did, or came.
func (c *Crowd) away(now time.Time, p Phone) time.Duration { return since(now, p, c.pages.Looked) }

func since(now time.Time, p Phone, last func(addr string) time.Time) time.Duration {
	if p.IP == "" {
		return p.Connected
	}
	return min(p.Connected, now.Sub(last(p.IP)))
}

// longest is the phone that may go for which it is longest.
func longest(phones []Phone, of func(Phone) (time.Duration, bool)) (most Phone, ok bool) {
	best := time.Duration(-1)
	for _, p := range slices.SortedFunc(slices.Values(phones), func(a, b Phone) int { return cmp.Compare(a.MAC, b.MAC) }) {
		if d, may := of(p); may && d > best && !p.Staff {
			most, best, ok = p, d, true
		}
	}
	return most, ok
}
