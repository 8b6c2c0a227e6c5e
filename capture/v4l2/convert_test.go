package v4l2

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"testing"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/capture"
)

func TestMain(m *testing.M) {
	reading() // measured by the real clock, before synctest's stands still
	goleak.VerifyTestMain(m)
}

// pattern gives every sample of a 4×4 picture a value of its own, colour the same on each two lines.
func lumaAt(x, y int) byte { return byte(20 + 10*y + x) }
func cbAt(x, y int) byte   { return byte(100 + 10*(y/2) + x/2) }
func crAt(x, y int) byte   { return byte(200 + 10*(y/2) + x/2) }

// encoded writes the pattern in a format, w × h, with pad bytes behind each line.
func encoded(f FourCC, w, h, pad int) (data []byte, stride int) {
	padding := bytes.Repeat([]byte{255}, pad)
	line := func(n int, at func(x int) byte) {
		for x := range n {
			data = append(data, at(x))
		}
		data = append(data, padding...)
	}
	switch f {
	case YUYV:
		for y := range h {
			line(2*w, func(i int) byte {
				switch i % 4 {
				case 1:
					return cbAt(i/2, y)
				case 3:
					return crAt(i/2, y)
				}
				return lumaAt(i/2, y)
			})
		}
		return data, 2*w + pad
	case NV12:
		for y := range h {
			line(w, func(x int) byte { return lumaAt(x, y) })
		}
		for y := 0; y < h; y += 2 {
			line(w, func(x int) byte {
				if x%2 == 0 {
					return cbAt(x, y)
				}
				return crAt(x, y)
			})
		}
	case I420:
		for y := range h {
			line(w, func(x int) byte { return lumaAt(x, y) })
		}
		padding = padding[:pad/2]
		for _, at := range []func(x, y int) byte{cbAt, crAt} {
			for y := 0; y < h; y += 2 {
				line(w/2, func(x int) byte { return at(2*x, y) })
			}
		}
	}
	return data, w + pad
}

func TestRawPicturesKeepEverySampleInItsPlace(t *testing.T) {
	for _, f := range []FourCC{YUYV, NV12, I420} {
		for _, pad := range []int{0, 6} {
			data, stride := encoded(f, 6, 4, pad)
			img, err := toI420(f, 6, 4, stride, data)
			if err != nil {
				t.Fatal(err)
			}
			for y := range 4 {
				for x := range 6 {
					c := img.YCbCrAt(x, y)
					if want := (color.YCbCr{Y: lumaAt(x, y), Cb: cbAt(x, y), Cr: crAt(x, y)}); c != want {
						t.Errorf("%v, padded by %d: pixel %d,%d is %v, expected %v", f, pad, x, y, c, want)
					}
				}
			}
		}
	}
}

func TestShortOrAbsurdPicturesAreRefused(t *testing.T) {
	for _, f := range []FourCC{YUYV, NV12, I420} {
		data, stride := encoded(f, 6, 4, 0)
		for name, c := range map[string]struct {
			w, h, stride int
			data         []byte
		}{
			"a byte short": {6, 4, stride, data[:len(data)-1]},
			"stride short": {6, 4, stride - 1, data},
			"no size":      {0, 4, stride, data},
			"negative":     {-6, 4, stride, data},
			"huge":         {1 << 20, 1 << 20, 1 << 21, data},
			"huge stride":  {6, 4, 1 << 40, data},
		} {
			if img, err := toI420(f, c.w, c.h, c.stride, c.data); err == nil {
				t.Errorf("%v %s: read as %v", f, name, img.Rect)
			}
		}
	}
	if _, err := toI420(MJPG, 2, 2, 4, make([]byte, 100)); err == nil {
		t.Error("a JPEG was read as raw")
	}
}

