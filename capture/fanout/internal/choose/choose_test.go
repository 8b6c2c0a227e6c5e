package choose

import (
	"testing"
	"time"
)

// second is what a path brings in one second.
type second struct {
	arrived, missing, skipped uint64
	rtt                       time.Duration
}

// walk plays seconds to a chooser between two layers, and returns the layer after each: 0 the larger, 1 the smaller.
func walk(c *Chooser, from *Path, at *time.Duration, layer *int, n int, s second) {
	for range n {
		*at += judgeEvery
		from.Sent += s.arrived + s.missing
		from.Arrived += s.arrived
		from.Missing += s.missing
		from.Skipped += s.skipped
		from.RTT = s.rtt
		way := c.Judge(*at, *from)
		if next := *layer - way; way != 0 && next >= 0 && next <= 1 {
			*layer = next
			c.Moved(*at, way)
		}
	}
}

func TestLayersFollowThePath(t *testing.T) {
	good, lossy, late, full := second{100, 0, 0, 20 * time.Millisecond}, second{80, 20, 0, 20 * time.Millisecond}, second{100, 0, 0, 400 * time.Millisecond}, second{100, 0, 1, 20 * time.Millisecond}
	middling, few, silent := second{95, 5, 0, 20 * time.Millisecond}, second{6, 0, 0, 20 * time.Millisecond}, second{}
	type step struct {
		n    int
		s    second
		want int
	}
	for name, steps := range map[string][]step{
		"a good path keeps the large one":       {{100, good, 0}},
		"loss brings the small one at once":     {{5, good, 0}, {1, lossy, 1}},
		"so does a queue that fills":            {{5, good, 0}, {1, late, 1}},
		"and a full ring":                       {{5, good, 0}, {1, full, 1}},
		"some loss changes nothing":             {{5, good, 0}, {30, middling, 0}},
		"and brings nothing back":               {{5, good, 0}, {1, lossy, 1}, {30, middling, 1}},
		"a good while brings the large back":    {{5, good, 0}, {1, lossy, 1}, {holdFirst - 1, good, 1}, {1, good, 0}},
		"a failed try makes the next one later": {{5, good, 0}, {1, lossy, 1}, {holdFirst, good, 0}, {1, lossy, 1}, {2*holdFirst - 1, good, 1}, {1, good, 0}},
		"nothing sent is nothing learned":       {{5, good, 0}, {60, silent, 0}, {1, lossy, 1}},
		"few packets are gathered":              {{5, good, 0}, {1, lossy, 1}, {4 * (holdFirst + 1), few, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			var c Chooser
			var p Path
			var at time.Duration
			layer := 0
			for i, s := range steps {
				walk(&c, &p, &at, &layer, s.n, s.s)
				if layer != s.want {
					t.Fatalf("step %d: layer %d, want %d (%+v)", i, layer, s.want, c)
				}
			}
		})
	}
}

// TestAPathTooSmallIsTriedSeldom: a path that never carries the large layer is on it a small share of the time only.
func TestAPathTooSmallIsTriedSeldom(t *testing.T) {
	var c Chooser
	var p Path
	var at time.Duration
	layer, large := 0, 0
	for range 1800 {
		s := second{100, 0, 0, 20 * time.Millisecond}
		if layer == 0 {
			s = second{70, 30, 0, 20 * time.Millisecond}
			large++
		}
		walk(&c, &p, &at, &layer, 1, s)
	}
	if large > 30 {
		t.Errorf("%d of 1800 seconds on a layer that does not fit", large)
	}
}

func TestWithoutFeedbackReportsAndNACKsServe(t *testing.T) {
	var c Chooser
	if way := c.Judge(time.Second, Path{Sent: 100}); way != 0 {
		t.Error(way)
	}
	if way := c.Judge(2*time.Second, Path{Sent: 200, Loss: 64}); way != -1 {
		t.Errorf("a quarter lost: %d", way)
	}
	if way := c.Judge(3*time.Second, Path{Sent: 300, Nacks: 30}); way != -1 {
		t.Errorf("three in ten asked for again: %d", way)
	}
}
