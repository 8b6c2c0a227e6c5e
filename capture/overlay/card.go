package overlay

import (
	"fmt"
	"image"
	"image/color"
	"time"

	"edgekit.internal/capture"
)

// The words drawn on cards besides what the prompt itself says.
const (
	wordLeft    = "%d left"
	wordSoldOut = "SOLD OUT"
	wordSoon    = "Starts in"
	wordTap     = "Tap to buy"
)

// Measures of a card, in pixels of a 720-line picture. The least text is 28, which is 14 on the 360-line layer.
const (
	cardPad    = 16
	cardRadius = 20
	titlePx    = 30
	pricePx    = 36
	smallPx    = 28
	titleBase  = 39 // baseline
	pillTop    = 56
	pillHeight = 56
	footTop    = 116
	footBase   = 149
	barHeight  = 8
	cardHeight = 188
	inHeight   = 34 // more, where a card says what is in a bundle
)

// cardKey is all that a card's drawing depends on, the running countdown excepted.
type cardKey struct {
	at     image.Rectangle
	prompt capture.Prompt
	theme  capture.Theme
	timed  bool // room for the countdown is kept free
}

// slot is one place in the row of cards and what is drawn for it.
type slot struct {
	want, have cardKey
	scale      ruler
	ends       time.Duration
	card       *sprite
	timer      *sprite // nil: no countdown
	seconds    int64   // shown by timer
}

// refresh draws anew what no longer says what it should. Most frames it does nothing.
func (s *slot) refresh(f *Fonts, at time.Duration) {
	if s.card == nil || s.have != s.want {
		s.card, s.have, s.timer = drawCard(f, s.scale, s.want), s.want, nil
	}
	if !s.want.timed {
		return
	}
	left := seconds(s.ends - at)
	if s.timer == nil || left != s.seconds {
		s.timer, s.seconds = drawTimer(f, s.scale, s.want, left), left
	}
}

// seconds rounds what is left up, so that 00:00 shows only once nothing is left.
func seconds(left time.Duration) int64 {
	if left <= 0 {
		return 0
	}
	return min(int64((left-1)/time.Second)+1, 99*3600+59*60+59)
}