// photo is a soft picture that JPEG keeps well, in any subsampling.
func photo(ratio image.YCbCrSubsampleRatio, w, h int) *image.YCbCr {
	img := image.NewYCbCr(image.Rect(0, 0, w, h), ratio)
	for y := range h {
		for x := range w {
			img.Y[img.YOffset(x, y)] = byte(255 * x / (w - 1))
			img.Cb[img.COffset(x, y)], img.Cr[img.COffset(x, y)] = byte(80+60*y/h), 180
		}
	}
	return img
}

func encodeJPEG(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// without cuts all segments with a marker out of a JPEG.
func without(t testing.TB, data []byte, mark byte) []byte {
	t.Helper()
	out := append([]byte(nil), data[:2]...)
	cut := 0
	for i := 2; ; {
		size := 2 + int(data[i+2])<<8 + int(data[i+3])
		switch data[i+1] {
		case mark:
			cut++
		case markSOS:
			if cut == 0 {
				t.Fatalf("no segment %#x", mark)
			}
			return append(out, data[i:]...)
		default:
			out = append(out, data[i:i+size]...)
		}
		i += size
	}
}

func TestJPEGIsReadWithOrWithoutItsTablesInLimitedRange(t *testing.T) {
	whole := encodeJPEG(t, photo(image.YCbCrSubsampleRatio420, 65, 49)) // the encoder uses the tables of annex K
	bare := without(t, whole, markDHT)
	if _, err := jpeg.Decode(bytes.NewReader(bare)); err == nil {
		t.Fatal("the JPEG without tables is not one")
	}
	a, err := DecodeJPEG(whole)
	if err != nil {
		t.Fatal(err)
	}
	b, err := DecodeJPEG(bare)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Y, b.Y) || !bytes.Equal(a.Cb, b.Cb) || !bytes.Equal(a.Cr, b.Cr) {
		t.Error("with and without its tables the picture differs")
	}
	if a.Rect != image.Rect(0, 0, 64, 48) {
		t.Errorf("size %v, expected even sides", a.Rect)
	}
	for x, want := range map[int]int{0: 16, 32: 16 + 219/2, 63: 16 + 219*63/64} {
		if got := int(a.Y[24*a.YStride+x]); got < want-4 || got > want+4 {
			t.Errorf("luma at %d is %d, expected about %d", x, got, want)
		}
	}
	if got, want := int(a.Cr[10]), 16+180*224/255; got < want-3 || got > want+3 {
		t.Errorf("Cr %d, expected about %d", got, want)
	}
}

func TestEverySubsamplingBecomesTheSamePicture(t *testing.T) {
	want := image.NewYCbCr(image.Rect(0, 0, 64, 48), image.YCbCrSubsampleRatio420)
	subsample(want, photo(image.YCbCrSubsampleRatio420, 64, 48))
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio444,
		image.YCbCrSubsampleRatio440, image.YCbCrSubsampleRatio411, image.YCbCrSubsampleRatio410} {
		got := image.NewYCbCr(want.Rect, want.SubsampleRatio)
		subsample(got, photo(ratio, 64, 48))
		for i := range want.Cb {
			if d := int(want.Cb[i]) - int(got.Cb[i]); d < -4 || d > 4 || got.Cr[i] != 180 {
				t.Fatalf("%v: chroma %d is %d,%d, expected %d,180", ratio, i, got.Cb[i], got.Cr[i], want.Cb[i])
			}
		}
		if !bytes.Equal(want.Y, got.Y) {
			t.Errorf("%v: luma differs", ratio)
		}
	}
	gray, err := DecodeJPEG(encodeJPEG(t, image.NewGray(image.Rect(0, 0, 16, 16))))
	if err != nil || gray.Y[0] != 16 || gray.Cb[0] != 128 {
		t.Errorf("black without colour: %v, %v", gray, err)
	}
}

func TestRGBGetsItsColours(t *testing.T) {
	in := image.NewRGBA(image.Rect(3, 3, 6, 6))
	for i := range in.Pix {
		in.Pix[i] = []byte{255, 0, 0, 255}[i%4]
	}
	out := image.NewYCbCr(image.Rect(0, 0, 2, 2), image.YCbCrSubsampleRatio420)
	FromRGB(out, in)
	if c := out.YCbCrAt(0, 0); c != (color.YCbCr{Y: 81, Cb: 91, Cr: 240}) { // BT.601 red
		t.Errorf("red is %v", c)
	}
}

