// Package scene decides what is drawn over the camera's picture: the offers as prompts, what was just sold, a code to scan, the stall's
// name, and what people at the stall must know. It draws nothing itself: capture/overlay does, in the camera's process.
package scene

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/edgekit/internal/crowd"
	"edgekit.internal/pipeline"
)

const (
	bannerFor  = 4 * time.Second
	maxBanners = 3
	maxPrompts = 4
	// fullEvery is how often the picture says that the Wi-Fi is full, and fullFor for how long.
	fullEvery = time.Minute
	fullFor   = 10 * time.Second
)

// Config wires a scene.
type Config struct {
	Levels func() *pipeline.Levels
	Now    func() time.Duration   // kit time
	Set    func(capture.Scene)    // takes each new scene; must not block
	Span   func(tap, step string) // told "picture" when a confirmation is in the picture
	Lower  capture.Lower          // the stall's lower third
	Theme  capture.Theme
	Code   func(live []pipeline.Offer) capture.QR // the code to show while these can be bought; nil: none
}

// Scene is what is drawn now. Its methods may be called from any goroutine.
type Scene struct {
	Config

	mu      sync.Mutex
	unseen  []confirmation  // not in the picture yet
	told    []capture.Areas // of pictures that have not come yet
	rev     uint64
	banners []capture.Banner
	way     *capture.Banner // how to set the kit up, while that is shown
	news    bool            // banners are other ones
	last    capture.Scene   // as it was set
}

// New makes a scene; nothing is drawn before Update.
func New(c Config) *Scene { return &Scene{Config: c} }

// confirmation waits for the first picture drawn from its revision of the scene.
type confirmation struct {
	rev uint64
	tap string
}

// maxUnseen bounds the confirmations that wait while there is no picture; the oldest go untraced. maxTold bounds the areas.
const (
	maxUnseen = 64
	maxTold   = 8
)

// Update draws what has changed. It tells whether the offers did.
func (s *Scene) Update() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draw()
}

// Confirm shows a sale in the picture for a while.
func (s *Scene) Confirm(o pipeline.Outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := o.Title
	if o.Left >= 0 {
		sub = fmt.Sprintf("%s · %d left", o.Title, o.Left)
	}
	s.say("Confirmed · "+o.Ticket, sub, bannerFor)
	if s.unseen = append(s.unseen, confirmation{s.rev, o.Tap}); len(s.unseen) > maxUnseen {
		s.unseen = s.unseen[1:]
	}
}

// say shows a banner for a while; s.mu is held.
func (s *Scene) say(text, sub string, d time.Duration) {
	s.banners = append(s.banners, capture.Banner{Text: text, Sub: sub, Until: capture.Monotonic() + d})
	if n := len(s.banners); n > maxBanners {
		s.banners = s.banners[n-maxBanners:]
	}
	s.news = true
	s.draw()
}

// SayFull says now and then that the kit's own Wi-Fi is full, until ctx ends: the picture on a screen at the stall is all that those see
// who cannot join. Those who could join see it too, so it does not stay.
func (s *Scene) SayFull(ctx context.Context, phones func() (list []crowd.Phone, most int)) error {
	tick := time.NewTicker(fullEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if list, most := phones(); most > 0 && len(list) >= most {
				s.mu.Lock()
				s.say("The Wi-Fi is full", "Buy at the stall, or join in a few minutes", fullFor)
				s.mu.Unlock()
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// Notice shows a banner until it is taken away by an empty one.
func (s *Scene) Notice(text, sub string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case text == "" && s.way == nil, s.way != nil && s.way.Text == text && s.way.Sub == sub:
		return
	case text == "":
		s.way = nil
	default:
		s.way = &capture.Banner{Text: text, Sub: sub, Until: math.MaxInt64}
	}
	s.news = true
	s.draw()
}

// Coming takes note of the revision of the scene that pictures show from a timestamp on.
func (s *Scene) Coming(a capture.Areas) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told = append(s.told, a); len(s.told) > maxTold {
		s.told = s.told[1:]
	}
}

// Picture takes note that a picture came.
func (s *Scene) Picture(rtp uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.told) > 0 && int32(rtp-s.told[0].RTP) >= 0 {
		for len(s.unseen) > 0 && s.unseen[0].rev <= s.told[0].Rev {
			s.Span(s.unseen[0].tap, "picture")
			s.unseen = s.unseen[1:]
		}
		s.told = s.told[1:]
	}
}

