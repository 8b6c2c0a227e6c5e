package synth

import (
	"image"
	"time"
)

// The clock strip carries the time of a frame through encoders, networks and screens, so that a test can tell how old
// the picture it sees is.
//
// It fills the whole width of the picture's top H/18 rows (40 of 720, 20 of 360) with 40 cells of equal width; cell i
// spans the columns from i·W/40 to (i+1)·W/40. A cell is all white (luma 235) or all black (16):
//
//	cell 0       white  } reference: half way between the two is the threshold
//	cell 1       black  }
//	cells 2–33   the frame's capture.Frame.At in milliseconds, modulo 2³², most significant bit first; white is 1
//	cells 34–39  a checksum of 6 bits, most significant first:
//	             (ms ^ ms>>6 ^ ms>>12 ^ ms>>18 ^ ms>>24 ^ ms>>30) & 63 ^ 42, with unsigned shifts
//
// To read it, take the mean brightness of the middle half of each cell, both ways, and compare with the threshold. The
// checksum refuses any single wrong bit, and the pictures in which all bits are the same. In JavaScript, from a canvas's pixels
// (ms needs >>> 0 to be unsigned), for a picture of width w and height h in ImageData d:
//
//	const level = i => { let s = 0, n = 0
//	  for (let y = h/72|0; y < h/24; y++) for (let x = (i+.25)*w/40|0; x < (i+.75)*w/40; x++, n++) s += d.data[4*(y*w+x)+1]
//	  return s/n }
//	const mid = (level(0)+level(1))/2; let ms = 0, sum = 0
//	for (let i = 2; i < 34; i++) ms = (ms<<1 | level(i) > mid) >>> 0
//	for (let i = 34; i < 40; i++) sum = sum<<1 | level(i) > mid
//	const ok = level(0)-level(1) > 60 && sum === ((ms^ms>>>6^ms>>>12^ms>>>18^ms>>>24^ms>>>30)&63^42)
const (
	stripCells = 40
	stripShare = 18 // of the height
	stripWhite = 235
	stripBlack = 16
)

func checksum(ms uint32) uint32 {
	return (ms^ms>>6^ms>>12^ms>>18^ms>>24^ms>>30)&63 ^ 42
}

// drawStrip writes an instant into the top of a picture.
func drawStrip(img *image.YCbCr, at time.Duration) {
	ms := uint32(at / time.Millisecond)
	bits := uint64(1)<<39 | uint64(ms)<<6 | uint64(checksum(ms))
	w, h := img.Rect.Dx(), img.Rect.Dy()/stripShare
	row := img.Y[:w]
	for i := range stripCells {
		v := uint8(stripBlack)
		if bits>>(stripCells-1-i)&1 == 1 {
			v = stripWhite
		}
		cell := row[i*w/stripCells : (i+1)*w/stripCells]
		for x := range cell {
			cell[x] = v
		}
	}
	for y := 1; y < h; y++ {
		copy(img.Y[y*img.YStride:][:w], row)
	}
	for y := range h / 2 {
		for _, plane := range [2][]uint8{img.Cb, img.Cr} {
			c := plane[y*img.CStride:][:w/2]
			for x := range c {
				c[x] = 128
			}
		}
	}
}

// ReadClock reads the clock strip, as its layout in this file describes it, from a decoded picture of any size from 80 × 36
// up. ms is the frame's CLOCK_MONOTONIC in milliseconds modulo 2³². ok is false where there is no strip, where a cell is too near the
// threshold to be sure of, or where the checksum does not agree: once in 64 times by accident, in noise that passes the
// other tests.
func ReadClock(img image.Image) (ms uint32, ok bool) {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	if w < 2*stripCells || h < 2*stripShare {
		return 0, false
	}
	var level [stripCells]int
	for i := range level {
		x0, x1 := (4*i+1)*w/(4*stripCells), (4*i+3)*w/(4*stripCells)
		y0, y1 := h/(4*stripShare), 3*h/(4*stripShare)
		level[i] = mean(img, image.Rect(x0, y0, max(x1, x0+1), max(y1, y0+1)).Add(b.Min))
	}
	contrast := level[0] - level[1]
	if contrast < 60 {
		return 0, false
	}
	var bits uint64
	for _, v := range level[2:] {
		over := 2*v - level[0] - level[1] // twice the distance from the threshold
		if over*5 < contrast && over*5 > -contrast {
			return 0, false
		}
		bits <<= 1
		if over > 0 {
			bits |= 1
		}
	}
	ms = uint32(bits >> 6)
	return ms, uint32(bits&63) == checksum(ms)
}

// mean is the mean brightness of a part of a picture, 0 to 255.
func mean(img image.Image, r image.Rectangle) int {
	sum := 0
	ycc, video := img.(*image.YCbCr)
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if video {
				sum += int(ycc.Y[ycc.YOffset(x, y)])
				continue
			}
			red, g, blue, _ := img.At(x, y).RGBA()
			sum += int((19595*red + 38470*g + 7471*blue) >> 24)
		}
	}
	return sum / (r.Dx() * r.Dy())
}
