// Package vision reads the codes of products that are held up to the camera: QR codes, EAN-13, EAN-8, UPC-A and Code 128. A Reader
// reads one picture; an Eye looks at a camera's pictures within a share of one processor core.
//
// A picture is read along lines. The edges on a line are where its light crosses the middle between one extreme and the next, so
// that light may differ from place to place and no threshold holds for a whole picture. Bar codes are decoded from the distances
// between edges; where a line crosses 1:1:3:1:1 a corner of a QR code may be, and only around three of those is anything sampled as
// an area. That is why a picture without codes, as nearly all are, costs little.
//
// On a 2-core x86-64 machine a look at a 720p picture takes 1.7 to 3 ms of a core (BenchmarkRead). gozxing 0.1.1 takes 95 ms for the same
// five kinds when it tries hard, and 27 ms when it does not; it would have added 1.5 MB to the program.
//
// What is read under which conditions: TestSheet prints the table. In short, a label that is in focus with 2 pixels a module or more,
// turned in any way and tilted by up to 45 degrees, also around a cup: at 720p an EAN-13 then takes up a sixth of the picture's width.
// Blur of 0.4 of a module is stood, and a hand that moves by 0.8 of one while a picture is taken: nearer is better. Those are rendered
// labels; no real cup and no real camera was measured.
package vision

import (
	"image"
	"slices"

	"edgekit.internal/capture"
)

// The kinds of codes that are read.
const (
	QR      = "qr"       // ISO/IEC 18004, model 2, dark on light
	EAN13   = "ean-13"   // GS1 General Specifications, section 5.2
	EAN8    = "ean-8"    // the same
	UPCA    = "upc-a"    // the same; 12 digits, of which EAN-13 would have 13 with a 0 in front
	Code128 = "code-128" // ISO/IEC 15417
)

// MaxText bounds a code's text, in bytes; longer ones are not read. It is UTF-8 without control characters.
const MaxText = 256

const (
	rowEvery  = 4  // pixels between lines along the picture's rows: a QR code's corner of 2 pixels a module is 14 high
	lineEvery = 12 // pixels between lines in other directions, for bar codes alone
	agreeing  = 2  // lines of one picture that must give the same bar code: noise gives none twice
	maxCodes  = 8  // of one picture
)

// Reader reads pictures, one at a time. The zero value is good; it keeps its buffers between pictures.
type Reader struct {
	runs    runs
	samples []byte
	corners []corner
	tally   []tally
}

// tally is how many lines gave a bar code.
type tally struct {
	capture.Code
	lines int
}

// Read finds the codes in a luma plane, at most 8, QR codes first. The order is otherwise by how many lines gave them. It does not
// keep the picture.
func (r *Reader) Read(img *image.Gray) []capture.Code {
	r.corners, r.tally = r.corners[:0], r.tally[:0]
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := rowEvery / 2; y < h; y += rowEvery {
		row := img.Pix[y*img.Stride:]
		r.runs.find(row[:w])
		r.findCorners(img, y)
		if y/rowEvery%2 == 0 { // bars are higher than a corner
			r.line(r.mean(row[:w], img.Pix[max(0, y-1)*img.Stride:], img.Pix[min(h-1, y+1)*img.Stride:]))
		}
	}
	for x := lineEvery / 2; x < w; x += lineEvery {
		r.line(r.gather(img, float64(x), 0, 0, 1))
	}
	const slope = 0.7071067811865476 // 45°
	for at := lineEvery - h; at < w; at += 3 * lineEvery / 2 {
		r.line(r.gather(img, float64(at), 0, slope, slope))
		r.line(r.gather(img, float64(at+h), 0, -slope, slope))
	}
	codes := r.readQR(img)
	slices.SortStableFunc(r.tally, func(a, b tally) int { return b.lines - a.lines })
	for _, t := range r.tally {
		if t.lines >= agreeing && len(codes) < maxCodes {
			codes = append(codes, t.Code)
		}
	}
	return codes
}

// line finds the edges of a line and decodes the bar codes on it.
func (r *Reader) line(samples []byte) {
	r.runs.find(samples)
	if r.runs.len() < leastRuns {
		return
	}
	for range 2 { // as it is, and from right to left
		for i := r.runs.firstDark(); i+leastRuns <= r.runs.len(); i += 2 {
			if c, ok := r.runs.ean(i); ok {
				r.count(c)
			} else if c, ok := r.runs.code128(i); ok {
				r.count(c)
			}
		}
		r.runs.reverse()
	}
}

func (r *Reader) count(c capture.Code) {
	for i := range r.tally {
		if r.tally[i].Code == c {
			r.tally[i].lines++
			return
		}
	}
	if len(r.tally) < 4*maxCodes {
		r.tally = append(r.tally, tally{c, 1})
	}
}

// mean is a row with those above and below: half the noise, and a bar code that is not turned by much is as sharp.
func (r *Reader) mean(row, above, below []byte) []byte {
	r.samples = r.samples[:0]
	for i, v := range row {
		r.samples = append(r.samples, byte((2*int(v)+int(above[i])+int(below[i]))/4))
	}
	return r.samples
}

// gather samples the picture along a line through x, y, a pixel's length apart, from where it enters the picture to where it leaves.
func (r *Reader) gather(img *image.Gray, x, y, dx, dy float64) []byte {
	w, h := float64(img.Rect.Dx()-1), float64(img.Rect.Dy()-1)
	from, to := 0.0, w+h
	for _, side := range [2][3]float64{{x, dx, w}, {y, dy, h}} {
		at, d, most := side[0], side[1], side[2]
		switch {
		case d > 0:
			from, to = max(from, -at/d), min(to, (most-at)/d)
		case d < 0:
			from, to = max(from, (most-at)/d), min(to, -at/d)
		case at < 0 || at > most:
			to = -1
		}
	}
	r.samples = r.samples[:0]
	if dx == 0 { // a column: no need to look between pixels
		left, right := int(max(x-1, 0)), int(min(x+1, w))
		for i := int(from); i <= int(to); i++ {
			row := img.Pix[i*img.Stride:]
			r.samples = append(r.samples, byte((2*int(row[int(x)])+int(row[left])+int(row[right]))/4))
		}
		return r.samples
	}
	for t := from; t <= to; t++ {
		r.samples = append(r.samples, byte(sample(img, x+t*dx, y+t*dy)))
	}
	return r.samples
}

// sample is the light at a place between pixels, whose centres are at whole numbers; outside it is that of the nearest one.
func sample(img *image.Gray, x, y float64) int {
	const one = 256
	w, h := img.Rect.Dx()-1, img.Rect.Dy()-1
	fx, fy := min(max(int(x*one), 0), w*one), min(max(int(y*one), 0), h*one)
	ix, iy := fx/one, fy/one
	fx, fy = fx%one, fy%one
	i := iy*img.Stride + ix
	right, below := min(w-ix, 1), min(h-iy, 1)*img.Stride
	top := int(img.Pix[i])*(one-fx) + int(img.Pix[i+right])*fx
	bottom := int(img.Pix[i+below])*(one-fx) + int(img.Pix[i+below+right])*fx
	return (top*(one-fy) + bottom*fy) / (one * one)
}
