package synth

import (
	"image"
	"math"
)

// video converts an opaque drawing to 4:2:0 in BT.601's limited range (luma 16 to 235). A chroma sample is the mean of
// its four pixels.
func video(src *image.RGBA) *image.YCbCr {
	w, h := src.Rect.Dx(), src.Rect.Dy()
	out := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for y := 0; y < h; y += 2 {
		for x := 0; x < w; x += 2 {
			var r, g, b float64
			for i := range 4 {
				px, py := x+i&1, y+i>>1
				p := src.Pix[py*src.Stride+4*px:][:3]
				l, _, _ := ycc(float64(p[0]), float64(p[1]), float64(p[2]))
				out.Y[py*out.YStride+px] = l
				r, g, b = r+float64(p[0]), g+float64(p[1]), b+float64(p[2])
			}
			_, out.Cb[y/2*out.CStride+x/2], out.Cr[y/2*out.CStride+x/2] = ycc(r/4, g/4, b/4)
		}
	}
	return out
}

// ycc is BT.601 in limited range (ITU-R BT.601-7 section 2.5): r, g and b from 0 to 255.
func ycc(r, g, b float64) (y, cb, cr uint8) {
	y = uint8(16.5 + (65.481*r+128.553*g+24.966*b)/255)
	cb = uint8(128.5 + (-37.797*r-74.203*g+112*b)/255)
	cr = uint8(128.5 + (112*r-93.786*g-18.214*b)/255)
	return
}

// cutout is a small drawing with coverage, laid over frames at places that change.
type cutout struct {
	size, rows int // both even
	y, a       []uint8
	cb, cr, ca []uint8
}

// newCutout samples a drawing given as colour (0 to 255) and coverage (0 to 1) at a point.
func newCutout(size, rows int, at func(x, y float64) (r, g, b, a float64)) *cutout {
	c := &cutout{size: size, rows: rows, y: make([]uint8, size*rows), a: make([]uint8, size*rows),
		cb: make([]uint8, size*rows/4), cr: make([]uint8, size*rows/4), ca: make([]uint8, size*rows/4)}
	for y := range rows {
		for x := range size {
			r, g, b, a := at(float64(x)+.5, float64(y)+.5)
			c.y[y*size+x], _, _ = ycc(r, g, b)
			c.a[y*size+x] = uint8(a*255 + .5)
		}
	}
	for y := range rows / 2 {
		for x := range size / 2 {
			r, g, b, a := at(float64(2*x)+1, float64(2*y)+1)
			i := y*(size/2) + x
			_, c.cb[i], c.cr[i] = ycc(r, g, b)
			c.ca[i] = uint8(a*255 + .5)
		}
	}
	return c
}

// over lays the drawing with its top left corner at the nearest even coordinates; what does not fit is cut off.
func (c *cutout) over(img *image.YCbCr, x, y int) {
	x, y = x&^1, y&^1
	part := image.Rect(x, y, x+c.size, y+c.rows).Intersect(img.Rect)
	if part.Empty() {
		return
	}
	n := part.Dx()
	for py := part.Min.Y; py < part.Max.Y; py++ {
		from := (py-y)*c.size + part.Min.X - x
		mix(img.Y[img.YOffset(part.Min.X, py):][:n], c.y[from:], c.a[from:])
	}
	for py := part.Min.Y; py < part.Max.Y; py += 2 {
		from, to := (py-y)/2*(c.size/2)+(part.Min.X-x)/2, img.COffset(part.Min.X, py)
		mix(img.Cb[to:][:n/2], c.cb[from:], c.ca[from:])
		mix(img.Cr[to:][:n/2], c.cr[from:], c.ca[from:])
	}
}

func mix(dst, src, cover []uint8) {
	src, cover = src[:len(dst)], cover[:len(dst)]
	for i, a := range cover {
		t := uint32(dst[i])*uint32(255-a) + uint32(src[i])*uint32(a) + 128
		dst[i] = uint8((t + t>>8) >> 8) // t/255, rounded
	}
}

// ballCutout is a ball of radius r, lit from the upper left.
func ballCutout(r int) *cutout {
	rad := float64(r)
	return newCutout(2*r, 2*r, func(x, y float64) (red, g, b, a float64) {
		dx, dy := (x-rad)/rad, (y-rad)/rad
		far := math.Hypot(dx, dy)
		a = min(max((1-far)*rad+.5, 0), 1)
		light := .62 + .5*max(0, 1-math.Hypot(dx+.35, dy+.4)/1.3)
		shine := max(0, 1-math.Hypot(dx+.38, dy+.42)/.28)
		base := [3]float64{0xF2, 0xB4, 0x3C}
		if math.Abs(dx*.5+dy) < .22 { // a stripe
			base = [3]float64{0xF8, 0xF2, 0xE6}
		}
		tone := func(v float64) float64 { v = min(v*light, 255); return v + (250-v)*shine*.8 }
		return tone(base[0]), tone(base[1]), tone(base[2]), a
	})
}

// shadowCutout is the soft shadow of a ball of radius r on the counter.
func shadowCutout(r int) *cutout {
	w, h := float64(r), float64(r/4&^1)
	return newCutout(2*r, r/2&^3, func(x, y float64) (red, g, b, a float64) {
		far := math.Hypot((x-w)/w, (y-h)/max(h, 1))
		return 0x3A, 0x24, 0x14, .5 * max(0, 1-far)
	})
}
