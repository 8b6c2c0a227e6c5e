package h264

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fromEncoder is the SPS that openh264 writes for 1280x720 in the way edgecam asks for it.
const fromEncoder = "6742c01f8c8d402802d900f08846a0"

func TestSPSOfTheEncoderPromisesNoReordering(t *testing.T) {
	sps, err := hex.DecodeString(fromEncoder)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseSPS(sps)
	if err != nil {
		t.Fatal(err)
	}
	want := Parameters{Profile: 66, Constraints: 0xc0, Level: 31, Width: 1280, Height: 720, Macroblocks: 80 * 45}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if id, err := ProfileLevelID(sps); err != nil || id != "42c01f" {
		t.Errorf("profile-level-id %q, %v", id, err)
	}
}

func TestSPSFieldsAreReadWhateverStandsBeforeThem(t *testing.T) {
	for name, c := range map[string]struct {
		write func(*writer)
		want  Parameters
	}{
		"baseline, order by type 2": {
			func(w *writer) { w.head(66, 0xe0, 30); w.order(2); w.size(40, 23, 1, 0, 0, 0, 4); w.flag(0) },
			Parameters{66, 0xe0, 30, 640, 360, 40 * 23, 0},
		},
		"order left open": {
			func(w *writer) { w.head(66, 0xe0, 30); w.order(0); w.size(40, 30, 1); w.flag(0) },
			Parameters{66, 0xe0, 30, 640, 480, 40 * 30, -1},
		},
		"order by a cycle": {
			func(w *writer) { w.head(77, 0, 30); w.order(1); w.size(40, 30, 1); w.flag(0) },
			Parameters{77, 0, 30, 640, 480, 40 * 30, -1},
		},
		"fields": {
			func(w *writer) { w.head(77, 0, 40); w.order(0); w.size(120, 34, 0, 0, 0, 0, 2); w.flag(0) },
			Parameters{77, 0, 40, 1920, 1080, 120 * 68, -1},
		},
		"high, scaling lists and usability information": {
			func(w *writer) { w.high(); w.order(0); w.size(80, 45, 1); w.flag(1); w.vui() },
			Parameters{100, 0, 31, 1280, 720, 80 * 45, 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := &writer{}
			c.write(w)
			got, err := ParseSPS(w.sps())
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestBadSPSIsRefused(t *testing.T) {
	huge := &writer{}
	huge.head(66, 0, 30)
	huge.order(2)
	huge.size(5000, 5000, 1)
	huge.flag(0)
	cropped := &writer{}
	cropped.head(66, 0, 30)
	cropped.order(2)
	cropped.size(1, 1, 1, 4, 4, 0, 0)
	cropped.flag(0)
	for name, c := range map[string]struct {
		sps  []byte
		want string
	}{
		"empty":       {nil, "expected an SPS"},
		"a PPS":       {[]byte{0x68, 1, 2, 3}, "expected an SPS"},
		"cut":         {[]byte{0x67, 66, 0xc0, 31, 0xff}, "cut short"},
		"long zeros":  {append([]byte{0x67, 66, 0xc0, 31}, make([]byte, 30)...), "cut short"},
		"too long":    {append([]byte{0x67}, make([]byte, maxSPS)...), "expected at most"},
		"huge":        {huge.sps(), "16384"},
		"cropped off": {cropped.sps(), "cropped by 16"},
	} {
		if _, err := ParseSPS(c.sps); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected an error with %q", name, err, c.want)
		}
	}
	if _, err := ProfileLevelID([]byte{0x67}); err == nil {
		t.Error("an SPS of one byte has a profile")
	}
}

func FuzzParseSPS(f *testing.F) {
	for _, s := range []string{fromEncoder, "67640028acd940780227e5c04400000300040000030 0f03c60c658"} {
		b, _ := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, sps []byte) {
		p, err := ParseSPS(sps)
		if err == nil && (p.Width < 1 || p.Height < 1 || p.Width > 16384 || p.Height > 16384) {
			t.Fatalf("%+v", p)
		}
		if _, err2 := ProfileLevelID(sps); err == nil && err2 != nil {
			t.Fatal(err2)
		}
	})
}

// writer is the other direction of bits, so that every field's place is put to the test.
type writer struct {
	bits []byte // one a bit
}

func (w *writer) u(n int, v uint32) {
	for i := n - 1; i >= 0; i-- {
		w.bits = append(w.bits, byte(v>>i&1))
	}
}

func (w *writer) flag(v uint32) { w.u(1, v) }

func (w *writer) ue(v uint32) {
	n := 0
	for (v+1)>>(n+1) != 0 {
		n++
	}
	w.u(n, 0)
	w.u(n+1, v+1)
}

func (w *writer) se(v int32) {
	if v > 0 {
		w.ue(uint32(2*v - 1))
	} else {
		w.ue(uint32(-2 * v))
	}
}

func (w *writer) head(profile, constraints, level uint32) {
	w.u(8, profile)
	w.u(8, constraints)
	w.u(8, level)
	w.ue(0)
}

func (w *writer) high() {
	w.head(100, 0, 31)
	w.ue(1) // 4:2:0
	w.ue(0)
	w.ue(0)
	w.flag(0)
	w.flag(1) // scaling matrix
	for i := range 8 {
		w.flag(uint32(i % 2))
		switch {
		case i == 1: // stops early: next scale 0
			w.se(-8)
		case i == 3 || i == 5:
			for range 16 {
				w.se(1)
			}
		case i == 7:
			for range 64 { // round and round without ever being 0, which would end the list
				w.se(5)
			}
		}
	}
}

func (w *writer) order(kind uint32) {
	w.ue(4) // log2_max_frame_num_minus4
	w.ue(kind)
	switch kind {
	case 0:
		w.ue(6)
	case 1:
		w.flag(0)
		w.se(-3)
		w.se(2)
		w.ue(2)
		w.se(1)
		w.se(-1)
	}
}

// size writes macroblock counts and, when given, the four cropping offsets.
func (w *writer) size(wide, high, framesOnly uint32, crop ...uint32) {
	w.ue(1)
	w.flag(0)
	w.ue(wide - 1)
	w.ue(high - 1)
	w.flag(framesOnly)
	if framesOnly == 0 {
		w.flag(0)
	}
	w.flag(1)
	w.flag(min(1, uint32(len(crop))))
	for _, c := range crop {
		w.ue(c)
	}
}

// vui writes usability information with everything in it and two pictures of reordering.
func (w *writer) vui() {
	w.flag(1)
	w.u(8, 255)
	w.u(32, 0x00010001)
	w.flag(1)
	w.flag(0)
	w.flag(1)
	w.u(4, 5)
	w.flag(1)
	w.u(24, 0x010101)
	w.flag(1)
	w.ue(0)
	w.ue(0)
	w.flag(1)
	w.u(32, 1)
	w.u(32, 60)
	w.flag(1)
	for range 2 { // both HRDs
		w.flag(1)
		w.ue(1)
		w.u(8, 0)
		for range 2 {
			w.ue(100)
			w.ue(200)
			w.flag(0)
		}
		w.u(20, 0)
	}
	w.flag(0)
	w.flag(0)
	w.flag(1)
	w.flag(1)
	for _, v := range []uint32{0, 0, 11, 11, 2, 4} {
		w.ue(v)
	}
}

// sps ends the payload and puts header and emulation prevention bytes in.
func (w *writer) sps() []byte {
	all := append(append([]byte(nil), w.bits...), 1)
	out, zeros := []byte{0x67}, 0
	for i := 0; i < len(all); i += 8 {
		var b byte
		for j := range 8 {
			b <<= 1
			if i+j < len(all) {
				b |= all[i+j]
			}
		}
		if zeros >= 2 && b <= 3 {
			out, zeros = append(out, 3), 0
		}
		if b == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, b)
	}
	return out
}
