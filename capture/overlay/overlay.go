// Package overlay draws the scene over the camera's picture: prompt cards along the bottom, confirmations near the top,
// in any script.
//
// It works by damage. A card is drawn with vectors and shaped text only when what it says has changed, and kept as a
// sprite in the picture's own form (4:2:0 samples multiplied by their coverage); each frame only blends the sprites.
// The countdown, which changes every second, is a sprite of its own. Colours are BT.601, limited range: frames are
// expected to be so, and a camera that sends full range (MJPEG does) must be converted before.
package overlay

import (
	"cmp"
	"image"
	"slices"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
)

// Compositor draws the latest scene into frames.
type Compositor struct {
	fonts *Fonts
	scene atomic.Pointer[capture.Scene]

	// The rest belongs to the goroutine that calls Draw.
	drawn   *capture.Scene // for which slots and areas hold
	size    image.Point
	slots   []slot
	banners [maxBanners]bannerSlot
	areas   []capture.Area
}

// New makes a compositor with an empty scene.
func New(f *Fonts) *Compositor {
	c := &Compositor{fonts: f}
	c.scene.Store(&capture.Scene{})
	return c
}

// SetScene replaces the scene whole, from the next frame on. Any goroutine may call it; the latest call wins. The scene
// is copied: at most the first 4 prompts and 16 banners of it.
func (c *Compositor) SetScene(s capture.Scene) {
	s.Prompts = slices.Clone(s.Prompts[:min(len(s.Prompts), maxPrompts)])
	s.Banners = slices.Clone(s.Banners[:min(len(s.Banners), 16)])
	slices.SortStableFunc(s.Banners, func(a, b capture.Banner) int { return cmp.Compare(b.Until, a.Until) })
	c.scene.Store(&s)
}

// Draw draws the latest scene into a picture in place, as it is at an instant (CLOCK_MONOTONIC): countdowns run to it, and
// banners end by it. It returns the scene's revision and the areas of the prompts that can be tapped or are sold out (so
// that a tap on these gets its honest answer), in the order of the scene's prompts; the slice holds until the next call and
// must not be changed. One goroutine calls it, once a frame, with the largest picture, before that is scaled to layers.
//
// The picture must be 4:2:0, even in size and place and at least 160 × 90; into any other nothing is drawn, and there are
// no areas.
func (c *Compositor) Draw(img *image.YCbCr, at time.Duration) (rev uint64, areas []capture.Area) {
	scene := c.scene.Load()
	if !drawable(img) {
		return scene.Rev, nil
	}
	if c.drawn != scene || c.size != img.Rect.Size() {
		c.arrange(scene, img.Rect.Size())
	}
	for i := range c.slots {
		s := &c.slots[i]
		s.refresh(c.fonts, at)
		s.card.blend(img)
		if s.timer != nil {
			s.timer.blend(img)
		}
	}
	n := 0
	for i := range scene.Banners {
		if b := &scene.Banners[i]; at < b.Until && n < maxBanners {
			c.banners[n].show(c.fonts, ruler{c.size.X, c.size.Y}, n, b).blend(img)
			n++
		}
	}
	return scene.Rev, c.areas
}

// arrange lays out a new scene, keeping what is drawn of cards that stay where and as they were.
func (c *Compositor) arrange(scene *capture.Scene, size image.Point) {
	rects := ruler{size.X, size.Y}.cards(len(scene.Prompts))
	slots := make([]slot, len(rects))
	c.areas = nil
	for i, r := range rects {
		p := scene.Prompts[i]
		if i < len(c.slots) && size == c.size {
			slots[i] = c.slots[i]
		}
		slots[i].ends = p.Ends
		slots[i].want = cardKey{at: r, prompt: p}
		slots[i].want.prompt.Ends = 0
		slots[i].want.prompt.Offer = ""
		slots[i].want.timed = p.Ends != 0 && p.State != capture.PromptSoldOut
		slots[i].scale = ruler{size.X, size.Y}
		if p.State == capture.PromptLive || p.State == capture.PromptSoldOut {
			c.areas = append(c.areas, capture.Area{Offer: p.Offer,
				X: float64(r.Min.X) / float64(size.X), Y: float64(r.Min.Y) / float64(size.Y),
				W: float64(r.Dx()) / float64(size.X), H: float64(r.Dy()) / float64(size.Y)})
		}
	}
	if size != c.size {
		c.banners = [maxBanners]bannerSlot{}
	}
	c.drawn, c.size, c.slots = scene, size, slots
}

// drawable is whether blending can go by even coordinates from (0, 0) and stay inside the planes.
func drawable(img *image.YCbCr) bool {
	if img == nil || img.SubsampleRatio != image.YCbCrSubsampleRatio420 || img.Rect.Min != (image.Point{}) {
		return false
	}
	w, h := img.Rect.Dx(), img.Rect.Dy()
	return w >= minWidth && h >= minHeight && w%2 == 0 && h%2 == 0 && img.YStride >= w && img.CStride >= w/2 &&
		len(img.Y) >= (h-1)*img.YStride+w && len(img.Cb) >= (h/2-1)*img.CStride+w/2 && len(img.Cr) >= (h/2-1)*img.CStride+w/2
}
