//go:build bench

package fanout

import (
	"fmt"
	"testing"
	"time"
)

// TestBenchACrowdBehindABottleneck is one to a hundred of pion's players behind a queue of the kernel's own (tbf, a quarter of a second
// long) that carries less than they want. It takes root.
//
//	go test -tags bench -run TestBenchACrowd -v ./capture/fanout
func TestBenchACrowdBehindABottleneck(t *testing.T) {
	for _, c := range []struct{ phones, kbps int }{{1, 1200}, {10, 8000}, {50, 20000}, {100, 20000}} {
		t.Run(fmt.Sprint(c.phones), func(t *testing.T) {
			b := newBottleneck(t, simLadder)
			b.queue(fmt.Sprintf("tbf rate %dkbit burst 16k latency 250ms", c.kbps))
			b.join(c.phones)
			t.Logf("%d phones on %d kbit/s, as they come: %v", c.phones, c.kbps, b.watch(8*time.Second))
			t.Logf("then: %v", b.watch(15*time.Second))
			b.queue(fmt.Sprintf("tbf rate %dkbit burst 16k latency 250ms", c.kbps/3))
			t.Logf("of a third, at first: %v", b.watch(5*time.Second))
			t.Logf("then: %v", b.watch(10*time.Second))
			b.queue(fmt.Sprintf("tbf rate %dkbit burst 16k latency 250ms", c.kbps))
			t.Logf("of all again, after 20 s: %v", func() times { b.watch(20 * time.Second); return b.watch(5 * time.Second) }())
		})
	}
}
