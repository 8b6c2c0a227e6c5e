package meter

import (
	"image"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"edgekit.internal/capture"
)

// scene has stripes of some width with edges blurred by sigma pixels, some noise, and a brightness from 0 to 1 for each of its two tones.
func scene(w, h, stripe int, sigma, a, b float64, noise int) *image.YCbCr {
	rnd := rand.New(rand.NewPCG(1, 2))
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	row := make([]float64, w)
	for x := range row {
		for e := 0; e <= w/stripe; e++ { // each edge adds its step
			step := (b - a) * float64(1-2*(e%2))
			d := float64(x) + .5 - float64(e*stripe)
			if sigma == 0 {
				if d > 0 {
					row[x] += step
				}
			} else {
				row[x] += step * (1 + math.Erf(d/sigma/math.Sqrt2)) / 2
			}
		}
	}
	for y := range h {
		for x := range w {
			v := 16 + 219*(a+row[x])
			if noise > 0 {
				v += float64(rnd.IntN(2*noise+1) - noise)
			}
			img.Y[y*img.YStride+x] = uint8(min(max(v, 0), 255))
		}
	}
	return img
}

// TestSharpnessFallsWithBlurAndNotWithWhatThereIsToSee: many edges or few, strong or faint, with noise or without.
func TestSharpnessFallsWithBlurAndNotWithWhatThereIsToSee(t *testing.T) {
	kinds := map[string]func(sigma float64) *image.YCbCr{
		"stripes":     func(s float64) *image.YCbCr { return scene(640, 360, 24, s, .2, .7, 0) },
		"few of them": func(s float64) *image.YCbCr { return scene(640, 360, 90, s, .2, .7, 0) },
		"faint":       func(s float64) *image.YCbCr { return scene(640, 360, 24, s, .4, .65, 0) },
		"noisy":       func(s float64) *image.YCbCr { return scene(640, 360, 24, s, .2, .7, 3) },
		"large":       func(s float64) *image.YCbCr { return scene(1280, 720, 40, s, .2, .7, 2) },
	}
	for what, draw := range kinds {
		var got []int
		for _, sigma := range []float64{0, 0.7, 1.2, 2, 3.5} {
			got = append(got, Read(draw(sigma))[1].Sharp)
		}
		t.Log(what, got)
		if !slices.IsSortedFunc(got, func(a, b int) int { return b - a }) || got[1] < 90 || got[2] < 40 || got[2] > 65 || got[3] < 20 || got[3] > 35 || got[4] > 22 {
			t.Errorf("%s: sharpness %v for blur of 0, 0.7, 1.2, 2 and 3.5 pixels", what, got)
		}
	}
}

func TestLightIsThatOfTheZone(t *testing.T) {
	for _, c := range []struct {
		a, b                  float64
		light, blown, crushed int
	}{{0, 0, 0, 0, 100}, {1, 1, 100, 100, 0}, {.5, .5, 50, 0, 0}, {0, 1, 50, 50, 50}, {.2, .4, 30, 0, 0}} {
		z := Read(scene(640, 360, 20, 0, c.a, c.b, 0))[0]
		near := func(got, want int) bool { return got >= want-4 && got <= want+4 }
		if !near(z.Light, c.light) || !near(z.Blown, c.blown) || !near(z.Crushed, c.crushed) {
			t.Errorf("tones %v and %v: %+v", c.a, c.b, z)
		}
		if (z.Sharp < 0) != (c.a == c.b) {
			t.Errorf("tones %v and %v: sharpness %d", c.a, c.b, z.Sharp)
		}
	}
	img := scene(640, 360, 20, 0, .5, .5, 0)
	for y := range 150 { // above the goods
		for x := range 640 {
			img.Y[y*img.YStride+x] = 235
		}
	}
	if zs := Read(img); zs[0].Name != "face" || zs[0].Light < 85 || zs[1].Name != "goods" || zs[1].Light > 55 {
		t.Errorf("%+v", zs)
	}
}

func TestAnySizeIsRead(t *testing.T) {
	for w := 2; w < 60; w += 2 {
		for h := 2; h < 20; h += 2 {
			if zs := Read(image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)); len(zs) != len(zones) {
				t.Fatalf("%d×%d: %+v", w, h, zs)
			}
		}
	}
}

func TestAPictureIsReadTwiceASecond(t *testing.T) {
	n := 0
	m := Meter{Told: func([]capture.Zone) { n++ }}
	img := scene(64, 36, 8, 0, 0, 1, 0)
	for i := range 300 {
		m.Show(capture.Frame{Image: img, At: time.Hour + time.Duration(i)*time.Second/30})
	}
	if n < 18 || n > 20 {
		t.Errorf("%d readings in 10 s", n)
	}
	m.Show(capture.Frame{Image: img, At: time.Minute})
	m.Show(capture.Frame{Image: img, At: time.Minute + time.Millisecond})
	if n > 21 {
		t.Errorf("%d readings after the clock was another", n)
	}
}

func BenchmarkRead720p(b *testing.B) {
	img := scene(1280, 720, 40, 1, .2, .7, 2)
	for b.Loop() {
		Read(img)
	}
}

// TestACameraAndItsSlateAreReadSideBySide: whoever shows the pictures, one reading is told for each time.
func TestACameraAndItsSlateAreReadSideBySide(t *testing.T) {
	var n atomic.Int64
	m := Meter{Told: func([]capture.Zone) { n.Add(1) }}
	img := scene(64, 36, 8, 0, 0, 1, 0)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { m.Show(capture.Frame{Image: img, At: time.Hour}) })
	}
	all.Wait()
	if n.Load() != 1 {
		t.Errorf("%d readings of one time", n.Load())
	}
}
