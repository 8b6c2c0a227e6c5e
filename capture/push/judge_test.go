package push

import (
	"testing"
	"time"

	"edgekit.internal/capture"
)

// path is a way to a server, as a model: what is sent and how much of it fits decides what is seen.
type path struct{ kbps int }

// see is what a sender of a layer sees of it: an estimate that finds what the way carries when that is exceeded, and grows to half as
// much again as what is sent when not, as congestion control's do.
func (p path) see(layers []capture.Layer, layer uint8) way {
	is := kbpsOf(layers, layer)
	if is > p.kbps {
		return way{usable: p.kbps * 85 / 100, sent: is, loss: 1 - float64(p.kbps)/float64(is), rtt: 40 * time.Millisecond}
	}
	return way{usable: min(is*3/2, max(p.kbps, is*12/10)), sent: is, rtt: 40 * time.Millisecond}
}

// walk lets a judge follow a way for so many seconds.
func walk(j *judge, from int, layers []capture.Layer, layer uint8, p path, seconds int) (uint8, map[uint8]int) {
	on := map[uint8]int{}
	for i := range seconds {
		layer = j.look(time.Duration(from+i+1)*time.Second, layers, layer, p.see(layers, layer))
		on[layer]++
	}
	return layer, on
}

func TestTheLayerFollowsTheWay(t *testing.T) {
	layers := []capture.Layer{{ID: 0, Kbps: 1800}, {ID: 1, Kbps: 600}, {ID: 2, Kbps: 200}}
	var j judge
	at := 0
	layer := uint8(1)
	for _, c := range []struct {
		what    string
		kbps    int
		seconds int
		want    uint8
	}{
		{"there is room", 5000, 15, 0},
		{"it narrows", 700, 4, 1},
		{"it narrows more", 300, 5, 2},
		{"it is too narrow for any", 100, 30, 2},
		{"it widens", 5000, 200, 0},
		{"it narrows at once to the least", 260, 5, 2},
	} {
		layer, _ = walk(&j, at, layers, layer, path{c.kbps}, c.seconds)
		if at += c.seconds; layer != c.want {
			t.Fatalf("%s: after %d s layer %d, expected %d", c.what, c.seconds, layer, c.want)
		}
	}
}

// A way that never carries the large layer is not tried again and again: viewers far away see it each time.
func TestALayerThatGoesWrongIsTriedLessAndLess(t *testing.T) {
	var j judge
	_, on := walk(&j, 0, twoLayers, 1, path{900}, 1000)
	if on[0] > 60 {
		t.Fatalf("of 1000 s, %d were on a layer that does not fit", on[0])
	}
	if layer, _ := walk(&j, 1000, twoLayers, 1, path{4000}, 2*holdMost); layer != 0 {
		t.Fatal("it is not tried at all any more")
	}
}

func TestWithoutFeedbackLossAndDelayJudge(t *testing.T) {
	for _, c := range []struct {
		what string
		w    way
		want uint8
	}{
		{"nothing is known", way{}, 0},
		{"little loss", way{loss: 0.05}, 0},
		{"much loss", way{loss: 0.2}, 1},
		{"delay", way{rtt: 500 * time.Millisecond}, 1},
		{"pictures do not go away", way{overflow: 1}, 1},
	} {
		var j judge
		j.look(time.Second, twoLayers, 0, way{rtt: 20 * time.Millisecond})
		if got := j.look(2*time.Second, twoLayers, 0, c.w); got != c.want {
			t.Errorf("%s: layer %d, expected %d", c.what, got, c.want)
		}
	}
	var j judge
	if got := j.look(time.Second, nil, 3, way{loss: 1}); got != 3 {
		t.Errorf("without layers: %d", got)
	}
}
