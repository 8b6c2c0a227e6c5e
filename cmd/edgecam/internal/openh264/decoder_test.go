package openh264

import (
	"bytes"
	"errors"
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"edgekit.internal/capture/h264"
)

// stream is n pictures of a size, and what the encoder made of them, with a key picture at each of keys.
func stream(t testing.TB, w, h, n int, keys ...int) (pictures []*image.YCbCr, units [][]byte) {
	t.Helper()
	noise := rand.New(rand.NewPCG(1, 2))
	e := open(t, Config{w, h, 30, 2000})
	for i := range n {
		img := scene(w, h, i, noise)
		key := false
		for _, k := range keys {
			key = key || k == i
		}
		unit, err := e.Encode(img, key)
		if err != nil {
			t.Fatal(err)
		}
		pictures, units = append(pictures, img), append(units, bytes.Clone(unit))
	}
	return pictures, units
}

// differ is by how much luma differs, on average.
func differ(a, b *image.YCbCr) float64 {
	sum := 0
	for i := range a.Y {
		d := int(a.Y[i]) - int(b.Y[i])
		sum += max(d, -d)
	}
	return float64(sum) / float64(len(a.Y))
}

func TestWhatTheEncoderMakesIsDecoded(t *testing.T) {
	for _, size := range []image.Point{{320, 180}, {640, 360}} {
		pictures, units := stream(t, size.X, size.Y, 20, 10)
		d := NewDecoder()
		defer d.Close()
		for i, u := range units {
			img, err := d.Decode(u)
			if err != nil {
				t.Fatalf("%v, picture %d: %v", size, i, err)
			}
			if img.Rect.Size() != size || differ(img, pictures[i]) > 6 {
				t.Errorf("picture %d: %v, luma differs by %.1f", i, img.Rect, differ(img, pictures[i]))
			}
		}
	}
}

// TestNothingIsShownOfWhatIsMissing: after a picture that was lost, or broken, none comes before the next key picture, and then all do.
func TestNothingIsShownOfWhatIsMissing(t *testing.T) {
	pictures, units := stream(t, 320, 180, 12, 8)
	_, other := stream(t, 160, 96, 1)
	for name, c := range map[string]struct {
		spoil func(d *Decoder) ([]byte, bool) // what comes at the fourth place; false: nothing, and the decoder is told
		good  bool                            // and is a picture
	}{
		"lost":          {func(d *Decoder) ([]byte, bool) { return nil, false }, false},
		"cut":           {func(*Decoder) ([]byte, bool) { return units[3][:len(units[3])/2], true }, false},
		"no H.264":      {func(*Decoder) ([]byte, bool) { return []byte("hello"), true }, false},
		"nothing":       {func(*Decoder) ([]byte, bool) { return nil, true }, false},
		"far too long":  {func(*Decoder) ([]byte, bool) { return make([]byte, maxUnit+1), true }, false},
		"another size":  {func(*Decoder) ([]byte, bool) { return other[0], true }, true},
		"another's SPS": {func(*Decoder) ([]byte, bool) { return join(h264.Find(other[0], h264.SPS), units[3][4:]), true }, false},
		"two SPS":       {func(*Decoder) ([]byte, bool) { return append(bytes.Clone(other[0]), units[0]...), true }, false},
		"a huge size's SPS": {func(*Decoder) ([]byte, bool) {
			return join(huge, h264.Find(units[0], h264.PPS), h264.Find(units[0], h264.IDRSlice)), true
		}, false},
	} {
		d := NewDecoder()
		for i, u := range units {
			if i == 3 {
				var told bool
				if u, told = c.spoil(d); !told {
					d.Lost()
					continue
				}
			}
			img, err := d.Decode(u)
			want := i < 3 || i >= 8 || i == 3 && c.good
			if (err == nil) != want || (img != nil) != want {
				t.Errorf("%s: picture %d: %v, %v", name, i, img != nil, err)
			}
			if i > 4 && i < 8 && !errors.Is(err, ErrNoKey) {
				t.Errorf("%s: picture %d: %v", name, i, err)
			}
			if i >= 8 && err == nil && differ(img, pictures[i]) > 6 {
				t.Errorf("%s: picture %d differs by %.1f", name, i, differ(img, pictures[i]))
			}
		}
		d.Close()
	}
}

// TestParameterSetsMayComeOnceAndAlone, as some cameras send them; a key picture is begun anew with what came then.
func TestParameterSetsMayComeOnceAndAlone(t *testing.T) {
	pictures, units := stream(t, 320, 180, 12, 8)
	d := NewDecoder()
	defer d.Close()
	if _, err := d.Decode(join(h264.Find(units[0], h264.IDRSlice))); !errors.Is(err, ErrNoKey) {
		t.Errorf("without any: %v", err)
	}
	for i, u := range units {
		if i == 0 || i == 8 { // this encoder numbers them anew each time
			if img, err := d.Decode(join(h264.Find(u, h264.SPS), h264.Find(u, h264.PPS))); img != nil || err != nil {
				t.Errorf("alone: %v, %v", img != nil, err)
			}
			u = join(h264.Find(u, h264.IDRSlice))
		}
		if i == 6 {
			d.Lost()
		}
		if i == 3 { // a unit that says something else
			if img, err := d.Decode(join([]byte{byte(h264.SEI), 1})); img != nil || err != nil {
				t.Errorf("SEI alone: %v, %v", img != nil, err)
			}
		}
		img, err := d.Decode(u)
		if want := i < 6 || i >= 8; (err == nil) != want || want && differ(img, pictures[i]) > 6 {
			t.Errorf("picture %d: %v", i, err)
		}
	}
	d.Lost()
	if img, err := d.Decode(join(h264.Find(units[8], h264.IDRSlice))); img == nil || err != nil {
		t.Errorf("again: %v", err)
	}
}

func join(nals ...[]byte) (unit []byte) {
	for _, n := range nals {
		unit = append(append(unit, 0, 0, 0, 1), n...)
	}
	return unit
}

// huge is a baseline SPS of 4096x4096 (256 macroblocks a side: ue 255 twice).
var huge = []byte{0x67, 66, 0xc0, 51, 0b1_1_1_010_0_0, 0b00000010, 0b00000000, 0b0_0000000, 0b100000000 >> 1, 0b1_1_0_0_1_000}

// FuzzDecode: no bytes stop the decoder from showing a good stream afterwards, nor make it give a picture without sense.
func FuzzDecode(f *testing.F) {
	_, units := stream(f, 64, 48, 4)
	for _, u := range units {
		f.Add(u, u)
		f.Add(u[:len(u)/2], units[1])
	}
	f.Add(join(huge), units[0])
	f.Fuzz(func(t *testing.T, a, b []byte) {
		d := NewDecoder()
		defer d.Close()
		for _, u := range [][]byte{a, units[0], b, units[1], a} {
			if img, _ := d.Decode(u); img != nil && (img.Rect.Empty() || img.Rect.Dx()%2+img.Rect.Dy()%2 != 0 || img.Rect.Dx()*img.Rect.Dy() > maxPixels) {
				t.Fatal(img.Rect)
			}
		}
		for i, u := range units {
			if img, err := d.Decode(u); err != nil || img == nil {
				t.Fatalf("picture %d: %v", i, err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	_, units := stream(b, 1280, 720, 30)
	d := NewDecoder()
	defer d.Close()
	n := 0
	begin := time.Now()
	for b.Loop() {
		if _, err := d.Decode(units[n%len(units)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(time.Since(begin).Milliseconds())/float64(n), "ms/picture")
}
