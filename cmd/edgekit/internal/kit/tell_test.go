package kit

import (
	"strings"
	"testing"

	"edgekit.internal/capture/fanout"
)

// TestTheConsoleSaysHowPicturesGo: what is out of the ordinary, and nothing else.
func TestTheConsoleSaysHowPicturesGo(t *testing.T) {
	for _, c := range []struct {
		stats        fanout.Stats
		tight, byTCP string
	}{
		{fanout.Stats{Playing: 5}, "", ""},
		{fanout.Stats{Playing: 5, OverTCP: 2}, "", "Over TCP: 2"},
		{fanout.Stats{Playing: 5, Tight: true, Carries: 800}, "800 kbit/s", ""},
		{fanout.Stats{Playing: 5, Tight: true, Carries: 2500, OverTCP: 5}, "2.5 Mbit/s", "Over TCP: 5"},
	} {
		tight, over := crowded(c.stats), overTCP(c.stats)
		if !strings.Contains(tight, c.tight) || (tight == "") != (c.tight == "") || !strings.HasPrefix(over, c.byTCP) || (over == "") != (c.byTCP == "") {
			t.Errorf("%+v: %q, %q", c.stats, tight, over)
		}
	}
}
