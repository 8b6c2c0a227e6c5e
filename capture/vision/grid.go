package vision

import (
	"cmp"
	"image"
	"math"
	"slices"

	"edgekit.internal/capture"
)

const (
	maxTries  = 6         // squares sampled for one picture
	maxModule = 17 + 4*20 // modules of a side: version 20, which is more than MaxText needs
)

// point is a place in the picture.
type point struct{ x, y float64 }

func (p point) to(q point) point              { return point{q.x - p.x, q.y - p.y} }
func (p point) plus(d point, k float64) point { return point{p.x + k*d.x, p.y + k*d.y} }
func (p point) length() float64               { return math.Hypot(p.x, p.y) }

// square is three corners that may belong to one QR code: the one between the others, that to its right, and that below.
type square struct {
	a, b, c point
	off     float64 // from what three corners of a square look like
}

// readQR reads the QR codes that the corners found belong to.
func (r *Reader) readQR(img *image.Gray) (codes []capture.Code) {
	var squares []square
	for i := range r.corners {
		for j := range i {
			for k := range j {
				if s, ok := squareOf(r.corners[i], r.corners[j], r.corners[k]); ok {
					squares = append(squares, s)
				}
			}
		}
	}
	slices.SortFunc(squares, func(a, b square) int { return cmp.Compare(a.off, b.off) })
	var done []point
	for _, s := range squares[:min(len(squares), maxTries)] {
		if slices.Contains(done, s.a) || slices.Contains(done, s.b) || slices.Contains(done, s.c) {
			continue
		}
		if text, ok := r.readSquare(img, s); ok && len(codes) < maxCodes {
			codes = append(codes, capture.Code{Kind: QR, Text: text})
			done = append(done, s.a, s.b, s.c)
		}
	}
	return codes
}

func squareOf(p, q, o corner) (square, bool) {
	small, large := min(p.module, q.module, o.module), max(p.module, q.module, o.module)
	if large > 1.7*small {
		return square{}, false
	}
	// The right angle is across from the longest side.
	ps := [3]point{{p.x, p.y}, {q.x, q.y}, {o.x, o.y}}
	a, b, c := ps[0], ps[1], ps[2]
	for range 2 {
		if across := b.to(c).length(); across >= a.to(b).length() && across >= a.to(c).length() {
			break
		}
		a, b, c = b, c, a
	}
	ab, ac := a.to(b), a.to(c)
	if ab.x*ac.y-ab.y*ac.x < 0 { // y grows downwards
		b, c, ab, ac = c, b, ac, ab
	}
	long, short := max(ab.length(), ac.length()), min(ab.length(), ac.length())
	cosine := math.Abs(ab.x*ac.x+ab.y*ac.y) / (long * short)
	if short < 10*small || long > 120*large || long > 1.8*short || cosine > 0.5 {
		return square{}, false
	}
	return square{a, b, c, long/short - 1 + cosine + large/small - 1}, true
}

// readSquare samples a square as a QR code of the size it seems to have, or the next.
func (r *Reader) readSquare(img *image.Gray, s square) (string, bool) {
	across, ok := r.modules(img, s.a, s.b)
	down, ok2 := r.modules(img, s.a, s.c)
	switch {
	case !ok && !ok2:
		return "", false
	case !ok:
		across = down
	case !ok2:
		down = across
	}
	seems := (across+down)/2 + 7
	side := 17 + 4*int(math.Round((seems-17)/4))
	next := side + 4
	if seems < float64(side) {
		next = side - 4
	}
	for _, n := range []int{side, next} {
		if n < 21 || n > maxModule {
			continue
		}
		for _, fourth := range r.fourths(img, s, n) {
			if text, ok := decodeQR(r.grid(img, s, fourth, n), n); ok {
				return text, true
			}
		}
	}
	return "", false
}

// modules is how many modules it is from the middle of one corner to that of another, by where the edges of both are on the way.
func (r *Reader) modules(img *image.Gray, a, b point) (float64, bool) {
	d := a.to(b)
	length := d.length()
	line := make([]byte, 0, int(length)+1)
	for t := 0.0; t <= length; t++ {
		p := a.plus(d, t/length)
		line = append(line, byte(sample(img, p.x, p.y)))
	}
	var on runs
	on.find(line)
	n := len(on.edge)
	if n < 8 {
		return 0, false
	}
	first, last := on.edge[3], length-on.edge[n-4] // 3.5 modules each
	module := (first + last) / 7
	return length / module, first < 2*last && last < 2*first
}

