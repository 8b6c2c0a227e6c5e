package kit

import (
	"context"
	"fmt"
	"math"
	"slices"
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

// show turns what is for sale, and what was just sold, into the scene drawn over the picture.
type show struct {
	levels func() *pipeline.Levels
	now    func() time.Duration // kit time
	set    func(capture.Scene)
	span   func(tap, step string) // told "picture" when a confirmation is drawn

	mu      sync.Mutex
	unseen  []confirmation  // not in the picture yet
	told    []capture.Areas // of pictures that have not come yet
	rev     uint64
	banners []capture.Banner
	way     *capture.Banner // how to set the kit up, while that is shown
	last    string
}

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

// update draws what has changed. It tells whether the offers did.
func (s *show) update() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draw()
}

// confirm shows a sale in the picture for a while.
func (s *show) confirm(o pipeline.Outcome) {
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
func (s *show) say(text, sub string, d time.Duration) {
	s.banners = append(s.banners, capture.Banner{Text: text, Sub: sub, Until: capture.Monotonic() + d})
	if n := len(s.banners); n > maxBanners {
		s.banners = s.banners[n-maxBanners:]
	}
	s.last = "" // the banner is news even if the offers are not
	s.draw()
}

// sayFull says now and then that the kit's own Wi-Fi is full, until ctx ends: the picture on a screen at the stall is all that those see
// who cannot join. Those who could join see it too, so it does not stay.
func (s *show) sayFull(ctx context.Context, phones func() (list []crowd.Phone, most int)) error {
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

// notice shows a banner until it is taken away by an empty one.
func (s *show) notice(text, sub string) {
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
	s.last = ""
	s.draw()
}

// coming takes note of the revision of the scene that pictures show from a timestamp on.
func (s *show) coming(a capture.Areas) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told = append(s.told, a); len(s.told) > maxTold {
		s.told = s.told[1:]
	}
}

// picture takes note that a picture came.
func (s *show) picture(rtp uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.told) > 0 && int32(rtp-s.told[0].RTP) >= 0 {
		for len(s.unseen) > 0 && s.unseen[0].rev <= s.told[0].Rev {
			s.span(s.unseen[0].tap, "picture")
			s.unseen = s.unseen[1:]
		}
		s.told = s.told[1:]
	}
}

func (s *show) draw() bool {
	levels, kit, mono := s.levels(), s.now(), capture.Monotonic()
	prompts := []capture.Prompt{}
	for i, o := range levels.Catalogue.Offers {
		p := capture.Prompt{Offer: o.ID, Title: o.Title, Price: pipeline.Money{Minor: o.Price, Currency: levels.Catalogue.Currency}.String(),
			Left: levels.Left(o.ID), Of: levels.Of(o.ID)}
		switch levels.StateAt(o.ID, kit) {
		case pipeline.OfferLive:
			p.State = capture.PromptLive
			if p.Left == 0 {
				p.State = capture.PromptSoldOut
			} else if ends := levels.Offers[i].Ends; ends > 0 {
				p.Ends = (mono - kit + ends).Round(100 * time.Millisecond) // rounded: the clocks are read one after the other
			}
		case pipeline.OfferSoldOut:
			p.State, p.Left = capture.PromptSoldOut, 0
		case pipeline.OfferSoon:
			p.State = capture.PromptSoon
		default:
			continue
		}
		if prompts = append(prompts, p); len(prompts) == maxPrompts {
			break
		}
	}
	now := fmt.Sprint(prompts)
	if now == s.last {
		return false
	}
	s.last = now
	s.rev++
	for len(s.banners) > 0 && s.banners[0].Until <= mono {
		s.banners = s.banners[1:]
	}
	shown := slices.Clone(s.banners)
	if s.way != nil {
		shown = slices.Insert(shown, 0, *s.way)
	}
	s.set(capture.Scene{Rev: s.rev, Prompts: prompts, Banners: shown})
	return true
}
