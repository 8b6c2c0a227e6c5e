package paper

import (
	"slices"
	"sync"

	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
)

// Font is one of the two sizes of character that every printer has.
type Font int

// The fonts, of 12 by 24 and of 9 by 17 dots a character.
const (
	FontA Font = iota
	FontB
)

// Cell is the size of a character in dots.
func (f Font) Cell() (width, height int) { return metrics[f].width, metrics[f].height }

var metrics = [...]struct{ width, height, emX, emY, baseline int }{
	FontA: {12, 24, 20, 20, 19},
	FontB: {9, 17, 15, 14, 14}, // flatter, so that accents of capitals have room
}

var faces = sync.OnceValue(func() [2]*face { return [2]*face{newFace(gomono.TTF), newFace(gomonobold.TTF)} })

// Glyph draws a character, wide and high times (1 to 8) as large as the font is.
func Glyph(r rune, f Font, bold bool, wide, high int) *Bits {
	of := faces()[0]
	if bold {
		of = faces()[1]
	}
	m := metrics[f]
	return fill(edges(of.outline(of.index(r)), m.emX*wide, m.emY*high, m.baseline*high*unitsPerEm), m.width*wide, m.height*high)
}

// An edge goes from one point to another of larger y. Its unit is 1/2048 of a dot, so nothing was rounded.
type edge struct{ x0, y0, x1, y1, winding int }

// flat is how many lines a curve becomes.
const flat = 8

// edges scales contours to an em of so many dots, turns them y downwards, and makes lines of their curves.
func edges(contours [][]point, emX, emY, baseline int) (all []edge) {
	line := func(a, b point) {
		e := edge{a.x * emX, baseline - a.y*emY, b.x * emX, baseline - b.y*emY, 1}
		if e.y0 > e.y1 {
			e = edge{e.x1, e.y1, e.x0, e.y0, -1}
		}
		if e.y0 != e.y1 {
			all = append(all, e)
		}
	}
	for _, c := range contours {
		c = explicit(c)
		for i, a := 1, c[0]; i < len(c); i++ {
			if c[i].on {
				line(a, c[i])
				a = c[i]
				continue
			}
			b, end := c[i], c[i+1]
			from := a
			for t := 1; t <= flat; t++ {
				u := flat - t
				to := point{x: (u*u*a.x + 2*u*t*b.x + t*t*end.x) / (flat * flat), y: (u*u*a.y + 2*u*t*b.y + t*t*end.y) / (flat * flat)}
				line(from, to)
				from = to
			}
			a, i = end, i+1
		}
	}
	return all
}

// explicit gives a contour that begins and ends on the curve, with the points that TrueType leaves out, half-way between two
// control points.
func explicit(c []point) []point {
	start := max(slices.IndexFunc(c, func(p point) bool { return p.on }), 0)
	full := []point{c[start]}
	for i := range c {
		last, next := full[len(full)-1], c[(start+1+i)%len(c)]
		if !last.on && !next.on {
			full = append(full, point{(last.x + next.x) / 2, (last.y + next.y) / 2, true})
		}
		full = append(full, next)
	}
	return full
}

// rows is how many times a row of dots is looked at, and scan how far it is from one look to the next.
const (
	rows = 8
	scan = unitsPerEm / rows
)

// crossing is where a look meets the outline.
type crossing struct{ x, winding int }

// fill makes a dot black where the outline (non-zero winding) covers enough of it. All in integers.
func fill(all []edge, width, height int) *Bits {
	looks := make([][]crossing, height*rows) // the k-th is at (k + ½) scan
	for _, e := range all {
		for k := max((e.y0+scan/2-1)/scan, 0); k < len(looks) && k*scan+scan/2 < e.y1; k++ {
			looks[k] = append(looks[k], crossing{e.x0 + (e.x1-e.x0)*(k*scan+scan/2-e.y0)/(e.y1-e.y0), e.winding})
		}
	}
	b := NewBits(width, height)
	covered := make([]int, width)
	for k, line := range looks {
		slices.SortFunc(line, func(a, b crossing) int { return a.x - b.x })
		winding := 0
		for i := range line {
			if winding != 0 {
				cover(covered, line[i-1].x, line[i].x)
			}
			winding += line[i].winding
		}
		if k%rows < rows-1 {
			continue
		}
		for x, c := range covered {
			if c*100 >= rows*unitsPerEm*darkness {
				b.Set(x, k/rows)
			}
		}
		clear(covered)
	}
	return b
}

// darkness is the covered part of a dot, in percent, from which it is black: less than half, as ink spreads.
const darkness = 42

// cover adds the span from one x to another to the dots it lies over.
func cover(covered []int, from, to int) {
	from, to = max(from, 0), min(to, len(covered)*unitsPerEm)
	for from < to {
		x := from / unitsPerEm
		end := min(to, (x+1)*unitsPerEm)
		covered[x] += end - from
		from = end
	}
}
