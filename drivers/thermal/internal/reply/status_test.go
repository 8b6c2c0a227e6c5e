package reply

import (
	"strings"
	"testing"
)

// FuzzStatus: no answer leads to anything but words.
func FuzzStatus(f *testing.F) {
	f.Add(byte(0x12), byte(0x12), byte(0x12), byte(0x18))
	f.Fuzz(func(t *testing.T, a2, a3, a4, port byte) {
		for _, got := range []Trouble{Answers{2: a2, 3: a3, 4: a4}.Trouble(), Port(port)} {
			if got.Stops && got.Words == "" || strings.Contains(got.Words, "\n") {
				t.Errorf("%+v", got)
			}
		}
	})
}

func TestStatusInWords(t *testing.T) {
	for _, c := range []struct {
		a    Answers
		want Trouble
	}{
		{Answers{}, Fine},
		{Answers{2: 0x12, 3: 0x12, 4: 0x12}, Fine},
		{Answers{4: 0x72}, NoPaper},
		{Answers{2: 0x32}, NoPaper},
		{Answers{2: 0x36, 4: 0x72}, Open}, // which must come first
		{Answers{2: 0x52, 3: 0x1a}, Cutter},
		{Answers{2: 0x52, 3: 0x32}, Faulty},
		{Answers{2: 0x52, 3: 0x52}, Hot},
		{Answers{2: 0x52}, Faulty},
		{Answers{1: 0x5a, 2: 0x1a}, Offline}, // somebody feeds paper
		{Answers{1: 0x1a, 4: 0x1e}, Offline},
		{Answers{1: 0x1a, 2: 0x16}, Open},
		{Answers{1: 0x12, 4: 0x1e}, LowPaper},
		{Answers{4: 0x1e}, LowPaper},
		{Answers{2: 0xff, 3: 0xff, 4: 0xff}, Fine}, // not answers
	} {
		if got := c.a.Trouble(); got != c.want {
			t.Errorf("% x: %+v, expected %+v", c.a, got, c.want)
		}
	}
	for b, want := range map[byte]Trouble{0x18: Fine, 0x38: NoPaper, 0x20: NoPaper, 0x10: Faulty, 0x00: Fine, 0xff: Fine, 0x08: Offline} {
		if got := Port(b); got != want {
			t.Errorf("port %#x: %+v, expected %+v", b, got, want)
		}
	}
}
