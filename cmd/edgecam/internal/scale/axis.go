package scale

// axis holds, for each new pixel of a row or column, which old ones it is made of: n neighbours from first on, each with a share.
// The shares of one pixel sum to 1<<shift; some may be 0.
type axis struct {
	n     int
	first []int
	share []uint32 // n for each new pixel
	sums  []uint32 // scratch, for column
}

const (
	shift = 12
	half  = 1 << (shift - 1)
)

// newAxis brings from old pixels to to new ones: smaller by area, larger by what lies between.
func newAxis(from, to int) *axis {
	n := min(2, from)
	if to < from {
		n = min((from-1)/to+2, from)
	}
	a := &axis{n: n, first: make([]int, to), share: make([]uint32, n*to)}
	for i := range to {
		shares := a.share[i*n:][:n]
		if to < from {
			a.first[i] = area(shares, i, from, to)
		} else {
			a.first[i] = between(shares, i, from, to)
		}
	}
	return a
}

// area: new pixel i covers the old ones from i·from/to to (i+1)·from/to, some in part. Lengths are counted in 1/to.
func area(share []uint32, i, from, to int) (first int) {
	low, high := i*from, (i+1)*from
	first = min(low/to, from-len(share))
	given := 0
	for j := range share {
		// Rounding the running sum, not each share, makes the shares sum to exactly one.
		upTo := max(0, min(high, (first+j+1)*to)-low) << shift / from
		share[j] = uint32(upTo - given)
		given = upTo
	}
	return first
}

// between: new pixel i's centre lies at (i+½)·from/to - ½ among the old ones' centres.
func between(share []uint32, i, from, to int) (first int) {
	at := ((2*i+1)*from - to) << shift / (2 * to)
	at = min(max(at, 0), (from-1)<<shift)
	first = min(at>>shift, from-len(share))
	part := uint32(at - first<<shift)
	if len(share) == 1 {
		share[0] = 1 << shift
		return first
	}
	share[0], share[1] = 1<<shift-part, part
	return first
}

// row makes a new row of an old one.
func (a *axis) row(out, in []byte) {
	if a.n == 2 { // larger, or not much smaller: most of the work there is
		for x := range out {
			f, k := a.first[x], a.share[2*x:2*x+2:2*x+2]
			two := in[f : f+2 : f+2]
			out[x] = byte((k[0]*uint32(two[0]) + k[1]*uint32(two[1]) + half) >> shift)
		}
		return
	}
	for x := range out {
		sum := uint32(half)
		old := in[a.first[x]:][:a.n]
		for i, k := range a.share[x*a.n:][:a.n] {
			sum += k * uint32(old[i])
		}
		out[x] = byte(sum >> shift)
	}
}

// column makes row y of the rows in wide, each w long.
func (a *axis) column(out, wide []byte, w, y int) {
	share := a.share[y*a.n:][:a.n]
	if a.n == 2 {
		one, two := wide[a.first[y]*w:][:w], wide[(a.first[y]+1)*w:][:w]
		k, l := share[0], share[1]
		for x := range out {
			out[x] = byte((k*uint32(one[x]) + l*uint32(two[x]) + half) >> shift)
		}
		return
	}
	if len(a.sums) != w {
		a.sums = make([]uint32, w)
	}
	for x := range a.sums {
		a.sums[x] = half
	}
	for i, k := range share {
		if k == 0 {
			continue
		}
		for x, v := range wide[(a.first[y]+i)*w:][:w] {
			a.sums[x] += k * uint32(v)
		}
	}
	for x, v := range a.sums {
		out[x] = byte(v >> shift)
	}
}
