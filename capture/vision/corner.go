package vision

import (
	"image"
	"math"
)

// maxCorners bounds the corners of QR codes that are looked for in one picture.
const maxCorners = 12

// corner is the middle of what may be a corner of a QR code: a dark square in a light and a dark frame.
type corner struct {
	x, y   float64
	module float64 // pixels, along the picture's sides
	hits   int     // lines that crossed it
}

// findCorners looks for corners on a row of the picture whose runs were just found.
func (r *Reader) findCorners(img *image.Gray, y int) {
	n := r.runs.len()
	for i := r.runs.firstDark(); i+5 <= n; i += 2 {
		middle, module, ok := r.runs.isCorner(i)
		if !ok || r.known(middle, float64(y), module) {
			continue
		}
		if len(r.corners) == maxCorners {
			return
		}
		if c, ok := r.confirm(img, middle, float64(y), module); ok && !r.known(c.x, c.y, c.module) {
			r.corners = append(r.corners, c)
		}
	}
}

// isCorner tells whether five runs are as wide as a line through a corner has them, 1:1:3:1:1, which holds at every angle.
func (r *runs) isCorner(i int) (middle, module float64, ok bool) {
	module = (r.edge[i+5] - r.edge[i]) / 7
	for k := range 5 {
		least, most := 0.4*module, 1.75*module
		if k == 2 {
			least, most = 2*module, 4*module
		}
		if w := r.width(i + k); w < least || w > most {
			return 0, 0, false
		}
	}
	return (r.edge[i+2] + r.edge[i+3]) / 2, module, true
}

// known tells whether a place is within a corner that was found, and counts it.
func (r *Reader) known(x, y, module float64) bool {
	for i := range r.corners {
		c := &r.corners[i]
		if math.Abs(c.x-x) < 3*c.module && math.Abs(c.y-y) < 3*c.module && module < 2*c.module && module > c.module/2 {
			c.hits++
			return true
		}
	}
	return false
}

// confirm looks at a corner from above and from the side, and finds its middle.
func (r *Reader) confirm(img *image.Gray, x, y, module float64) (corner, bool) {
	var cross runs
	var up, across float64
	for range 2 { // the second time through the middle
		var ok bool
		if y, up, ok = through(&cross, img, x, y, 0, 1, module); !ok {
			return corner{}, false
		}
		if x, across, ok = through(&cross, img, x, y, 1, 0, up); !ok {
			return corner{}, false
		}
		module = (up + across) / 2
	}
	return corner{x, y, module, 1}, up < 1.8*across && across < 1.8*up
}

// through measures the corner around a place along a column (0, 1) or a row (1, 0): its middle on it, and its module.
func through(cross *runs, img *image.Gray, x, y, dx, dy, module float64) (middle, size float64, ok bool) {
	const reach = 7 // modules to each side; a corner that is tilted is longer one way than the other
	at, most := y, img.Rect.Dy()-1
	if dx > 0 {
		at, most = x, img.Rect.Dx()-1
	}
	from, to := max(int(at-reach*module), 0), min(int(at+reach*module), most)
	if to <= from {
		return 0, 0, false
	}
	var line []byte
	if row := int(y+0.5) * img.Stride; dx > 0 {
		line = img.Pix[row+from : row+to+1]
	} else {
		line = make([]byte, to-from+1)
		for i := range line {
			line[i] = img.Pix[(from+i)*img.Stride+int(x+0.5)]
		}
	}
	cross.find(line)
	for i := cross.firstDark(); i+5 <= cross.len(); i += 2 {
		middle, size, ok = cross.isCorner(i)
		if middle += float64(from); ok && math.Abs(middle-at) < 2*size && size < 2*module && size > module/2 {
			return middle, size, true
		}
	}
	return 0, 0, false
}