// place is where the fourth point of a square is: so many modules to the right and down, in the picture.
type place struct {
	module float64
	at     point
}

// fourths are where the square's fourth corner may be: found by the small square near it that all but the smallest codes have, else as
// if the code were not tilted, and as if it were.
func (r *Reader) fourths(img *image.Gray, s square, n int) (list []place) {
	straight := s.a.plus(s.a.to(s.b), 1).plus(s.a.to(s.c), 1)
	if n > 21 {
		span := float64(n - 7)
		k := (span - 3) / span
		guess := s.a.plus(s.a.to(s.b), k).plus(s.a.to(s.c), k)
		right, down := point{(s.b.x - s.a.x) / span, (s.b.y - s.a.y) / span}, point{(s.c.x - s.a.x) / span, (s.c.y - s.a.y) / span}
		if at, ok := alignment(img, guess, right, down); ok {
			list = append(list, place{float64(n) - 6.5, at})
		}
	}
	diagonal := s.a.to(straight)
	for _, k := range []float64{0, 0.06, -0.06, 0.12, -0.1} {
		list = append(list, place{float64(n) - 3.5, straight.plus(diagonal, k)})
	}
	return list
}

// alignment finds the small square near a place: a dark module in a light ring of 8 in a dark ring of 16.
func alignment(img *image.Gray, guess, right, down point) (at point, ok bool) {
	const reach, step = 4.0, 0.5 // modules
	best := leastContrast        // levels by which its light modules are brighter than its dark ones, in the mean
	for v := -reach; v <= reach; v += step {
		for u := -reach; u <= reach; u += step {
			p := guess.plus(right, u).plus(down, v)
			light, dark := 0, 0
			for j := -2; j <= 2; j++ {
				for i := -2; i <= 2; i++ {
					q := p.plus(right, float64(i)).plus(down, float64(j))
					if max(i, -i, j, -j) == 1 {
						light += sample(img, q.x, q.y)
					} else {
						dark += sample(img, q.x, q.y)
					}
				}
			}
			if fit := light/8 - dark/17; fit > best {
				best, at, ok = fit, p, true
			}
		}
	}
	return at, ok
}

// grid samples the light of each module.
func (r *Reader) grid(img *image.Gray, s square, fourth place, n int) []byte {
	far := float64(n) - 3.5
	to := planeOf([4]point{{3.5, 3.5}, {far, 3.5}, {3.5, far}, {fourth.module, fourth.module}}, [4]point{s.a, s.b, s.c, fourth.at})
	light := make([]byte, n*n)
	for j := range n {
		for i := range n {
			p := to.at(float64(i)+0.5, float64(j)+0.5)
			light[j*n+i] = byte(sample(img, p.x, p.y))
		}
	}
	return light
}

// plane maps one plane onto another, as a camera does: (ax+by+c, dx+ey+f) / (gx+hy+1).
type plane [8]float64

func (m plane) at(x, y float64) point {
	w := m[6]*x + m[7]*y + 1
	return point{(m[0]*x + m[1]*y + m[2]) / w, (m[3]*x + m[4]*y + m[5]) / w}
}

// planeOf is the one that brings four points to four others, by Gauss's elimination. Where there is none its numbers are not finite, and
// what is sampled by it is nonsense.
func planeOf(from, to [4]point) (m plane) {
	var a [8][9]float64
	for i, p := range from {
		q := to[i]
		a[2*i] = [9]float64{p.x, p.y, 1, 0, 0, 0, -p.x * q.x, -p.y * q.x, q.x}
		a[2*i+1] = [9]float64{0, 0, 0, p.x, p.y, 1, -p.x * q.y, -p.y * q.y, q.y}
	}
	for c := range 8 {
		pivot := c
		for i := c + 1; i < 8; i++ {
			if math.Abs(a[i][c]) > math.Abs(a[pivot][c]) {
				pivot = i
			}
		}
		a[c], a[pivot] = a[pivot], a[c]
		for i := range 8 {
			if i == c {
				continue
			}
			k := a[i][c] / a[c][c]
			for j := c; j < 9; j++ {
				a[i][j] -= k * a[c][j]
			}
		}
	}
	for i := range m {
		m[i] = a[i][8] / a[i][i]
	}
	return m
}
