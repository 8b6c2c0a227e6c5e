package synth

import (
	"image"
	"time"
)

// segments lists which bars of a seven-segment digit are lit, in the usual order: top, upper right, lower right, bottom,
// lower left, upper left, middle; the lowest bit is the top.
var segments = [10]uint8{0x3F, 0x06, 0x5B, 0x4F, 0x66, 0x6D, 0x7D, 0x07, 0x7F, 0x6F}

const clockText = "00:00:00.000" // its form

// digits is the clock for people: the wall time as HH:MM:SS.mmm on a board under the awning, at the left. Each
// character is kept as the block of luma that it fills; the board has no colour.
type digits struct {
	board   image.Rectangle
	cell    image.Point // of a digit
	narrow  int         // width of the colon and the point
	origin  image.Point
	glyphs  [10][]uint8
	colon   []uint8
	point   []uint8
	written [len(clockText)]byte
}

// Luma of the board, of a lit bar and of an unlit one.
const (
	boardLuma = 32
	litLuma   = 225
	dimLuma   = 44
)

// newDigits draws the empty board into the still picture and the characters at the size for h lines.
func newDigits(still *image.YCbCr, h int) digits {
	d := digits{cell: image.Pt(max(h/26, 4), max(h/15, 7)), narrow: max(h/52, 2)}
	w := still.Rect.Dx()
	left, top := w*4/100&^1, h*29/100&^1
	pad := max(h/45, 2)
	width := 9*d.cell.X + 3*d.narrow
	d.board = image.Rect(left, top, left+(width+2*pad+1)&^1, top+(d.cell.Y+2*pad+1)&^1).Intersect(still.Rect)
	d.origin = image.Pt(left+pad, top+pad)
	if d.origin.X+width > w { // a picture too narrow for it
		d.board = image.Rectangle{}
		return d
	}
	fill(still, d.board, boardLuma)
	for n := range d.glyphs {
		d.glyphs[n] = d.digit(segments[n])
	}
	d.colon = d.dots(d.cell.Y/3, d.cell.Y*2/3)
	d.point = d.dots(d.cell.Y - d.narrow/2 - 1)
	return d
}

// draw writes a time onto the board.
func (d *digits) draw(img *image.YCbCr, t time.Time) {
	if d.board.Empty() {
		return
	}
	d.written = [len(clockText)]byte([]byte(clockText))
	two := func(at, n int) { d.written[at], d.written[at+1] = byte('0'+n/10), byte('0'+n%10) }
	ms := t.Nanosecond() / int(time.Millisecond)
	two(0, t.Hour())
	two(3, t.Minute())
	two(6, t.Second())
	d.written[9] = byte('0' + ms/100)
	two(10, ms%100)
	x := d.origin.X
	for _, c := range d.written {
		block, w := d.colon, d.narrow
		switch {
		case c >= '0' && c <= '9':
			block, w = d.glyphs[c-'0'], d.cell.X
		case c == '.':
			block = d.point
		}
		for y := range d.cell.Y {
			copy(img.Y[img.YOffset(x, d.origin.Y+y):][:w], block[y*w:])
		}
		x += w
	}
}

// digit draws one digit: bars an eighth of the height thick, with a gap to the next digit.
func (d *digits) digit(lit uint8) []uint8 {
	w, h := d.cell.X, d.cell.Y
	g := block{make([]uint8, w*h), w}
	g.fill(image.Rect(0, 0, w, h), boardLuma)
	t := max(h/8, 1)
	right, mid := w-max(w/5, 1), (h-t)/2
	bars := [7]image.Rectangle{
		image.Rect(0, 0, right, t), image.Rect(right-t, 0, right, mid+t), image.Rect(right-t, mid, right, h),
		image.Rect(0, h-t, right, h), image.Rect(0, mid, t, h), image.Rect(0, 0, t, mid+t), image.Rect(0, mid, right, mid+t),
	}
	for _, luma := range [2]uint8{dimLuma, litLuma} { // the lit ones last, over the corners that they share
		for i, bar := range bars {
			if (lit>>i&1 == 1) == (luma == litLuma) {
				g.fill(bar, luma)
			}
		}
	}
	return g.pix
}

func (d *digits) dots(ys ...int) []uint8 {
	g := block{make([]uint8, d.narrow*d.cell.Y), d.narrow}
	g.fill(image.Rect(0, 0, d.narrow, d.cell.Y), boardLuma)
	side := max(d.narrow/2, 1)
	for _, y := range ys {
		y = min(max(y-side/2, 0), d.cell.Y-side)
		g.fill(image.Rect(0, y, side, y+side), litLuma)
	}
	return g.pix
}

// block is a piece of a luma plane.
type block struct {
	pix    []uint8
	stride int
}

func (b block) fill(r image.Rectangle, v uint8) {
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			b.pix[y*b.stride+x] = v
		}
	}
}

// fill paints a rectangle, even in place and size, in one grey.
func fill(img *image.YCbCr, r image.Rectangle, luma uint8) {
	block{img.Y, img.YStride}.fill(r, luma)
	half := image.Rect(r.Min.X/2, r.Min.Y/2, r.Max.X/2, r.Max.Y/2)
	block{img.Cb, img.CStride}.fill(half, 128)
	block{img.Cr, img.CStride}.fill(half, 128)
}
