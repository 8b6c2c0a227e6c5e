package synth

import (
	"context"
	"flag"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/capture"
)

var show = flag.String("show", "", "folder to write pictures to, to look at")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubbled is a camera whose clock is that of the synctest bubble it is made in, 5 s after boot.
func bubbled(w, h, fps int) *Camera {
	c, boot := New(w, h, fps), time.Now().Add(-5*time.Second)
	c.now = func() time.Duration { return time.Since(boot) }
	return c
}

// run takes n frames; held is how long the consumer keeps the camera waiting at each.
func run(t *testing.T, c *Camera, n int, held func(i int) time.Duration) (frames []capture.Frame) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err := c.Run(ctx, func(f capture.Frame) {
		frames = append(frames, f)
		if len(frames) == n {
			stop()
			return
		}
		time.Sleep(held(len(frames) - 1)) // the bubble's time
	})
	if err != nil {
		t.Fatal(err)
	}
	return frames
}

func times(frames []capture.Frame) (ms []int) {
	for _, f := range frames {
		ms = append(ms, int((f.At-5*time.Second)/time.Millisecond))
	}
	return ms
}

func TestFramesKeepAnAbsoluteSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(int) time.Duration { return 7 * time.Millisecond } // must not add up
		got := times(run(t, bubbled(160, 90, 30), 61, slow))
		for i, ms := range got {
			if want := i * 1000 / 30; ms != want {
				t.Fatalf("frame %d came after %d ms, expected %d", i, ms, want)
			}
		}
	})
}

func TestLateFramesAreSkippedNotQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		held := func(i int) time.Duration { return []time.Duration{0, 250 * time.Millisecond, 0, 0}[i] }
		got := times(run(t, bubbled(160, 90, 10), 5, held))
		if diff := cmp.Diff([]int{0, 100, 400, 500, 600}, got); diff != "" {
			t.Errorf("times in ms (-want +got):\n%s", diff)
		}
	})
}

func TestFramesAreTheConsumersOwnAndShowTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		frames := run(t, bubbled(320, 180, 25), 8, func(int) time.Duration { return 0 })
		var seen []uint32
		for _, f := range frames {
			ms, ok := ReadClock(f.Image)
			if want := uint32(f.At / time.Millisecond); !ok || ms != want {
				t.Errorf("the strip reads %d, %v: expected %d", ms, ok, want)
			}
			seen = append(seen, ms)
		}
		if slices.Sort(seen); len(slices.Compact(seen)) != 8 {
			t.Errorf("8 frames kept by the consumer show only the times %v", seen)
		}
		if below := 180/stripShare*320 + 1; slices.Equal(frames[0].Image.Y[below:], frames[7].Image.Y[below:]) {
			t.Error("nothing but the strip moved in 280 ms")
		}
	})
}

func TestFramesAreStampedWithTheMachinesMonotonicClock(t *testing.T) {
	before := capture.Monotonic()
	f := run(t, New(160, 90, 30), 1, nil)[0]
	if after := capture.Monotonic(); f.At < before || f.At > after {
		t.Errorf("the frame says %v, the clock read %v before and %v after", f.At, before, after)
	}
}

func TestWhatCannotBeMadeIsRefused(t *testing.T) {
	for _, c := range []*Camera{New(0, 0, 30), New(161, 90, 30), New(320, 181, 30), New(8192, 90, 30), New(320, 180, 0), New(320, 180, 1000)} {
		if err := c.Run(t.Context(), func(capture.Frame) { t.Error("a frame was made") }); err == nil {
			t.Errorf("%s: was not refused", c.Format())
		}
	}
}

func TestEveryAllowedShapeIsDrawn(t *testing.T) {
	for _, s := range []image.Point{{160, 90}, {160, 1280}, {1280, 90}, {720, 1280}, {640, 480}, {1920, 1080}} {
		at := 1234567 * time.Millisecond
		if ms, ok := ReadClock(frame(s.X, s.Y, at)); ok != (s.Y >= 2*stripShare) || ok && ms != 1234567 {
			t.Errorf("%v: read %d, %v", s, ms, ok)
		}
	}
}

func TestHumanClockTellsTheTime(t *testing.T) {
	scene := newStall(640, 360)
	d := scene.digits
	at := func(ms int) *image.YCbCr {
		img := image.NewYCbCr(image.Rect(0, 0, 640, 360), image.YCbCrSubsampleRatio420)
		scene.draw(img, 0, time.Date(2026, 5, 9, 8, 8, 8, ms*1e6, time.UTC))
		return img
	}
	lit := func(img *image.YCbCr, cell int, r image.Rectangle) bool { // the cell-th digit after the point
		x := d.origin.X + 6*d.cell.X + 3*d.narrow + cell*d.cell.X
		return img.Y[img.YOffset(x+r.Min.X, d.origin.Y+r.Min.Y)] == litLuma
	}
	for n, want := range segments {
		img, side := at(n*111), max(d.cell.Y/8, 1)
		right, mid, h := d.cell.X-d.cell.X/5, (d.cell.Y-side)/2, d.cell.Y
		middles := [7]image.Point{{right / 2, 0}, {right - 1, mid / 2}, {right - 1, (mid + h) / 2}, {right / 2, h - 1}, {0, (mid + h) / 2}, {0, mid / 2}, {right / 2, mid}}
		for cell := range 3 {
			var got uint8
			for i, p := range middles {
				if lit(img, cell, image.Rectangle{Min: p}) {
					got |= 1 << i
				}
			}
			if got != want {
				t.Errorf("digit %d in cell %d lights %07b, expected %07b", n, cell, got, want)
			}
		}
	}
}

// shown converts limited-range video to RGB, as a screen does.
func shown(img *image.YCbCr) *image.RGBA {
	out := image.NewRGBA(img.Rect)
	clip := func(v float64) uint8 { return uint8(min(max(v, 0), 255) + .5) }
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			p := img.YCbCrAt(x, y)
			l, cb, cr := 1.164384*(float64(p.Y)-16), float64(p.Cb)-128, float64(p.Cr)-128
			out.SetRGBA(x, y, color.RGBA{clip(l + 1.596027*cr), clip(l - .391762*cb - .812968*cr), clip(l + 2.017232*cb), 255})
		}
	}
	return out
}

func frame(w, h int, at time.Duration) *image.YCbCr {
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	newStall(w, h).draw(img, at, time.Date(2026, 5, 9, 10, 23, 45, 678e6, time.UTC))
	drawStrip(img, at)
	return img
}

// TestShowPictures writes what a shopper sees, to look at.
func TestShowPictures(t *testing.T) {
	dir := *show
	if dir == "" {
		return
	}
	for name, img := range map[string]*image.YCbCr{"stall720": frame(1280, 720, 1234567*time.Millisecond), "stall240": frame(320, 240, 5*time.Second)} {
		f, err := os.Create(filepath.Join(dir, name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, shown(img)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkStart is what comes before the first frame, and so a part of the time that a picture is away after a crash.
func BenchmarkStart720p(b *testing.B) {
	for b.Loop() {
		newStall(1280, 720)
	}
}

func BenchmarkFrame720p(b *testing.B) {
	s := newStall(1280, 720)
	for i := 0; b.Loop(); i++ {
		img := image.NewYCbCr(image.Rect(0, 0, 1280, 720), image.YCbCrSubsampleRatio420)
		at := time.Duration(i) * time.Second / 30
		s.draw(img, at, time.Unix(int64(i), 0))
		drawStrip(img, at)
	}
}
