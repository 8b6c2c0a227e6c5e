package synth

import (
	"image"
	"image/color"
	"math"
	"time"

	"golang.org/x/image/vector"
)

// stall is the scene: what stands still is drawn once; a ball that bounces along the counter, its shadow and the
// digits of the clock are kept ready and laid over a copy of it for each frame.
type stall struct {
	still  *image.YCbCr
	ball   *cutout
	shadow *cutout
	digits digits
}

func newStall(w, h int) *stall {
	p := &painter{img: image.NewRGBA(image.Rect(0, 0, w, h)), unit: float32(h) / 720, middle: float32(w) / 2}
	p.wall()
	p.goods()
	p.counter()
	p.awning()
	s := &stall{still: video(p.img)}
	r := h / 12 &^ 1
	s.ball = ballCutout(r)
	s.shadow = shadowCutout(r)
	s.digits = newDigits(s.still, h)
	return s
}

// period is how long the ball takes from the left end to the right and back; it bounces bounces times on each way.
const (
	period  = 8 * time.Second
	bounces = 4
)

func (s *stall) draw(img *image.YCbCr, at time.Duration, wall time.Time) {
	copy(img.Y, s.still.Y)
	copy(img.Cb, s.still.Cb)
	copy(img.Cr, s.still.Cr)
	w, h := img.Rect.Dx(), img.Rect.Dy()
	way := float64(at%period) / float64(period) * 2 // 0 to 1 and back
	if way > 1 {
		way = 2 - way
	}
	hop := math.Mod(way*bounces, 1)
	high := 4 * hop * (1 - hop) // a parabola, as gravity has it
	d := s.ball.size
	x := int(float64(w)*.06 + way*(float64(w)*.88-float64(d)))
	floor := h * 70 / 100
	s.shadow.over(img, x+d/2-s.shadow.size/2, floor-s.shadow.rows/2)
	s.ball.over(img, x, floor-d-int(high*float64(h)*.3))
	s.digits.draw(img, wall)
}

// painter draws shapes given in pixels of a picture 720 lines high, measured from the middle of its width.
type painter struct {
	img    *image.RGBA
	z      vector.Rasterizer
	unit   float32
	middle float32
	corner image.Point // of the part that is being drawn
}

func (p *painter) x(v float32) float32 { return p.middle + v*p.unit - float32(p.corner.X) }
func (p *painter) y(v float32) float32 { return v*p.unit - float32(p.corner.Y) }

// shape fills a path that lies between x0, y0 and x1, y1. Only that part is rasterised.
func (p *painter) shape(col color.Color, x0, y0, x1, y1 float32, path func(z *vector.Rasterizer)) {
	p.corner = image.Point{}
	part := image.Rect(int(max(p.x(x0), 0)), int(max(p.y(y0), 0)), int(p.x(x1))+2, int(p.y(y1))+2).Intersect(p.img.Rect)
	if part.Empty() {
		return
	}
	p.corner = part.Min
	p.z.Reset(part.Dx(), part.Dy())
	path(&p.z)
	p.z.Draw(p.img, part, image.NewUniform(col), image.Point{})
}

func (p *painter) box(col color.Color, x0, y0, x1, y1 float32) {
	p.shape(col, x0, y0, x1, y1, func(z *vector.Rasterizer) {
		z.MoveTo(p.x(x0), p.y(y0))
		z.LineTo(p.x(x1), p.y(y0))
		z.LineTo(p.x(x1), p.y(y1))
		z.LineTo(p.x(x0), p.y(y1))
		z.ClosePath()
	})
}

func (p *painter) ellipse(col color.Color, cx, cy, rx, ry float32) {
	p.shape(col, cx-rx, cy-ry, cx+rx, cy+ry, func(z *vector.Rasterizer) {
		const k = .5523 // the handles of a cubic that stands for a quarter of a circle
		x, y, rx, ry := p.x(cx), p.y(cy), rx*p.unit, ry*p.unit
		z.MoveTo(x+rx, y)
		z.CubeTo(x+rx, y+k*ry, x+k*rx, y+ry, x, y+ry)
		z.CubeTo(x-k*rx, y+ry, x-rx, y+k*ry, x-rx, y)
		z.CubeTo(x-rx, y-k*ry, x-k*rx, y-ry, x, y-ry)
		z.CubeTo(x+k*rx, y-ry, x+rx, y-k*ry, x+rx, y)
		z.ClosePath()
	})
}

