package openh264

import (
	"fmt"
	"image"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/capture/h264"
)

// scene draws a picture that moves: a gradient that slides, with noise as a camera's has it.
func scene(w, h, n int, noise *rand.Rand) *image.YCbCr {
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for y := range h {
		row := img.Y[y*img.YStride:][:w]
		for x := range row {
			row[x] = byte(40 + (x+4*n)*y/h%160 + noise.IntN(6))
		}
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = byte(100+i%50), byte(140-i%50)
	}
	return img
}

func units(au []byte) (out []h264.Type) {
	for nal := range h264.NALs(au) {
		out = append(out, h264.TypeOf(nal))
	}
	return out
}

func TestStreamIsConstrainedBaselineWithoutReorderingOneSliceAPicture(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 2))
	for _, size := range []image.Point{{640, 360}, {1280, 720}} {
		e := open(t, Config{size.X, size.Y, 30, 1000})
		for n := range 8 {
			au, err := e.Encode(scene(size.X, size.Y, n, noise), n == 5)
			if err != nil {
				t.Fatal(err)
			}
			want := []h264.Type{h264.Slice}
			if n == 0 || n == 5 {
				want = []h264.Type{h264.SPS, h264.PPS, h264.IDRSlice}
			}
			if d := cmp.Diff(want, units(au)); d != "" {
				t.Errorf("picture %d: %s", n, d)
			}
			if n != 0 {
				continue
			}
			p, err := h264.ParseSPS(h264.Find(au, h264.SPS))
			if err != nil {
				t.Fatal(err)
			}
			if p.Profile != 66 || p.Constraints&0x40 == 0 || p.Reorder != 0 || p.Width != size.X || p.Height != size.Y {
				t.Errorf("SPS %+v, expected constrained baseline of %v without reordering", p, size)
			}
		}
	}
}

func TestRateFollowsTheTarget(t *testing.T) {
	noise := rand.New(rand.NewPCG(1, 2))
	var pictures []*image.YCbCr
	for n := range 30 {
		pictures = append(pictures, scene(640, 360, n, noise))
	}
	e := open(t, Config{640, 360, 30, 1500})
	second := func() (kbps int) {
		for _, img := range pictures {
			au, err := e.Encode(img, false)
			if err != nil {
				t.Fatal(err)
			}
			kbps += len(au) * 8 / 1000
		}
		return kbps
	}
	rates := []int{second(), second(), second()}
	if err := e.SetBitrate(400); err != nil {
		t.Fatal(err)
	}
	low := []int{second(), second(), second()}
	t.Logf("1500 kbit/s wanted: %v a second; then 400: %v", rates, low)
	if slices.Max(rates[1:]) > 3000 || low[2] > 800 || low[2] >= rates[2] {
		t.Errorf("rates %v and %v, expected about 1500 and 400", rates, low)
	}
}

func TestPictureOfTheWrongFormNeverReachesTheCodec(t *testing.T) {
	e := open(t, Config{64, 32, 30, 100})
	short := image.NewYCbCr(image.Rect(0, 0, 64, 32), image.YCbCrSubsampleRatio420)
	short.Cr = short.Cr[:10]
	for _, img := range []*image.YCbCr{
		image.NewYCbCr(image.Rect(0, 0, 32, 32), image.YCbCrSubsampleRatio420),
		image.NewYCbCr(image.Rect(0, 0, 64, 32), image.YCbCrSubsampleRatio422),
		image.NewYCbCr(image.Rect(2, 2, 66, 34), image.YCbCrSubsampleRatio420),
		short,
	} {
		if _, err := e.Encode(img, false); err == nil {
			t.Errorf("%v %v was encoded", img.Rect, img.SubsampleRatio)
		}
	}
	for _, c := range []Config{{}, {63, 32, 30, 1}, {64, 32, 0, 1}, {64, 32, 1, 0}, {1 << 20, 32, 1, 1}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range []Config{{640, 360, 30, 600}, {1280, 720, 30, 1800}} {
		b.Run(fmt.Sprintf("%dx%d", c.Width, c.Height), func(b *testing.B) {
			noise := rand.New(rand.NewPCG(1, 2))
			var pictures []*image.YCbCr
			for n := range 30 {
				pictures = append(pictures, scene(c.Width, c.Height, n, noise))
			}
			e := open(b, c)
			bytes, n := 0, 0
			for b.Loop() {
				au, err := e.Encode(pictures[n%len(pictures)], false)
				if err != nil {
					b.Fatal(err)
				}
				bytes += len(au)
				n++
			}
			b.ReportMetric(float64(bytes)*8*float64(c.FPS)/1000/float64(n), "kbit/s")
		})
	}
}

func open(t testing.TB, c Config) *Encoder {
	t.Helper()
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}
