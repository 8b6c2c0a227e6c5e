package synth

import (
	"bytes"
	"image"
	"image/jpeg"
	"math/rand/v2"
	"testing"
	"time"

	xdraw "golang.org/x/image/draw"
)

// coded is a picture after lossy coding: blocks of a coarsely quantised cosine transform, which is what H.264 does to it too.
func coded(t *testing.T, img image.Image, quality int) image.Image {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: quality}); err != nil {
		t.Fatal(err)
	}
	out, err := jpeg.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func scaled(img image.Image, w, h int) image.Image {
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	xdraw.BiLinear.Scale(out, out.Rect, img, img.Bounds(), xdraw.Src, nil)
	return out
}

func TestClockSurvivesScalingAndCoding(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	sizes := []image.Point{{1280, 720}, {320, 180}, {854, 480}, {390, 219}}
	for range 3 {
		ms := rnd.Uint32()
		img := frame(1280, 720, time.Duration(ms)*time.Millisecond+time.Duration(rnd.IntN(1e6)))
		layer := scaled(shown(img), 640, 360)
		for _, quality := range []int{90, 12} {
			small := coded(t, layer, quality)
			for _, size := range sizes {
				got, ok := ReadClock(scaled(small, size.X, size.Y))
				if !ok || got != ms {
					t.Errorf("coded at 360p, quality %d, shown at %v: read %d, %v; expected %d", quality, size, got, ok, ms)
				}
			}
			if got, ok := ReadClock(small); !ok || got != ms {
				t.Errorf("decoded 4:2:0, quality %d: read %d, %v; expected %d", quality, got, ok, ms)
			}
		}
	}
}

func TestClockWrapsWithItsThirtyTwoBits(t *testing.T) {
	if ms, ok := ReadClock(frame(640, 360, (1<<32+41)*time.Millisecond)); !ok || ms != 41 {
		t.Errorf("after 2³² + 41 ms the strip reads %d, %v; expected 41", ms, ok)
	}
}

func TestClockRefusesWhatIsNotAStrip(t *testing.T) {
	still := newStall(640, 360).still // no strip
	flat := func(v uint8) image.Image {
		img := image.NewGray(image.Rect(0, 0, 640, 360))
		for i := range img.Pix {
			img.Pix[i] = v
		}
		return img
	}
	for name, img := range map[string]image.Image{
		"the scene alone": still, "black": flat(0), "grey": flat(128), "white": flat(255),
		"tiny": image.NewGray(image.Rect(0, 0, 40, 18)), "empty": image.NewGray(image.Rectangle{}),
	} {
		if ms, ok := ReadClock(img); ok {
			t.Errorf("%s: read %d", name, ms)
		}
	}
}

func TestClockRefusesAnySingleWrongCell(t *testing.T) {
	const ms = 0xC0FFEE42
	for cell := range stripCells {
		for _, half := range []bool{false, true} { // turned over, or half way: a picture torn between two frames
			img := image.NewYCbCr(image.Rect(0, 0, 640, 360), image.YCbCrSubsampleRatio420)
			drawStrip(img, ms*time.Millisecond)
			for y := range 360 / stripShare {
				row := img.Y[y*img.YStride:]
				for x := cell * 640 / stripCells; x < (cell+1)*640/stripCells; x++ {
					row[x] = stripWhite + stripBlack - row[x]
					if half {
						row[x] = (stripWhite + stripBlack) / 2
					}
				}
			}
			if got, ok := ReadClock(img); ok && got != ms {
				t.Errorf("cell %d wrong, half %v: read %#x", cell, half, got)
			}
		}
	}
}

func TestClockIsReadWhereverThePictureBegins(t *testing.T) {
	img := frame(640, 360, 99*time.Second)
	moved := image.NewRGBA(image.Rect(100, 50, 740, 410))
	xdraw.Copy(moved, moved.Rect.Min, img, img.Rect, xdraw.Src, nil)
	if ms, ok := ReadClock(moved); !ok || ms != 99000 {
		t.Errorf("read %d, %v; expected 99000", ms, ok)
	}
}

func FuzzReadClock(f *testing.F) {
	f.Add([]byte{255, 0, 255}, uint16(80), uint16(36), true)
	f.Add([]byte{}, uint16(1), uint16(900), false)
	f.Fuzz(func(t *testing.T, pix []byte, w, h uint16, video bool) {
		w, h = w%512, h%512
		var img image.Image
		if video {
			v := image.NewYCbCr(image.Rect(3, 5, 3+int(w), 5+int(h)), image.YCbCrSubsampleRatio420)
			copy(v.Y, pix)
			img = v
		} else {
			v := image.NewGray(image.Rect(0, 0, int(w), int(h)))
			copy(v.Pix, pix)
			img = v
		}
		ReadClock(img)
	})
}
