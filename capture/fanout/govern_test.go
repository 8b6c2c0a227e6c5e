package fanout

import (
	"net/netip"
	"testing"

	"edgekit.internal/capture"
)

// TestANewEncoderBeginsAtItsOwnRates: what its predecessor was told it does not know, and is told again.
func TestANewEncoderBeginsAtItsOwnRates(t *testing.T) {
	s := idle(t)
	told := map[uint8]int{}
	s.config.SetBitrate = func(layer uint8, kbps int) { told[layer] = kbps }
	x := newSender(s, &gate{room: -1, took: func(netip.AddrPort, []byte) {}})
	layers := []capture.Layer{{ID: 0, Kbps: 1800}, {ID: 1, Kbps: 600}}
	for range 2 {
		x.setLayers(layers)
		x.governor.climb(x.layers)
		if got := x.layers[0].kbps(); got != 1800 {
			t.Errorf("a new encoder is taken to make %d kbit/s", got)
		}
		clear(told)
		x.encode(0.5)
		if told[0] != 900 || told[1] != 300 || x.layers[0].kbps() != 900 {
			t.Errorf("told %v, taken to make %d kbit/s", told, x.layers[0].kbps())
		}
	}
}
