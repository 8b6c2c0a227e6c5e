package capture

import "testing"

func TestPaceLetsOneOfEverySoManyThrough(t *testing.T) {
	due := func(p *Pace, of int) (n int) {
		for range of {
			if p.Due() {
				n++
			}
		}
		return n
	}
	p := new(Pace)
	for _, r := range []struct{ every, of, want int }{{0, 5, 5}, {2, 10, 5}, {4, 12, 3}, {8, 7, 0}, {1, 3, 3}, {-3, 4, 4}} {
		p.Set(r.every)
		if got := due(p, r.of); got != r.want {
			t.Errorf("one of %d: %d of %d, want %d", r.every, got, r.of, r.want)
		}
	}
	if got := due(nil, 3); got != 3 {
		t.Errorf("without a pace: %d of 3", got)
	}
}
