// Package overlay draws the scene over the camera's picture: prompt cards along the bottom, a lower third above them, confirmations near
// the top and a QR code beside them, in any script and in the theme's colours.
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
	size    image.Point
	now     row  // what the last picture shows
	next    *row // what the next one will show instead; nil: the same
	banners [maxBanners]kept[bannerKey]
	lower   kept[lowerKey]
	code    kept[codeKey]
}

// kept is a sprite, and what it was drawn of. It is nil where that gives no picture.
type kept[K comparable] struct {
	of    K
	drawn bool
	*sprite
}

// is tells whether it shows this, and takes note that it will be.
func (k *kept[K]) is(of K) bool {
	same := k.drawn && k.of == of
	k.of, k.drawn = of, true
	return same
}

// row is a scene laid out for a picture's size.
type row struct {
	scene *capture.Scene
	slots []slot
	areas []capture.Area
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
// banners end by it. A scene in which other areas can be tapped is drawn one picture late, so that Next can tell of it before
// anybody sees it; all else of a scene at once. It returns the revision of the scene that the picture shows, and the areas of the
// prompts that can be tapped or are sold out (so that a tap on these gets its honest answer), in the order of the scene's
// prompts; the slice must not be changed. One goroutine calls it, once a frame, with the largest picture, before that is scaled to
// layers.
//
// The picture must be 4:2:0, even in size and place and at least 160 × 90; into any other nothing is drawn, and there are
// no areas.
func (c *Compositor) Draw(img *image.YCbCr, at time.Duration) (rev uint64, areas []capture.Area) {
	if !drawable(img) {
		return c.scene.Load().Rev, nil
	}
	c.step(img.Rect.Size())
	for i := range c.now.slots {
		s := &c.now.slots[i]
		s.refresh(c.fonts, at)
		s.card.blend(img)
		if s.timer != nil {
			s.timer.blend(img)
		}
	}
	scene, u := c.now.scene, ruler{c.size.X, c.size.Y}
	if k := (lowerKey{scene.Lower, scene.Theme, u, u.above(len(scene.Prompts) > 0)}); scene.Lower.Name != "" {
		if !c.lower.is(k) {
			c.lower.sprite = drawLower(c.fonts, k)
		}
		c.lower.blend(img)
	}
	if k := (codeKey{scene.QR, u, len(scene.Prompts) > 0}); scene.QR.Text != "" {
		if !c.code.is(k) {
			c.code.sprite = drawCode(c.fonts, k)
		}
		c.code.blend(img)
	}
	n := 0
	for i := range scene.Banners {
		if b := &scene.Banners[i]; at < b.Until && n < maxBanners {
			if k := (bannerKey{b.Text, b.Sub}); !c.banners[n].is(k) {
				c.banners[n].sprite = drawBanner(c.fonts, u, u.banner(n), k)
			}
			c.banners[n].blend(img)
			n++
		}
	}
	return scene.Rev, c.now.areas
}

// Next tells what the next picture will show, if other areas hold in it than in the one that Draw has drawn last.
func (c *Compositor) Next() (rev uint64, areas []capture.Area, other bool) {
	if c.next == nil {
		return 0, nil, false
	}
	return c.next.scene.Rev, c.next.areas, true
}

// step decides what the picture shows: what was told of the picture before, and of what has come since all that moves no area.
func (c *Compositor) step(size image.Point) {
	scene := c.scene.Load()
	if c.size != size { // the first picture, or another camera's: there is none before it
		c.size, c.next, c.banners = size, nil, [maxBanners]kept[bannerKey]{}
		c.now = arrange(scene, size, nil)
		return
	}
	if c.next != nil {
		c.now, c.next = *c.next, nil
	}
	if c.now.scene == scene {
		return
	}
	r := arrange(scene, size, c.now.slots)
	if slices.Equal(r.areas, c.now.areas) {
		c.now = r
	} else {
		c.next = &r
	}
}

// arrange lays out a scene, keeping what is drawn of cards that stay where and as they were.
func arrange(scene *capture.Scene, size image.Point, was []slot) row {
	tall := slices.ContainsFunc(scene.Prompts, func(p capture.Prompt) bool { return p.In != "" })
	rects := ruler{size.X, size.Y}.cards(len(scene.Prompts), tall)
	r := row{scene: scene, slots: make([]slot, len(rects))}
	for i, at := range rects {
		p := scene.Prompts[i]
		if i < len(was) {
			r.slots[i] = was[i]
		}
		s := &r.slots[i]
		s.ends = p.Ends
		s.want = cardKey{at: at, prompt: p, theme: scene.Theme}
		s.want.prompt.Ends = 0
		s.want.prompt.Offer = ""
		s.want.timed = p.Ends != 0 && p.State != capture.PromptSoldOut
		s.scale = ruler{size.X, size.Y}
		if p.State == capture.PromptLive || p.State == capture.PromptSoldOut {
			r.areas = append(r.areas, capture.Area{Offer: p.Offer,
				X: float64(at.Min.X) / float64(size.X), Y: float64(at.Min.Y) / float64(size.Y),
				W: float64(at.Dx()) / float64(size.X), H: float64(at.Dy()) / float64(size.Y)})
		}
	}
	return r
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
