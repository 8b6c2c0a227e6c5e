package vision

import (
	"math"

	"edgekit.internal/capture"
)

// The parts of an EAN, in runs and modules (GS1 General Specifications, section 5.2.1): a guard of three, digits of four runs and seven
// modules, a guard of five, as many digits, a guard of three.
const (
	thirteenRuns, thirteenModules = 3 + 6*4 + 5 + 6*4 + 3, 95
	eightRuns, eightModules       = 3 + 4*4 + 5 + 4*4 + 3, 67
	digitModules                  = 7
)

// digits are the runs of each digit's code in modules, in its odd form; from right to left they are its even form.
var digits = [10][4]float64{{3, 2, 1, 1}, {2, 2, 2, 1}, {2, 1, 2, 2}, {1, 4, 1, 1}, {1, 1, 3, 2}, {1, 2, 3, 1}, {1, 1, 1, 4}, {1, 3, 1, 2}, {1, 2, 1, 3}, {3, 1, 1, 2}}

// firstDigit is the first of thirteen, by which of the next six are even, the first of them as the highest bit.
var firstDigit = map[int]byte{0b000000: '0', 0b001011: '1', 0b001101: '2', 0b001110: '3', 0b010011: '4', 0b011001: '5', 0b011100: '6', 0b010101: '7', 0b010110: '8', 0b011010: '9'}

const (
	leastQuiet = 4.5  // modules of light before and after a code; the standards ask for 7 to 11, and fingers cover some
	worstDigit = 1.2  // squared modules by which the runs of a digit may differ from its code's
	clearly    = 0.35 // by which it must differ less from the best code than from the next
)

// ean reads EAN-13, UPC-A or EAN-8 that begins with run i.
func (r *runs) ean(i int) (capture.Code, bool) {
	a, b, c := r.width(i), r.width(i+1), r.width(i+2)
	module := (a + b + c) / 3
	if r.width(i-1) < leastQuiet*module || min(a, b, c) < 0.35*module || max(a, b, c) > 1.8*module {
		return capture.Code{}, false
	}
	if text, ok := r.eanOf(i, 6, thirteenRuns, thirteenModules); ok {
		if text[0] == '0' {
			return capture.Code{Kind: UPCA, Text: text[1:]}, true
		}
		return capture.Code{Kind: EAN13, Text: text}, true
	}
	text, ok := r.eanOf(i, 4, eightRuns, eightModules)
	return capture.Code{Kind: EAN8, Text: text}, ok
}

// eanOf reads an EAN with so many digits to each side of its middle.
func (r *runs) eanOf(i, side, count, modules int) (string, bool) {
	if i+count > r.len() {
		return "", false
	}
	module := (r.edge[i+count] - r.edge[i]) / float64(modules)
	middle, end := i+3+4*side, i+count-3
	if !r.guards(i, 3, module) || !r.guards(middle, 5, module) || !r.guards(end, 3, module) || r.width(i-1) < leastQuiet*module || !r.quietAfter(i+count, module) {
		return "", false
	}
	// Ink spreads and lenses blur: all bars are wider, or narrower, than they should be by the same.
	bars := r.width(i) + r.width(i+2) + r.width(middle+1) + r.width(middle+3) + r.width(end) + r.width(end+2)
	spaces := r.width(i+1) + r.width(middle) + r.width(middle+2) + r.width(middle+4) + r.width(end+1)
	spread := (bars/6 - spaces/5) / 2
	text, even := make([]byte, 0, 13), 0
	for k := range 2 * side {
		at, growth, parity := i+3+4*k, spread, true
		if k >= side {
			at, growth, parity = middle+5+4*(k-side), -spread, false
		}
		digit, isEven, ok := r.digit(at, growth, module, parity && side == 6)
		if !ok {
			return "", false
		}
		text = append(text, '0'+digit)
		if even <<= 1; isEven {
			even |= 1
		}
	}
	if side == 6 {
		first, ok := firstDigit[even>>6]
		if !ok {
			return "", false
		}
		text = append([]byte{first}, text...)
	}
	return string(text), checked(text)
}

// guards tells whether so many runs are about a module wide each.
func (r *runs) guards(i, n int, module float64) bool {
	for k := i; k < i+n; k++ {
		if w := r.width(k); w < 0.3*module || w > 2*module {
			return false
		}
	}
	total := (r.edge[i+n] - r.edge[i]) / (float64(n) * module)
	return total > 0.7 && total < 1.35
}

// quietAfter tells whether it is light behind a code's last edge.
func (r *runs) quietAfter(i int, module float64) bool {
	return i >= r.len() || r.width(i) >= leastQuiet*module
}

// digit finds the digit whose code is nearest to four runs, of which the first and third are narrower by growth than they should be.
// What counts most is the distance between edges of the same kind, which spreading ink leaves as it is.
func (r *runs) digit(i int, growth, module float64, either bool) (digit byte, even, ok bool) {
	total := r.edge[i+4] - r.edge[i]
	if total < 0.65*digitModules*module || total > 1.35*digitModules*module {
		return 0, false, false
	}
	k := digitModules / total
	x := [4]float64{(r.width(i) + growth) * k, (r.width(i+1) - growth) * k, (r.width(i+2) + growth) * k, (r.width(i+3) - growth) * k}
	best, next := math.Inf(1), math.Inf(1)
	try := func(d byte, isEven bool, p [4]float64) {
		a, b := x[0]+x[1]-p[0]-p[1], x[1]+x[2]-p[1]-p[2]
		off := a*a + b*b
		for j := range x {
			off += 0.3 * (x[j] - p[j]) * (x[j] - p[j])
		}
		switch {
		case off < best:
			best, next, digit, even = off, best, d, isEven
		case off < next:
			next = off
		}
	}
	for d, p := range digits {
		try(byte(d), false, p)
		if either {
			try(byte(d), true, [4]float64{p[3], p[2], p[1], p[0]})
		}
	}
	return digit, even, best < worstDigit && next-best > clearly
}

// checked tells whether the last digit is that of the others (GS1 General Specifications, section 7.9).
func checked(text []byte) bool {
	sum := 0
	for i, c := range text {
		weight := 1
		if (len(text)-i)%2 == 0 {
			weight = 3
		}
		sum += weight * int(c-'0')
	}
	return sum%10 == 0
}
