package overlay

import (
	"image"

	"rsc.io/qr"

	"edgekit.internal/capture"
)

// The lower third's measures, in pixels of a 720-line picture.
const (
	lowerName = 34
	lowerLine = smallPx
	lowerBar  = 8 // of the accent, at its beginning
)

// lowerKey is what a lower third's drawing depends on.
type lowerKey struct {
	is    capture.Lower
	theme capture.Theme
	scale ruler
	above int // the y that it stands on
}

// drawLower draws a name and a line about it on a plate at the left, as wide as they are.
func drawLower(f *Fonts, k lowerKey) *sprite {
	u, colours := k.scale, paletteOf(k.theme)
	pad, most := u.px(20), u.w*46/100
	name := f.line(k.is.Name, u.px(lowerName), Style{Bold: true, MaxWidth: most})
	w, h := name.img.Rect.Dx(), u.even(60)
	var line drawn
	if k.is.Line != "" {
		line = f.line(k.is.Line, u.px(lowerLine), Style{MaxWidth: most})
		w, h = max(w, line.img.Rect.Dx()), u.even(100)
	}
	x := u.w * 4 / 100 &^ 1
	at := image.Rect(x, k.above-h, x+(w+2*pad+u.px(lowerBar)+1)&^1, k.above)
	c := newCanvas(at.Size())
	c.plate(c.img.Bounds(), u.px(12), colours.plate)
	bar := image.Rect(u.px(10), u.px(10), u.px(10)+u.px(lowerBar), h-u.px(10))
	c.plate(bar, bar.Dx()/2, colours.accent)
	left := bar.Max.X + u.px(12)
	put(c, name, leading(name, left, w), u.px(42), colours.text)
	if k.is.Line != "" {
		put(c, line, leading(line, left, w), u.px(82), colours.lesser)
	}
	return bake(c.img, at)
}

// codeKey is what a code's drawing depends on.
type codeKey struct {
	is    capture.QR
	scale ruler
	cards bool // there are some below
}

// quiet is the free margin around a QR code, in modules (ISO/IEC 18004, 9.1).
const quiet = 4

// drawCode draws a QR code, black on white with its quiet zone, and what it is for below. Each of its modules is a whole number of pixels
// of the picture, an even one from four on, so that halving the picture for the smaller layer leaves them sharp. Nothing is
// drawn where a module would have no pixel.
func drawCode(f *Fonts, k codeKey) *sprite {
	u := k.scale
	code, err := qr.Encode(k.is.Text, qr.M)
	if err != nil {
		return nil // longer than any code holds
	}
	label := u.even(44)
	if k.is.Label == "" {
		label = 0
	}
	corner, side := u.code(label, k.cards)
	n := code.Size + 2*quiet
	module := side / n
	if module > 3 {
		module &^= 1
	}
	if module < 1 {
		return nil
	}
	side = (n*module + 1) &^ 1
	at := image.Rect(corner.X-side, corner.Y, corner.X, corner.Y+side+label)
	c := newCanvas(at.Size())
	c.plate(c.img.Bounds(), u.px(12), white)
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				c.square(image.Rect(0, 0, module, module).Add(image.Pt((x+quiet)*module, (y+quiet)*module)), black)
			}
		}
	}
	if label > 0 {
		words := largest(f, k.is.Label, side-u.px(12), true, u.px(smallPx), u.px(24), u.px(20))
		put(c, words, (side-words.img.Rect.Dx())/2, side+u.px(22), dark.solid)
	}
	return bake(c.img, at)
}
