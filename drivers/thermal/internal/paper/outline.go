package paper

import "encoding/binary"

// A face reads outlines from a TrueType file that is built in and tested: it does not defend itself against a bad one.
// (golang.org/x/image's rasteriser works in float32, which arm64 rounds otherwise than amd64: paper must not differ.)
// Source: OpenType specification 1.9, tables "cmap" (format 4), "head", "loca" and "glyf".
type face struct {
	cmap, loca, glyf []byte
	long             bool // loca has 32-bit offsets
}

// unitsPerEm is that of the Go fonts.
const unitsPerEm = 2048

// point is a point of an outline in units of the em, y upwards.
type point struct {
	x, y int
	on   bool // on the curve; otherwise a quadratic control point
}

func u16(b []byte, at int) int { return int(binary.BigEndian.Uint16(b[at:])) }
func i16(b []byte, at int) int { return int(int16(u16(b, at))) }
func u32(b []byte, at int) int { return int(binary.BigEndian.Uint32(b[at:])) }

func newFace(ttf []byte) *face {
	f := &face{}
	for i := range u16(ttf, 4) {
		record := ttf[12+16*i:]
		table := ttf[u32(record, 8):][:u32(record, 12)]
		switch string(record[:4]) {
		case "head":
			f.long = u16(table, 50) != 0
		case "loca":
			f.loca = table
		case "glyf":
			f.glyf = table
		case "cmap":
			for j := range u16(table, 2) {
				if sub := table[u32(table, 4+8*j+4):]; u16(sub, 0) == 4 {
					f.cmap = sub
				}
			}
		}
	}
	return f
}

// index is the glyph of a rune; 0, the box, when the face lacks it.
func (f *face) index(r rune) int {
	segments := u16(f.cmap, 6) / 2
	ends, starts := f.cmap[14:], f.cmap[16+2*segments:]
	deltas, ranges := f.cmap[16+4*segments:], f.cmap[16+6*segments:]
	for i := range segments {
		start := u16(starts, 2*i)
		if c := int(r); c > u16(ends, 2*i) || c < start {
			continue
		} else if offset := u16(ranges, 2*i); offset == 0 {
			return (c + u16(deltas, 2*i)) & 0xffff
		} else if g := u16(ranges, 2*i+offset+2*(c-start)); g != 0 {
			return (g + u16(deltas, 2*i)) & 0xffff
		}
		return 0
	}
	return 0
}

// outline is a glyph's contours. Accented letters are made of others, moved but never scaled in these faces.
func (f *face) outline(glyph int) (contours [][]point) {
	from, to := 2*u16(f.loca, 2*glyph), 0
	if f.long {
		from, to = u32(f.loca, 4*glyph), u32(f.loca, 4*glyph+4)
	} else {
		to = 2 * u16(f.loca, 2*glyph+2)
	}
	if from == to {
		return nil // a space
	}
	data := f.glyf[from:to]
	if n := i16(data, 0); n >= 0 {
		return simple(data[10:], n)
	}
	const words, values, scaled, more = 0x1, 0x2, 0x8 | 0x40 | 0x80, 0x20
	for data, flags := data[10:], more; flags&more != 0; {
		flags = u16(data, 0)
		part := f.outline(u16(data, 2))
		var dx, dy int
		if flags&words != 0 {
			dx, dy, data = i16(data, 4), i16(data, 6), data[8:]
		} else {
			dx, dy, data = int(int8(data[4])), int(int8(data[5])), data[6:]
		}
		if flags&values == 0 || flags&scaled != 0 {
			panic("paper: a built-in glyph is made in a way that is not known")
		}
		for _, c := range part {
			for i := range c {
				c[i].x, c[i].y = c[i].x+dx, c[i].y+dy
			}
		}
		contours = append(contours, part...)
	}
	return contours
}

// simple reads a glyph that is not made of others: n contours' ends, instructions, flags, then all x, then all y.
func simple(data []byte, n int) [][]point {
	ends := make([]int, n)
	for i := range ends {
		ends[i] = u16(data, 2*i) + 1
	}
	data = data[2*n+2+u16(data, 2*n):]
	const on, xByte, yByte, repeat, xSame, ySame = 1, 2, 4, 8, 16, 32
	flags := make([]byte, 0, ends[n-1])
	for len(flags) < ends[n-1] {
		flag, times := data[0], 1
		data = data[1:]
		if flag&repeat != 0 {
			times, data = 1+int(data[0]), data[1:]
		}
		for range times {
			flags = append(flags, flag)
		}
	}
	points := make([]point, len(flags))
	value := 0
	step := func(isByte, same bool) int {
		switch {
		case isByte && same:
			value, data = value+int(data[0]), data[1:]
		case isByte:
			value, data = value-int(data[0]), data[1:]
		case !same:
			value, data = value+i16(data, 0), data[2:]
		}
		return value
	}
	for i, f := range flags {
		points[i] = point{x: step(f&xByte != 0, f&xSame != 0), on: f&on != 0}
	}
	value = 0
	for i, f := range flags {
		points[i].y = step(f&yByte != 0, f&ySame != 0)
	}
	contours := make([][]point, n)
	from := 0
	for i, to := range ends {
		contours[i], from = points[from:to], to
	}
	return contours
}
