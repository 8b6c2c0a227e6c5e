package thermal

import (
	"image"
	"image/color"

	"golang.org/x/image/draw"
	"rsc.io/qr"

	"edgekit.internal/drivers/thermal/internal/paper"
)

// maxBand is how many rows of dots one raster image has: the buffers of cheap printers take no more.
const maxBand = 128

// px is the em of drawn text that goes with the printer's own.
func (s Style) px() int {
	px := 22
	if s.Small {
		px = 16
	}
	return px * s.times()
}

// draws tells whether there is a way to draw what the printer's own characters cannot say.
func (d *Doc) draws(s string, style Style) bool { return d.text != nil && d.draw(s, style) != nil }

// draw is a line as a picture no wider than the paper, nil when it cannot be drawn.
func (d *Doc) draw(s string, style Style) *image.Alpha {
	img := d.text(s, style.px(), style.Bold, d.profile.Dots)
	if img == nil || img.Rect.Empty() || img.Rect.Dy() > 4*style.px() {
		return nil
	}
	return img
}

// drawn prints a line that fits as a picture, and where that cannot be had, as well as it can be said.
func (d *Doc) drawn(s string, style Style) {
	if img := d.draw(s, style); img != nil {
		d.raster(style.Align, img)
	} else {
		d.said(s, style)
	}
}

// fits measures drawn text against a width in dots.
func (d *Doc) fits(style Style, width int) func(string) bool {
	return func(s string) bool {
		img := d.text(s, style.px(), style.Bold, 0)
		return img == nil || img.Rect.Dx() <= width
	}
}

// rasterPair is Pair for text that must be drawn.
func (d *Doc) rasterPair(left, right string, style Style) {
	price := d.draw(right, style)
	if price == nil {
		d.Line(left, style)
		return
	}
	space := style.px() / 2
	room := d.profile.Dots - price.Rect.Dx() - space
	if room < d.profile.Dots/4 {
		d.Line(left, style)
		d.raster(Right, price)
		return
	}
	lines := wrap(left, d.fits(style, room))
	for _, l := range lines[:len(lines)-1] {
		d.drawn(l, style)
	}
	last := d.draw(lines[len(lines)-1], style)
	if last == nil || last.Rect.Dx() > room {
		d.drawn(lines[len(lines)-1], style)
		last = nil
	}
	d.raster(Left, last, price)
}

// raster prints a picture where it belongs, or two, the second one at the right. ESC a is not relied on: printers differ
// in whether it moves images.
func (d *Doc) raster(align Align, pictures ...*image.Alpha) {
	height := 0
	for _, img := range pictures {
		if img != nil {
			height = max(height, img.Rect.Dy())
		}
	}
	if height == 0 || !d.grows(height) {
		return
	}
	dots := paper.NewBits(d.profile.Dots, height)
	for i, img := range pictures {
		if img == nil {
			continue
		}
		x := d.profile.Dots - img.Rect.Dx()
		switch {
		case i == 1 || align == Right:
		case align == Centre:
			x /= 2
		default:
			x = 0
		}
		stamp(dots, img, x, (height-img.Rect.Dy())/2)
	}
	d.bands(dots)
}

// drawn is a QR code in the middle of a line of so many dots.
func drawn(code *qr.Code, module, width int) *paper.Bits {
	dots := paper.NewBits(width, code.Size*module)
	left := (width - code.Size*module) / 2
	for y := range dots.H {
		for x := range code.Size * module {
			if code.Black(x/module, y/module) {
				dots.Set(left+x, y)
			}
		}
	}
	return dots
}

// Picture is a picture as printers have it: dots, black or none. Safe for concurrent use.
type Picture struct{ dots *paper.Bits }

// tallest is how high a picture may be, in dots (5 cm).
const tallest = 400

// NewPicture makes one no wider than so many dots, smaller than img where that is larger, greys as patterns of dots.
func NewPicture(img image.Image, dots int) *Picture {
	size := img.Bounds().Size()
	if size.X < 1 || size.Y < 1 || dots < 8 {
		return &Picture{paper.NewBits(0, 0)}
	}
	scale := min(1, float64(dots)/float64(size.X), tallest/float64(size.Y))
	at := image.Rect(0, 0, max(1, int(float64(size.X)*scale)), max(1, int(float64(size.Y)*scale)))
	grey := image.NewGray(at)
	draw.Draw(grey, at, image.White, image.Point{}, draw.Src) // what shows through is paper
	draw.CatmullRom.Scale(grey, at, img, img.Bounds(), draw.Over, nil)
	two := image.NewPaletted(at, color.Palette{color.White, color.Black})
	draw.FloydSteinberg.Draw(two, at, grey, image.Point{})
	b := paper.NewBits(at.Dx(), at.Dy())
	for y := range b.H {
		for x := range b.W {
			if two.ColorIndexAt(x, y) == 1 {
				b.Set(x, y)
			}
		}
	}
	return &Picture{b}
}

// Picture prints a picture in the middle. One that is wider than the paper is left out.
func (d *Doc) Picture(p *Picture) {
	if p == nil || p.dots.H == 0 || p.dots.W > d.profile.Dots || !d.grows(p.dots.H) {
		return
	}
	line := paper.NewBits(d.profile.Dots, p.dots.H)
	left := (line.W - p.dots.W) / 2
	for y := range p.dots.H {
		for x := range p.dots.W {
			if p.dots.Black(x, y) {
				line.Set(left+x, y)
			}
		}
	}
	d.bands(line)
}

// stamp makes black what a picture covers by half, with its corner at x, y.
func stamp(dots *paper.Bits, img *image.Alpha, x, y int) {
	for dy := range img.Rect.Dy() {
		for dx := range img.Rect.Dx() {
			if at := x + dx; at >= 0 && at < dots.W && img.AlphaAt(img.Rect.Min.X+dx, img.Rect.Min.Y+dy).A >= 0x80 {
				dots.Set(at, y+dy)
			}
		}
	}
}

// bands writes dots as GS v 0 images.
func (d *Doc) bands(dots *paper.Bits) {
	data := dots.Bytes()
	for i := range len(data) - 1 {
		// DLE EOT, DLE ENQ and DLE DC4 are obeyed wherever they come, in the middle of an image too: one dot more
		// makes them dots again.
		if next := data[i+1]; data[i] == 0x10 && (next == 0x04 || next == 0x05 || next == 0x14) {
			data[i] |= 0x08
		}
	}
	stride := (dots.W + 7) / 8
	d.b.WriteString("\x1ba\x00") // ESC a 0
	for rows := dots.H; rows > 0; {
		n := min(rows, maxBand)
		d.b.Write([]byte{0x1d, 'v', '0', 0, byte(stride), byte(stride >> 8), byte(n), byte(n >> 8)})
		d.b.Write(data[:n*stride])
		data, rows = data[n*stride:], rows-n
	}
}