// draw sets the scene anew if it is another; s.mu is held. It tells whether the prompts are.
func (s *Scene) draw() bool {
	levels, kit, mono := s.Levels(), s.Now(), capture.Monotonic()
	next := capture.Scene{Rev: s.rev + 1, Prompts: []capture.Prompt{}, Lower: s.Lower, Theme: s.Theme}
	// instant is a kit time as the camera program has it; rounded, since the clocks are read one after the other.
	instant := func(at time.Duration) time.Duration { return (mono - kit + at).Round(100 * time.Millisecond) }
	var live []pipeline.Offer
	for _, i := range drawn(levels, kit) {
		o := levels.At(i, kit)
		p := capture.Prompt{Offer: o.ID, Title: o.Title, Price: levels.Catalogue.PriceText(o),
			Left: levels.Left(o.ID), Of: levels.Of(o.ID), In: contents(levels.Catalogue, o)}
		switch levels.StateAt(o.ID, kit) {
		case pipeline.OfferLive:
			p.State = capture.PromptLive
			if p.Left == 0 {
				p.State = capture.PromptSoldOut
			} else if live = append(live, o); levels.Offers[i].Ends > 0 {
				p.Ends = instant(levels.Offers[i].Ends)
			}
		case pipeline.OfferSoldOut:
			p.State, p.Left = capture.PromptSoldOut, 0
		case pipeline.OfferSoon:
			p.State = capture.PromptSoon
			if levels.Offers[i].Starts > 0 {
				p.Ends = instant(levels.Offers[i].Starts)
			}
		}
		next.Prompts = append(next.Prompts, p)
	}
	if s.Code != nil {
		next.QR = s.Code(live)
	}
	other := s.rev == 0 || !slices.Equal(next.Prompts, s.last.Prompts)
	if !other && !s.news && next.QR == s.last.QR {
		return false
	}
	for len(s.banners) > 0 && s.banners[0].Until <= mono {
		s.banners = s.banners[1:]
	}
	next.Banners = slices.Clone(s.banners)
	if s.way != nil {
		next.Banners = slices.Insert(next.Banners, 0, *s.way)
	}
	s.rev, s.news, s.last = next.Rev, false, next
	s.Set(next)
	return other
}

// drawn are the places of the offers that have a prompt: the first ones that visitors may see. The one on show takes the last place if it is
// not among them: no other prompt moves away from under a finger.
func drawn(l *pipeline.Levels, at time.Duration) (places []int) {
	shown := -1
	for i, o := range l.Catalogue.Offers {
		switch l.StateAt(o.ID, at) {
		case pipeline.OfferLive, pipeline.OfferSoldOut, pipeline.OfferSoon:
			if places = append(places, i); o.ID == l.Shown {
				shown = len(places) - 1
			}
		}
	}
	if shown >= maxPrompts {
		places[maxPrompts-1] = places[shown]
	}
	return places[:min(len(places), maxPrompts)]
}

// maxKinds is how many of the kinds that can be chosen are named.
const maxKinds = 4

// kinds are what can be chosen, such as "S, M or L".
func kinds(c *pipeline.Catalogue, of []string) string {
	var all []string
	for _, id := range of[:min(len(of), maxKinds)] {
		sku, _, _ := c.SKU(id)
		all = append(all, cmp.Or(sku.Label(), id))
	}
	if len(of) > maxKinds {
		return strings.Join(all, ", ") + " …"
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}

// contents are what is in a bundle, or can be chosen in it, such as "Mug · 2 × Pen"; of one piece of one thing there is nothing to say.
func contents(c *pipeline.Catalogue, o pipeline.Offer) string {
	if len(o.Lines) == 1 && o.Lines[0].N == 1 && !o.Chooses() {
		return ""
	}
	var all []string
	for _, l := range o.Lines {
		what := l.SKU
		if len(l.Of) > 0 {
			what = kinds(c, l.Of)
		} else if sku, _, ok := c.SKU(l.SKU); ok {
			what = cmp.Or(sku.Title, what)
		}
		if l.N > 1 {
			what = fmt.Sprintf("%d × %s", l.N, what)
		}
		all = append(all, what)
	}
	return strings.Join(all, " · ")
}
