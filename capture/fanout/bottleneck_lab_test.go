//go:build lab

package fanout

import (
	"testing"
	"time"

	"edgekit.internal/capture"
)

// TestLabACrowdBehindABottleneck: six of pion's players, and netem between them and the kit: a third of what they want and a long
// queue, then packets that are lost, late and overtake others, then next to nothing, then room. Whatever it is, within seconds each
// has a picture that moves, and outcomes come. The processor is emulated: how fast is told, not asserted.
func TestLabACrowdBehindABottleneck(t *testing.T) {
	b := newBottleneck(t, []capture.Layer{{ID: 0, FPS: 15, Kbps: 300}, {ID: 1, FPS: 15, Kbps: 100}, {ID: 2, FPS: 8, Kbps: 40}})
	b.queue("netem delay 10ms rate 2000kbit limit 100")
	b.join(6)
	for _, step := range []struct {
		name, queue string
		tight       bool
	}{
		{"all they want, and a little more", "netem delay 10ms rate 2600kbit limit 100", false},
		{"a third of what they want", "netem delay 10ms rate 700kbit limit 60", true},
		{"loss, delay and disorder", "netem delay 40ms 15ms rate 700kbit loss 2% reorder 5% 25% limit 60", true},
		{"next to nothing", "netem delay 10ms rate 350kbit limit 40", true},
		{"room again", "netem delay 10ms rate 5000kbit limit 100", false},
	} {
		b.queue(step.queue)
		t.Logf("%s, at first: %v", step.name, b.watch(8*time.Second))
		var s times
		for range 6 { // until it is found out: the machine may be very slow
			if s = b.watch(8 * time.Second); s.least > 8 && len(b.phones) == s.outcomes && (!step.tight || s.stats.Tight || s.layers[0] < len(b.phones)) {
				break
			}
		}
		t.Logf("%s, then: %v", step.name, s)
		if s.least <= 8 || s.outcomes < len(b.phones) {
			t.Errorf("%s: somebody has no picture that moves, or no outcomes: %v", step.name, s)
		}
		if step.tight && !s.stats.Tight && s.layers[0] == len(b.phones) {
			t.Errorf("%s: nothing was done about it: %v", step.name, s)
		}
	}
}