func TestBrokenJPEGsAreCountedAndTheRestComesInOrder(t *testing.T) {
	whole := encodeJPEG(t, photo(image.YCbCrSubsampleRatio420, 64, 48))
	var got []time.Duration
	d := &Device{now: capture.Monotonic, mode: Mode{MJPG, 64, 48, 30}}
	p := d.newPicker(func(f capture.Frame) { got = append(got, f.At) })
	for i, data := range [][]byte{whole, whole[:len(whole)/2], whole, {}, []byte("no picture"), whole} {
		// One at a time, so that none is dropped for want of a core.
		before := len(got) + int(d.bad.Load())
		p.take(time.Duration(i), data, true)
		p.close()
		if len(got)+int(d.bad.Load()) != before+1 {
			t.Fatalf("picture %d got lost", i)
		}
		p = d.newPicker(p.out)
	}
	p.close()
	bad, late := d.Skipped()
	if len(got) != 3 || got[0] != 0 || got[1] != 2 || got[2] != 5 || bad != 3 || late != 0 {
		t.Errorf("pictures %v, %d broken, %d late", got, bad, late)
	}
	p = d.newPicker(func(capture.Frame) {})
	p.deliver(result{err: errors.New("x")})
	if p.row.Load() != 1 {
		t.Error("broken pictures in a row are not counted")
	}
	p.deliver(result{img: photo(image.YCbCrSubsampleRatio420, 2, 2)})
	if p.row.Load() != 0 {
		t.Error("a good picture does not end the row")
	}
	p.close()
}

func FuzzToI420(f *testing.F) {
	for _, four := range []FourCC{YUYV, NV12, I420} {
		data, stride := encoded(four, 6, 4, 2)
		f.Add(uint32(four), 6, 4, stride, data)
		f.Add(uint32(four), 7, 5, stride, data)
	}
	f.Fuzz(func(t *testing.T, four uint32, w, h, stride int, data []byte) {
		img, err := toI420(FourCC(four), w, h, stride, data)
		if err == nil && img.Rect != image.Rect(0, 0, w&^1, h&^1) {
			t.Fatalf("%d×%d became %v", w, h, img.Rect)
		}
	})
}

func FuzzDecodeJPEG(f *testing.F) {
	whole := encodeJPEG(f, photo(image.YCbCrSubsampleRatio420, 20, 18))
	f.Add(whole)
	f.Add(without(f, whole, markDHT))
	f.Add(whole[:len(whole)-20])
	f.Add([]byte{0xff, markSOI, 0xff, 0xff, 0xff, markSOS, 0, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		if cfg, err := jpeg.DecodeConfig(bytes.NewReader(data)); err == nil && cfg.Width*cfg.Height > 1<<20 {
			return // legal, but slow to fuzz
		}
		img, err := DecodeJPEG(data)
		if err == nil && (img.Rect.Dx()%2 != 0 || img.Rect.Dy()%2 != 0 || img.Rect.Empty()) {
			t.Fatal(img.Rect)
		}
	})
}

func BenchmarkConvert(b *testing.B) {
	const w, h = 1280, 720
	img := photo(image.YCbCrSubsampleRatio420, w, h)
	for i := range img.Y {
		img.Y[i] = byte(int(img.Y[i])/2 + i*i%61) // some detail
	}
	photo := encodeJPEG(b, img)
	b.Run("MJPEG 720p", func(b *testing.B) {
		b.SetBytes(int64(len(photo)))
		for b.Loop() {
			if _, err := DecodeJPEG(photo); err != nil {
				b.Fatal(err)
			}
		}
	})
	data := make([]byte, 2*w*h)
	b.Run("YUYV 720p", func(b *testing.B) {
		for b.Loop() {
			if _, err := toI420(YUYV, w, h, 2*w, data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