func rgb(hex uint32) color.NRGBA {
	return color.NRGBA{uint8(hex >> 16), uint8(hex >> 8), uint8(hex), 255}
}

// wall is the evening light behind the stall: a gradient, warm below, and the glow around a low sun.
func (p *painter) wall() {
	b := p.img.Bounds()
	top, low, glow := [3]float64{0x2F, 0x52, 0x66}, [3]float64{0xE9, 0xC9, 0xA4}, [3]float64{0xFF, 0xEA, 0xC4}
	p.corner = image.Point{}
	sunX, sunY, reach := float64(p.x(330)), float64(p.y(320)), float64(p.unit)*230
	for y := range b.Dy() {
		t := min(float64(y)/float64(b.Dy())/.72, 1)
		row := p.img.Pix[y*p.img.Stride:]
		for x := range b.Dx() {
			near := max(0, 1-math.Sqrt((float64(x)-sunX)*(float64(x)-sunX)+(float64(y)-sunY)*(float64(y)-sunY))/reach)
			for i := range top {
				v := top[i] + (low[i]-top[i])*t
				row[4*x+i] = uint8(v + (glow[i]-v)*near*near + .5)
			}
			row[4*x+3] = 255
		}
	}
	p.ellipse(color.NRGBA{0xFF, 0xF4, 0xDC, 0xB0}, 330, 320, 84, 84)
}

// goods stand on a shelf: jars and bowls.
func (p *painter) goods() {
	p.box(rgb(0x8A5A3C), -420, 430, 420, 446)
	p.box(rgb(0x6E452D), -420, 446, 420, 452)
	for i, col := range []uint32{0xC8553D, 0xE0A33A, 0x4F7F6F, 0xF2E3CF, 0x3F6B86} {
		x := float32(-350 + i*170)
		if i%2 == 0 { // a jar
			p.box(rgb(col), x-34, 350, x+34, 430)
			p.ellipse(rgb(col), x, 352, 34, 12)
			p.box(rgb(0xEFE6D8), x-24, 378, x+24, 408)
			p.box(rgb(0x5B4636), x-26, 336, x+26, 350)
			continue
		}
		p.shape(rgb(col), x-56, 382, x+56, 430, func(z *vector.Rasterizer) { // a bowl
			z.MoveTo(p.x(x-56), p.y(382))
			z.LineTo(p.x(x+56), p.y(382))
			z.CubeTo(p.x(x+52), p.y(420), p.x(x+26), p.y(430), p.x(x), p.y(430))
			z.CubeTo(p.x(x-26), p.y(430), p.x(x-52), p.y(420), p.x(x-56), p.y(382))
			z.ClosePath()
		})
		p.ellipse(color.NRGBA{0, 0, 0, 0x38}, x, 382, 56, 9)
	}
}

// counter is the table in front.
func (p *painter) counter() {
	p.box(rgb(0xA86F47), -4000, 486, 4000, 720)
	p.box(rgb(0xC08A5E), -4000, 486, 4000, 500)
	for i := range 5 {
		y := float32(526 + i*42)
		p.box(color.NRGBA{0x70, 0x44, 0x28, 0x50}, -4000, y, 4000, y+3)
	}
}

// awning hangs over the stall in stripes, each ending in half a circle.
func (p *painter) awning() {
	const stripe = 80
	half := p.middle/p.unit/stripe + 2
	n := int(half)
	for i := -n; i <= n; i++ {
		col := rgb(0xF6EFE4)
		if i&1 == 0 {
			col = rgb(0xB8433B)
		}
		x := float32(i * stripe)
		p.box(col, x-stripe/2, 0, x+stripe/2, 130)
		p.ellipse(col, x, 130, stripe/2, 26)
	}
	p.box(color.NRGBA{0, 0, 0, 0x28}, -4000, 0, 4000, 56)
}
