package vision

import (
	"math"
	"strings"

	"edgekit.internal/capture"
)

// bars128 are the runs of each of Code 128's symbols in modules (ISO/IEC 15417, table 1): 0 to 102, the starts of sets A, B and C, and
// the stop, which has a bar of two more.
var bars128 = strings.Fields(`212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 123221
	223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 112313 132113 132311 211313
	231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411
	431111 111224 111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212
	124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 211214 211232
	233111`)

// Symbols of Code 128 that are no characters.
const (
	shift, toC, toB, toA   = 98, 99, 100, 101
	fnc1                   = 102
	leastRuns              = 4*6 + 7 // start, two symbols, check, stop: fewer than an EAN-8 has
	startA, startB, startC = 103, 104, 105
	stop128                = 106
	symbolModules          = 11
	maxSymbols             = 50
	worstSymbol            = 1.6 // squared modules by which the runs of a symbol may differ from its code's
)

// code128 reads a Code 128 that begins with run i.
func (r *runs) code128(i int) (capture.Code, bool) {
	module := (r.edge[i+6] - r.edge[i]) / symbolModules
	if r.width(i-1) < leastQuiet*module {
		return capture.Code{}, false
	}
	if w := r.width(i); w < 1.2*module || w > 2.9*module { // all starts begin with a bar of two
		return capture.Code{}, false
	}
	start, ok := r.symbol(i, startA, startC+1, module)
	if !ok {
		return capture.Code{}, false
	}
	symbols := []int{start}
	for i += 6; i+7 <= r.len() && len(symbols) < maxSymbols; i += 6 {
		s, ok := r.symbol(i, 0, stop128+1, module)
		if !ok || s >= startA && s != stop128 {
			return capture.Code{}, false
		}
		if s == stop128 {
			if last := r.width(i + 6); last < 1.2*module || last > 3*module || !r.quietAfter(i+7, module) {
				return capture.Code{}, false
			}
			text, ok := text128(symbols)
			return capture.Code{Kind: Code128, Text: text}, ok
		}
		symbols = append(symbols, s)
		module += ((r.edge[i+6]-r.edge[i])/symbolModules - module) / 2 // it may change on a bent surface
	}
	return capture.Code{}, false
}

// symbol finds the one of a range whose code is nearest to six runs.
func (r *runs) symbol(i, from, to int, module float64) (symbol int, ok bool) {
	total := r.edge[i+6] - r.edge[i]
	if total < 0.75*symbolModules*module || total > 1.3*symbolModules*module {
		return 0, false
	}
	k := symbolModules / total
	var x [6]float64
	for j := range x {
		x[j] = r.width(i+j) * k
	}
	best, next := math.Inf(1), math.Inf(1)
	for s := from; s < to; s++ {
		p, off := bars128[s], 0.0
		for j := range 5 {
			d := x[j] + x[j+1] - float64(p[j]-'0') - float64(p[j+1]-'0')
			e := x[j] - float64(p[j]-'0')
			if off += d*d + 0.2*e*e; off > next {
				break
			}
		}
		switch {
		case off < best:
			best, next, symbol = off, best, s
		case off < next:
			next = off
		}
	}
	return symbol, best < worstSymbol && next-best > clearly
}

// text128 is what symbols from the start to before the stop say, if the check symbol is theirs. FNC1 in front, which makes it a GS1-128,
// is left out; one that separates is, with all that is no letter, why it is not read.
func text128(symbols []int) (string, bool) {
	check := len(symbols) - 1
	if check < 3 { // one symbol alone is made by chance too easily
		return "", false
	}
	sum := symbols[0]
	for i, s := range symbols[1:check] {
		sum += (i + 1) * s
	}
	if sum%103 != symbols[check] {
		return "", false
	}
	var b strings.Builder
	set, shifted := symbols[0], 0
	for i, s := range symbols[1:check] {
		in := set
		if shifted != 0 {
			in, shifted = shifted, 0
		}
		switch {
		case s == fnc1 && i == 0:
		case in == startC && s < toB:
			b.WriteByte(byte('0' + s/10))
			b.WriteByte(byte('0' + s%10))
		case in == startC && s == toB, in == startA && s == toB:
			set = startB
		case in != startA && s == toA:
			set = startA
		case in != startC && s == toC:
			set = startC
		case in == startA && s == shift:
			shifted = startB
		case in == startB && s == shift:
			shifted = startA
		case in == startB && s < 95, in == startA && s < 64:
			b.WriteByte(byte(' ' + s))
		default:
			return "", false // a control character, or a function that no product's code has
		}
	}
	return b.String(), b.Len() > 0
}
