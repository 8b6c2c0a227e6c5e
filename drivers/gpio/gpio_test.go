package gpio

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// event writes one as the kernel does.
func event(at uint64, id, offset, lineSeq uint32) []byte {
	b := make([]byte, sizeEvent)
	binary.NativeEndian.PutUint64(b, at)
	binary.NativeEndian.PutUint32(b[8:], id)
	binary.NativeEndian.PutUint32(b[eventOffset:], offset)
	binary.NativeEndian.PutUint32(b[eventLineSeq:], lineSeq)
	return b
}

// TestLostEdgesAreTold by the sequence numbers of each line.
func TestLostEdgesAreTold(t *testing.T) {
	i := &Inputs{offsets: []uint32{5, 19}, last: make([]uint32, 2)}
	var b []byte
	for _, e := range [][4]uint32{{10, 1, 5, 1}, {20, 1, 19, 1}, {30, 2, 5, 4}, {40, 2, 19, 2}} {
		b = append(b, event(uint64(e[0]), e[1], e[2], e[3])...)
	}
	got, err := i.parse(b)
	want := []Edge{{0, 10, true, false}, {1, 20, true, false}, {0, 30, false, true}, {1, 40, false, false}}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(d, err)
	}
	i.last[0] = 1<<32 - 1
	if got, err := i.parse(event(50, 1, 5, 0)); err != nil || got[0].Lost {
		t.Errorf("the number begins anew: %+v, %v", got, err)
	}
	for name, b := range map[string][]byte{"half an event": b[:20], "nothing": nil, "another line's": event(1, 1, 7, 1)} {
		if _, err := i.parse(b); err == nil {
			t.Error(name)
		}
	}
}

// FuzzEvents: whatever is read from a device, it is edges of watched lines, or an error.
func FuzzEvents(f *testing.F) {
	f.Add(event(1, 1, 5, 1))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		i := &Inputs{offsets: []uint32{5, 19}, last: make([]uint32, 2)}
		edges, err := i.parse(b)
		for _, e := range edges {
			if e.Line < 0 || e.Line > 1 {
				t.Errorf("%+v", e)
			}
		}
		if err == nil && len(edges) != len(b)/sizeEvent {
			t.Errorf("%d edges of %d bytes", len(edges), len(b))
		}
	})
}

func TestSpecs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { Parse("gpio:" + rapid.String().Draw(t, "rest")) })
	if chip, lines, ok := Parse("gpio:/dev/gpio:chip4:17,0"); chip != "/dev/gpio:chip4" || !ok || cmp.Diff([]uint32{17, 0}, lines) != "" {
		t.Error(chip, lines, ok)
	}
	for _, s := range []string{"", "auto", "gpio:", "gpio:5", "gpio::5", "gpio:/dev/gpiochip0:", "gpio:/dev/gpiochip0:5,", "gpio:/dev/gpiochip0:5,5", "gpio:/dev/gpiochip0:70000"} {
		if _, _, ok := Parse(s); ok {
			t.Error(s)
		}
	}
}

func TestNowGoesOn(t *testing.T) {
	if a, b := Now(), Now(); a <= 0 || b < a || b-a > time.Hour {
		t.Error(a, b)
	}
}
