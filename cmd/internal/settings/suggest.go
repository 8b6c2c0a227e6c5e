package settings

import (
	"maps"
	"slices"
	"strings"
)

// instead is what may have been meant by a key or section that there is not.
func (w *walk) instead(name string) string {
	all := slices.Sorted(maps.Keys(w.known))
	for _, key := range all {
		if at := strings.LastIndexByte(key, '.'); at >= 0 && key[at+1:] == name {
			return name + " below a line [" + key[:at] + "]"
		}
	}
	for section := range w.sections {
		all = append(all, section)
	}
	best, fewest := "", max(1, len(name)/3)+1
	for _, key := range all {
		if n := distance(strings.ToLower(name), key); n < fewest {
			best, fewest = key, n
		}
	}
	if best != "" {
		return "a known one; did you mean " + best + "?"
	}
	return "a known one, see edgekit -settings-schema"
}

// distance is how many letters must be added, taken away, changed, or swapped with their neighbour to make b of a (optimal string
// alignment).
func distance(a, b string) int {
	if len(a) > 40 {
		return len(a)
	}
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, now := rows[0], rows[1], rows[2]
		now[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			now[j] = min(last[j]+1, now[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
		}
		rows = [3][]int{last, now, before}
	}
	return rows[1][len(b)]
}