// countdown is mm:ss, and h:mm:ss from one hour up.
func countdown(s int64) string {
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

func drawCard(f *Fonts, u ruler, k cardKey) *sprite {
	c, colours := newCanvas(k.at.Size()), paletteOf(k.theme)
	b := c.img.Bounds()
	p, pad := k.prompt, u.px(cardPad)
	inner := b.Dx() - 2*pad
	c.plate(b, u.px(cardRadius), colours.plate)
	top := b.Dy() - u.even(cardHeight) // what is in it has a line more
	if p.In != "" && top > 0 {
		in := f.line(p.In, u.px(smallPx), Style{MaxWidth: inner})
		put(c, in, leading(in, pad, inner), u.px(titleBase)+top, colours.lesser)
	}
	if p.State == capture.PromptSoldOut {
		stamp(c, f, u, colours, top)
	} else {
		pill(c, f, u, p, colours, inner, top)
		foot(c, f, u, k, colours, inner, top)
	}
	title := f.line(p.Title, u.px(titlePx), Style{Bold: true, MaxWidth: inner})
	put(c, title, leading(title, pad, inner), u.px(titleBase), colours.text)
	return bake(c.img, k.at)
}

// pill writes the price: on amber where a tap buys, framed where it does not yet.
func pill(c *canvas, f *Fonts, u ruler, p capture.Prompt, colours palette, inner, top int) {
	pad := u.px(cardPad)
	r := image.Rect(pad, u.px(pillTop), pad+inner, u.px(pillTop+pillHeight)).Add(image.Pt(0, top))
	col := colours.onAccent
	switch {
	case p.State != capture.PromptLive:
		c.frame(r, u.px(16), u.px(3), colours.track)
		col = colours.text
	case contrast(colours.accent, colours.solid) < 3: // WCAG 2.2, 1.4.11: a control's edge is to be seen
		c.plate(r, u.px(16), colours.text)
		c.plate(r.Inset(u.px(3)), u.px(13), colours.accent)
	default:
		c.plate(r, u.px(16), colours.accent)
	}
	price := largest(f, p.Price, r.Dx()-u.px(16), true, u.px(pricePx), u.px(32), u.px(smallPx))
	put(c, price, r.Min.X+(r.Dx()-price.img.Rect.Dx())/2, top+u.px(pillTop+41), col)
}

// foot writes how many are left, or what to do, beside the room of the countdown, and the stock bar under it.
func foot(c *canvas, f *Fonts, u ruler, k cardKey, colours palette, inner, top int) {
	p, pad := k.prompt, u.px(cardPad)
	words, col := wordTap, colours.lesser
	switch {
	case p.State == capture.PromptSoon:
		words = wordSoon
		if !k.timed {
			words = ""
		}
	case p.Left >= 0:
		words = fmt.Sprintf(wordLeft, p.Left)
		if scarce(p) {
			col = colours.scarce
		}
	case k.timed:
		words = ""
	}
	room := inner
	if k.timed {
		room -= timerWidth(u, inner)
	}
	put(c, largest(f, words, room, false, u.px(smallPx), u.px(24), u.px(20)), pad, top+u.px(footBase), col)
	if p.Of <= 0 || p.Left < 0 || p.State == capture.PromptSoon {
		return
	}
	y := c.img.Bounds().Dy() - u.px(14) - u.px(barHeight)
	bar := image.Rect(pad, y, pad+inner, y+u.px(barHeight))
	r := bar.Dy() / 2
	c.plate(bar, r, colours.track)
	if left := min(p.Left, p.Of); left > 0 {
		bar.Max.X = bar.Min.X + max(inner*left/p.Of, bar.Dy())
		fill := colours.accent
		if scarce(p) {
			fill = colours.scarce
		}
		c.plate(bar, r, fill)
	}
}

// scarce is whether so few are left that it is worth a colour.
func scarce(p capture.Prompt) bool { return p.Left <= 3 || p.Of > 0 && p.Left <= p.Of/10 }

// stamp lays "sold out" across a card, slightly turned, as a rubber stamp would.
func stamp(c *canvas, f *Fonts, u ruler, colours palette, top int) {
	line := largest(f, wordSoldOut, c.img.Bounds().Dx()*3/4, true, u.px(40), u.px(34), u.px(smallPx))
	size := line.img.Rect.Size().Add(image.Pt(u.px(36), u.px(8)))
	o := newCanvas(size)
	o.plate(o.img.Bounds(), u.px(12), colours.solid)
	o.frame(o.img.Bounds(), u.px(12), u.px(4), colours.scarce)
	o.write(line.img, image.Pt(u.px(18), u.px(4)), colours.scarce)
	c.tilted(o, image.Pt(c.img.Bounds().Dx()/2, top+u.px(116)), -7)
}

// timerWidth is the room at the right of a card's foot that the countdown has to itself.
func timerWidth(u ruler, inner int) int { return min(u.px(124), inner/2) }

func drawTimer(f *Fonts, u ruler, k cardKey, left int64) *sprite {
	pad := u.px(cardPad)
	w, h := (timerWidth(u, k.at.Dx()-2*pad)+1)&^1, u.even(40)
	from := k.at.Max.Y - u.even(cardHeight) // foot and pill are counted from here
	x, y := (k.at.Max.X-pad-w)&^1, (from+u.px(footTop))&^1
	c, colours := newCanvas(image.Pt(w, h)), paletteOf(k.theme)
	col := colours.text
	if left <= 10 {
		col = colours.scarce
	}
	line := largest(f, countdown(left), w, true, u.px(smallPx), u.px(24), u.px(20))
	put(c, line, w-line.img.Rect.Dx(), from+u.px(footBase)-y, col)
	return bake(c.img, image.Rect(x, y, x+w, y+h))
}

// largest draws a line in the first of some sizes in which it fits, so that a price is not cut while it can be helped.
func largest(f *Fonts, s string, width int, bold bool, sizes ...int) (d drawn) {
	for _, px := range sizes {
		if d = f.line(s, px, Style{Bold: bold}); d.img.Rect.Dx() <= width {
			return d
		}
	}
	return f.line(s, sizes[len(sizes)-1], Style{Bold: bold, MaxWidth: max(width, 1)})
}

// leading is where a line begins in the room from x on: at its right end, if it is read from right to left.
func leading(d drawn, x, room int) int {
	if d.rtl {
		return x + max(room-d.img.Rect.Dx(), 0)
	}
	return x
}

// put writes a line with its baseline at y.
func put(c *canvas, line drawn, x, y int, col color.Color) {
	c.write(line.img, image.Pt(x, y-line.baseline), col)
}
