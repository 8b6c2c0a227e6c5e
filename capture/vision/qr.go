package vision

import (
	"math/bits"
	"unicode"
	"unicode/utf8"

	"rsc.io/qr/coding"
)

// decodeQR reads the text of a QR code from the light of its modules, n a side.
func decodeQR(light []byte, n int) (string, bool) {
	dark := threshold(light, n)
	if !timed(dark, n) {
		return "", false
	}
	level, mask, ok := format(dark, n)
	if !ok {
		return "", false
	}
	plan, err := coding.NewPlan(coding.Version((n-17)/4), level, mask)
	if err != nil {
		return "", false
	}
	raw := make([]byte, plan.DataBytes+plan.CheckBytes)
	for y, row := range plan.Pixel {
		for x, p := range row {
			if role := p.Role(); role != coding.Data && role != coding.Check {
				continue
			}
			// Black and Invert together say that the mask turns this module around.
			if dark[y*n+x] != (p&coding.Black != 0) {
				o := p.Offset()
				raw[o/8] |= 0x80 >> (o % 8)
			}
		}
	}
	if !mend(raw, plan) {
		return "", false
	}
	return textQR(raw[:plan.DataBytes], plan.Version)
}

// threshold tells which modules are darker than those around them.
func threshold(light []byte, n int) []bool {
	const reach = 5 // modules to each side
	sums := make([]int, (n+1)*(n+1))
	for y := range n {
		row := 0
		for x := range n {
			row += int(light[y*n+x])
			sums[(y+1)*(n+1)+x+1] = sums[y*(n+1)+x+1] + row
		}
	}
	dark := make([]bool, n*n)
	for y := range n {
		top, bottom := max(y-reach, 0), min(y+reach+1, n)
		for x := range n {
			left, right := max(x-reach, 0), min(x+reach+1, n)
			sum := sums[bottom*(n+1)+right] - sums[top*(n+1)+right] - sums[bottom*(n+1)+left] + sums[top*(n+1)+left]
			dark[y*n+x] = int(light[y*n+x])*(bottom-top)*(right-left) < sum
		}
	}
	return dark
}

// timed tells whether the modules between the corners are dark and light in turn, but for a quarter of them.
func timed(dark []bool, n int) bool {
	wrong, all := 0, 0
	for i := 8; i < n-8; i++ {
		for _, d := range []bool{dark[6*n+i], dark[i*n+6]} {
			all++
			if d != (i%2 == 0) {
				wrong++
			}
		}
	}
	return 4*wrong <= all
}

// format reads the level and mask, which are there twice (ISO/IEC 18004 section 7.9).
func format(dark []bool, n int) (coding.Level, coding.Mask, bool) {
	var one, two uint
	bit := func(x, y int) uint {
		if dark[y*n+x] {
			return 1
		}
		return 0
	}
	for i := range 15 { // from the lowest bit on
		switch {
		case i < 6:
			one |= bit(8, i) << i
		case i < 8:
			one |= bit(8, i+1) << i
		case i < 9:
			one |= bit(7, 8) << i
		default:
			one |= bit(14-i, 8) << i
		}
		if i < 8 {
			two |= bit(n-1-i, 8) << i
		} else {
			two |= bit(8, n-15+i) << i
		}
	}
	best, found := 4, uint(0) // the code mends three wrong bits
	for v := range uint(32) {
		code := formatCode(v)
		if off := min(bits.OnesCount(code^one), bits.OnesCount(code^two)); off < best {
			best, found = off, v
		}
	}
	return coding.Level(found>>3) ^ 1, coding.Mask(found & 7), best < 4
}

// formatCode is the fifteen bits of a level and mask.
func formatCode(v uint) uint {
	rest := v << 10
	for i := 14; i >= 10; i-- {
		if rest&(1<<i) != 0 {
			rest ^= 0x537 << (i - 10)
		}
	}
	return (v<<10 | rest) ^ 0x5412
}

// bitReader reads numbers of so many bits.
type bitReader struct {
	data []byte
	at   int
	over bool // more was asked for than there is
}

func (b *bitReader) left() int { return 8*len(b.data) - b.at }

func (b *bitReader) read(n int) (v int) {
	if n > b.left() {
		b.over = true
		return 0
	}
	for range n {
		v = v<<1 | int(b.data[b.at/8]>>(7-b.at%8)&1)
		b.at++
	}
	return v
}

const alphanumeric = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

// textQR reads the segments of a QR code (ISO/IEC 18004 section 7.4). Bytes must be UTF-8; Kanji and parts of a text over several codes
// are not read.
func textQR(data []byte, v coding.Version) (string, bool) {
	b, text := &bitReader{data: data}, []byte{}
	class := 0
	if v >= 10 {
		class = 1
	}
	for b.left() >= 4 {
		mode := b.read(4)
		switch mode {
		case 0:
			return plain(text)
		case 1:
			for n := b.read([]int{10, 12}[class]); n > 0 && !b.over; n -= 3 {
				digits := min(n, 3)
				value := b.read([]int{0, 4, 7, 10}[digits])
				for _, unit := range []int{1000, 100, 10, 1}[4-digits:] {
					text = append(text, byte('0'+value/unit%10))
				}
				if value >= 1000 {
					return "", false
				}
			}
		case 2:
			for n := b.read([]int{9, 11}[class]); n > 0 && !b.over; n -= 2 {
				if n == 1 {
					value := b.read(6)
					if value >= len(alphanumeric) {
						return "", false
					}
					text = append(text, alphanumeric[value])
					break
				}
				value := b.read(11)
				if value >= len(alphanumeric)*len(alphanumeric) {
					return "", false
				}
				text = append(text, alphanumeric[value/45], alphanumeric[value%45])
			}
		case 4:
			for n := b.read([]int{8, 16}[class]); n > 0 && !b.over; n-- {
				text = append(text, byte(b.read(8)))
			}
		case 5: // FNC1: what follows is of GS1
		case 7:
			if e := b.read(8); e >= 0x80 { // which table of letters: one byte serves all that are in use
				return "", false
			}
		default:
			return "", false
		}
		if b.over || len(text) > MaxText {
			return "", false
		}
	}
	return plain(text)
}

// plain tells whether a text is one.
func plain(text []byte) (string, bool) {
	if len(text) == 0 || len(text) > MaxText || !utf8.Valid(text) {
		return "", false
	}
	for _, c := range string(text) {
		if unicode.IsControl(c) {
			return "", false
		}
	}
	return string(text), true
}
