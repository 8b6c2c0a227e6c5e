package vision

import "slices"

// leastContrast is by how many of 255 levels light must change to be an edge: well above a webcam's noise, which is 3 to 6.
const leastContrast = 20

// swingShare is the part of the last change that the next must at least have: noise on a bright label is no edge of it.
const swingShare = 4

// maxRuns bounds what is kept of a line: one with more is noise.
const maxRuns = 640

// runs are the stretches of a line between its edges, dark and light in turn, with those before the first edge and after the last.
type runs struct {
	edge []float64 // where they are, in samples: the line's first, the edges, and its last
	dark bool      // the first run
	ends []extreme
}

// extreme is a turning point of the light on a line.
type extreme struct{ at, level int }

func (r *runs) len() int { return max(0, len(r.edge)-1) }

func (r *runs) width(i int) float64 { return r.edge[i+1] - r.edge[i] }

// firstDark is the first dark run that has a light one before it.
func (r *runs) firstDark() int {
	if r.dark {
		return 2
	}
	return 1
}

// find takes a line apart: at its turning points, those that differ by leastContrast from the ones beside them, and between two of
// them where the light is half of each.
func (r *runs) find(s []byte) {
	r.edge, r.ends = r.edge[:0], r.ends[:0]
	if len(s) < 8 {
		return
	}
	first := int(s[0])
	i, step := 1, leastContrast
	for i < len(s) && int(s[i]) < first+step && int(s[i]) > first-step {
		i++
	}
	if i == len(s) {
		return
	}
	// It goes up or down until it has come back by a step from the farthest: there it turned.
	last, up := extreme{0, first}, int(s[i]) > first
	for len(r.ends) <= maxRuns {
		r.ends = append(r.ends, last)
		far := extreme{i, int(s[i])}
		if up {
			for ; i < len(s) && int(s[i]) > far.level-step; i++ {
				if int(s[i]) > far.level {
					far = extreme{i, int(s[i])}
				}
			}
			step = max(leastContrast, (far.level-last.level)/swingShare)
		} else {
			for ; i < len(s) && int(s[i]) < far.level+step; i++ {
				if int(s[i]) < far.level {
					far = extreme{i, int(s[i])}
				}
			}
			step = max(leastContrast, (last.level-far.level)/swingShare)
		}
		last, up = far, !up
		if i == len(s) {
			break
		}
	}
	r.ends = append(r.ends, last)
	r.dark = r.ends[0].level < r.ends[1].level
	r.edge = append(r.edge, 0)
	for k := range len(r.ends) - 1 {
		r.edge = append(r.edge, crossing(s, r.ends[k], r.ends[k+1]))
	}
	r.edge = append(r.edge, float64(len(s)-1))
}

// crossing is where the light between two turning points is the mean of theirs.
func crossing(s []byte, a, b extreme) float64 {
	twice := a.level + b.level
	for i := a.at; i < b.at; i++ {
		p, q := 2*int(s[i]), 2*int(s[i+1])
		if p <= twice && q > twice || p >= twice && q < twice {
			return float64(i) + float64(twice-p)/float64(q-p)
		}
	}
	return float64(a.at+b.at) / 2
}

// reverse turns the line around.
func (r *runs) reverse() {
	if len(r.edge) == 0 {
		return
	}
	sum := r.edge[0] + r.edge[len(r.edge)-1]
	if r.len()%2 == 0 {
		r.dark = !r.dark
	}
	slices.Reverse(r.edge)
	for i := range r.edge {
		r.edge[i] = sum - r.edge[i]
	}
}
