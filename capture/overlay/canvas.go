package overlay

import (
	"image"
	"image/color"
	"image/draw"
	"math"

	"golang.org/x/image/vector"
)

// canvas is what a card is drawn on before it is baked into a sprite.
type canvas struct {
	img *image.RGBA
	z   vector.Rasterizer
}

func newCanvas(size image.Point) *canvas {
	return &canvas{img: image.NewRGBA(image.Rectangle{Max: size})}
}

// fill paints a shape with one colour. The path lies in r, and is given relative to r's corner: only r is rasterised.
func (c *canvas) fill(r image.Rectangle, col color.Color, path func(z *vector.Rasterizer)) {
	if r = r.Intersect(c.img.Rect); r.Empty() {
		return
	}
	c.z.Reset(r.Dx(), r.Dy())
	c.z.DrawOp = draw.Over
	path(&c.z)
	c.z.Draw(c.img, r, image.NewUniform(col), image.Point{})
}

// plate fills a rounded rectangle: two bands with the corners, and what is between them.
func (c *canvas) plate(r image.Rectangle, radius int, col color.Color) {
	radius = max(min(radius, r.Dx()/2, r.Dy()/2), 0)
	top, middle, bottom := r, r, r
	top.Max.Y = r.Min.Y + radius
	middle.Min.Y, middle.Max.Y = top.Max.Y, r.Max.Y-radius
	bottom.Min.Y = middle.Max.Y
	w, h, rad := float32(r.Dx()), float32(r.Dy()), float32(radius)
	c.fill(top, col, func(z *vector.Rasterizer) { rounded(z, 0, 0, w, h, rad, false) })
	c.fill(bottom, col, func(z *vector.Rasterizer) { rounded(z, 0, rad-h, w, rad, rad, false) })
	draw.Draw(c.img, middle, image.NewUniform(col), image.Point{}, draw.Over)
}

// square fills a rectangle with square corners.
func (c *canvas) square(r image.Rectangle, col color.Color) {
	draw.Draw(c.img, r, image.NewUniform(col), image.Point{}, draw.Over)
}

// frame strokes a rounded rectangle, inside its edge.
func (c *canvas) frame(r image.Rectangle, radius, stroke int, col color.Color) {
	w, h, rad, s := float32(r.Dx()), float32(r.Dy()), float32(radius), float32(stroke)
	c.fill(r, col, func(z *vector.Rasterizer) {
		rounded(z, 0, 0, w, h, rad, false)
		rounded(z, s, s, w-s, h-s, rad-s, true)
	})
}

// rounded adds a rounded rectangle to a path; backwards it cuts a hole into what is around it. Each corner is one cubic
// curve, whose handles at 0.5523 of the radius keep it within 0.03 % of a circle.
func rounded(z *vector.Rasterizer, x0, y0, x1, y1, r float32, backwards bool) {
	r = max(min(r, (x1-x0)/2, (y1-y0)/2), 0)
	k := r * 0.4477
	if backwards { // the same outline, mirrored
		x0, x1 = x1, x0
		r, k := -r, -k
		corners(z, x0, y0, x1, y1, r, -r, k, -k)
		return
	}
	corners(z, x0, y0, x1, y1, r, r, k, k)
}

func corners(z *vector.Rasterizer, x0, y0, x1, y1, rx, ry, kx, ky float32) {
	z.MoveTo(x0+rx, y0)
	z.LineTo(x1-rx, y0)
	z.CubeTo(x1-kx, y0, x1, y0+ky, x1, y0+ry)
	z.LineTo(x1, y1-ry)
	z.CubeTo(x1, y1-ky, x1-kx, y1, x1-rx, y1)
	z.LineTo(x0+rx, y1)
	z.CubeTo(x0+kx, y1, x0, y1-ky, x0, y1-ry)
	z.LineTo(x0, y0+ry)
	z.CubeTo(x0, y0+ky, x0+kx, y0, x0+rx, y0)
	z.ClosePath()
}

// tick draws a check mark that fills a square.
func (c *canvas) tick(r image.Rectangle, col color.Color) {
	c.fill(r, col, func(z *vector.Rasterizer) {
		size := float32(r.Dx())
		for i, p := range [][2]float32{{0, .52}, {.14, .38}, {.36, .60}, {.86, .10}, {1, .24}, {.36, .88}} {
			if i == 0 {
				z.MoveTo(p[0]*size, p[1]*size)
				continue
			}
			z.LineTo(p[0]*size, p[1]*size)
		}
		z.ClosePath()
	})
}

// write lays a line's coverage over the canvas with its top left corner at p.
func (c *canvas) write(line *image.Alpha, p image.Point, col color.Color) {
	draw.DrawMask(c.img, line.Bounds().Add(p), image.NewUniform(col), image.Point{}, line, image.Point{}, draw.Over)
}

// tilted lays another canvas over this one, with its middle at a point and turned about that by degrees (clockwise), each
// pixel mixed from the four nearest.
func (c *canvas) tilted(o *canvas, at image.Point, degrees float64) {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	b, ob := c.img.Bounds(), o.img.Bounds()
	cx, cy := float64(at.X), float64(at.Y)
	ox, oy := float64(ob.Dx())/2, float64(ob.Dy())/2
	for y := range b.Dy() {
		for x := range b.Dx() {
			dx, dy := float64(x)+.5-cx, float64(y)+.5-cy
			sx, sy := ox+dx*cos+dy*sin-.5, oy-dx*sin+dy*cos-.5
			if sx < -1 || sy < -1 || sx > float64(ob.Dx()) || sy > float64(ob.Dy()) {
				continue
			}
			p := o.mix(sx, sy)
			d := c.img.Pix[c.img.PixOffset(x, y):][:4:4]
			for i := range d {
				d[i] = uint8(p[i] + float64(d[i])*(255-p[3])/255 + .5)
			}
		}
	}
}

func (c *canvas) mix(x, y float64) (out [4]float64) {
	x0, y0 := math.Floor(x), math.Floor(y)
	for _, n := range [4][2]float64{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
		px, py := x0+n[0], y0+n[1]
		p := image.Pt(int(px), int(py))
		if !p.In(c.img.Bounds()) {
			continue
		}
		share := (1 - math.Abs(x-px)) * (1 - math.Abs(y-py))
		for i, v := range c.img.Pix[c.img.PixOffset(p.X, p.Y):][:4] {
			out[i] += share * float64(v)
		}
	}
	return out
}
