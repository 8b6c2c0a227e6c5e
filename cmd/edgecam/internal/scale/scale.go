// Package scale makes pictures smaller or larger: by the mean of the area that each new pixel covers, or between the two
// nearest pixels where it covers less than one. It works on 4:2:0 pictures in place of the encoder, which would do it
// worse.
package scale

import "image"

// Scaler scales pictures of one size to another. One goroutine at a time.
type Scaler struct {
	from, to     image.Point
	luma, chroma plane
}

// New prepares for pictures with even sides from and to.
func New(from, to image.Point) *Scaler {
	return &Scaler{from, to, newPlane(from, to), newPlane(from.Div(2), to.Div(2))}
}

// Into scales src into r, which must have the size to and even corners inside dst. It does nothing where sizes do not agree.
func (s *Scaler) Into(dst *image.YCbCr, r image.Rectangle, src *image.YCbCr) {
	if src.Rect.Size() != s.from || r.Size() != s.to || !r.In(dst.Rect) {
		return
	}
	y, c := dst.YOffset(r.Min.X, r.Min.Y), dst.COffset(r.Min.X, r.Min.Y)
	s.luma.scale(dst.Y[y:], dst.YStride, src.Y, src.YStride)
	s.chroma.scale(dst.Cb[c:], dst.CStride, src.Cb, src.CStride)
	s.chroma.scale(dst.Cr[c:], dst.CStride, src.Cr, src.CStride)
}

// plane scales one plane. Half is the common case that needs no tables: each new pixel is the mean of 2×2.
type plane struct {
	half         bool
	to           image.Point
	across, down *axis
	wide         []byte // the plane after the step across: new width, old height
	rows         int
}

func newPlane(from, to image.Point) plane {
	if from == to.Mul(2) {
		return plane{half: true, to: to}
	}
	return plane{to: to, across: newAxis(from.X, to.X), down: newAxis(from.Y, to.Y), wide: make([]byte, to.X*from.Y), rows: from.Y}
}

func (p *plane) scale(dst []byte, dstStride int, src []byte, srcStride int) {
	w := p.to.X
	if p.half {
		for y := range p.to.Y {
			halve(dst[y*dstStride:][:w], src[2*y*srcStride:][:2*w], src[(2*y+1)*srcStride:][:2*w])
		}
		return
	}
	for y := range p.rows {
		p.across.row(p.wide[y*w:][:w], src[y*srcStride:])
	}
	for y := range p.to.Y {
		p.down.column(dst[y*dstStride:][:w], p.wide, w, y)
	}
}

// halve writes the mean of each 2×2 pixels of two rows.
func halve(dst, a, b []byte) {
	b = b[:len(a)]
	for x := range dst {
		i := 2 * x
		if i+1 >= len(a) { // never: tells the compiler that the indices below are in bounds
			return
		}
		dst[x] = byte((uint32(a[i]) + uint32(a[i+1]) + uint32(b[i]) + uint32(b[i+1]) + 2) >> 2)
	}
}
