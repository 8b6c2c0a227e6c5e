package choose

import (
	"testing"
	"time"
)

// half is what a path brings in half a second.
type half struct {
	sent, skipped uint64
	lost          float64
	queue         time.Duration
	delivered     int
}

// walk plays half seconds to a chooser between two layers, and returns the layer after each: 0 the larger, 1 the smaller.
func walk(c *Chooser, p *Path, at *time.Duration, layer *int, n int, s half) (last Verdict) {
	for range n {
		*at += Every
		p.Sent += s.sent
		p.Skipped += s.skipped
		p.Told, p.Lost, p.Queue, p.Delivered = true, s.lost, s.queue, s.delivered
		v := c.Judge(*at, *p)
		if next := *layer - v.Way; v.Way != 0 && next >= 0 && next <= 1 {
			*layer = next
			c.Moved(*at, v.Way)
			last = v
		}
	}
	return last
}

func TestLayersFollowThePath(t *testing.T) {
	good, lossy, late, full := half{sent: 50}, half{sent: 50, lost: 0.2}, half{sent: 50, queue: 150 * time.Millisecond, delivered: 700}, half{sent: 50, skipped: 1}
	middling, waiting, few, silent := half{sent: 50, lost: 0.05}, half{sent: 50, queue: 60 * time.Millisecond}, half{sent: 3}, half{}
	const hold = int(holdFirst / Every)
	type step struct {
		n    int
		s    half
		want int
	}
	for name, steps := range map[string][]step{
		"a good path keeps the large one":       {{100, good, 0}},
		"loss brings the small one at once":     {{5, good, 0}, {1, lossy, 1}},
		"so does a queue that stands":           {{5, good, 0}, {1, late, 1}},
		"and a full ring":                       {{5, good, 0}, {1, full, 1}},
		"some loss changes nothing":             {{5, good, 0}, {30, middling, 0}},
		"and brings nothing back":               {{5, good, 0}, {1, lossy, 1}, {30, middling, 1}},
		"nor does a short queue":                {{5, good, 0}, {1, lossy, 1}, {30, waiting, 1}},
		"a good while brings the large back":    {{5, good, 0}, {1, lossy, 1}, {hold, good, 1}, {1, good, 0}},
		"a failed try makes the next one later": {{5, good, 0}, {1, lossy, 1}, {hold + 1, good, 0}, {1, lossy, 1}, {2 * hold, good, 1}, {1, good, 0}},
		"nothing sent is nothing learned":       {{5, good, 0}, {60, silent, 0}, {1, lossy, 1}},
		"few packets are gathered":              {{5, good, 0}, {1, lossy, 1}, {hold, few, 1}, {hold, few, 0}},
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

func TestWhatCameThroughIsTold(t *testing.T) {
	var c Chooser
	var p Path
	var at time.Duration
	layer := 0
	walk(&c, &p, &at, &layer, 2, half{sent: 50})
	if v := walk(&c, &p, &at, &layer, 1, half{sent: 50, queue: time.Second, delivered: 1000}); v != (Verdict{Way: -1, Most: 850}) {
		t.Errorf("%+v", v)
	}
}

func TestWhatIsExcusedCountsNeitherWay(t *testing.T) {
	var c Chooser
	var p Path
	var at time.Duration
	layer := 1
	walk(&c, &p, &at, &layer, int(holdFirst/Every), half{sent: 50})
	for range 100 {
		at += Every
		p.Sent, p.Skipped = p.Sent+50, p.Skipped+1
		c.Excuse(at, p)
	}
	if walk(&c, &p, &at, &layer, 2, half{sent: 50}); layer != 1 {
		t.Error("the time before counted")
	}
	if walk(&c, &p, &at, &layer, int(holdFirst/Every), half{sent: 50}); layer != 0 {
		t.Error("the time after did not")
	}
}

// TestAPathTooSmallIsTriedSeldom: a path that never carries the large layer is on it a small share of the time only.
func TestAPathTooSmallIsTriedSeldom(t *testing.T) {
	var c Chooser
	var p Path
	var at time.Duration
	layer, large := 0, 0
	for range 3600 {
		s := half{sent: 50}
		if layer == 0 {
			s.lost = 0.3
			large++
		}
		walk(&c, &p, &at, &layer, 1, s)
	}
	if large > 60 {
		t.Errorf("%d of 3600 half seconds on a layer that does not fit", large)
	}
}

func TestWithoutFeedbackReportsAndNACKsServe(t *testing.T) {
	var c Chooser
	if v := c.Judge(time.Second, Path{Sent: 100, RTT: 20 * time.Millisecond}); v.Way != 0 {
		t.Error(v)
	}
	if v := c.Judge(2*time.Second, Path{Sent: 200, RTT: 20 * time.Millisecond, Loss: 64}); v.Way != -1 {
		t.Errorf("a quarter lost: %+v", v)
	}
	if v := c.Judge(3*time.Second, Path{Sent: 300, RTT: 20 * time.Millisecond, Nacks: 30}); v.Way != -1 {
		t.Errorf("three in ten asked for again: %+v", v)
	}
	if v := c.Judge(4*time.Second, Path{Sent: 400, RTT: 400 * time.Millisecond, Nacks: 30}); v != (Verdict{Way: -1}) {
		t.Errorf("a long way: %+v", v)
	}
}
