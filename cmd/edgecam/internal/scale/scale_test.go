package scale

import (
	"fmt"
	"image"
	"testing"

	"pgregory.net/rapid"
)

// ramp is a picture whose brightness rises evenly from left to right and a little from top to bottom.
func ramp(w, h int) *image.YCbCr {
	img := Black(w, h)
	for y := range h {
		for x := range w {
			img.Y[y*img.YStride+x] = byte(20 + 180*x/w + 20*y/h)
		}
	}
	for y := range h / 2 {
		for x := range w / 2 {
			img.Cb[y*img.CStride+x] = byte(60 + 120*x/(w/2))
			img.Cr[y*img.CStride+x] = byte(60 + 120*y/(h/2))
		}
	}
	return img
}

func TestSharesOfEveryPixelSumToOneAndStayInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from, to := rapid.IntRange(1, 1500).Draw(t, "from"), rapid.IntRange(1, 1500).Draw(t, "to")
		a := newAxis(from, to)
		for i, first := range a.first {
			sum, middle := 0, 0
			for j, k := range a.share[i*a.n:][:a.n] {
				sum += int(k)
				middle += int(k) * (2*(first+j) + 1)
			}
			if sum != 1<<shift || first < 0 || first+a.n > from {
				t.Fatalf("%d to %d, pixel %d: %d from %d, sum %d", from, to, i, a.n, first, sum)
			}
			// The weighted middle of the old pixels is where the new one's is, but at the edges of a larger picture.
			want := (2*i + 1) * from << shift / to
			want = min(max(want, 1<<shift), (2*from-1)<<shift)
			near := 6 // rounding
			if to < from {
				near = 1<<shift + 2*a.n // half an old pixel (one covered in part counts as if at its own middle), and rounding
			}
			if d := middle - want; d < -near || d > near {
				t.Fatalf("%d to %d, pixel %d: middle %d, expected %d", from, to, i, middle, want)
			}
		}
	})
}

func TestScaledRampIsTheRamp(t *testing.T) {
	src := ramp(1280, 720)
	for _, size := range []image.Point{{640, 360}, {854, 480}, {426, 240}, {1920, 1080}, {1280, 720}, {2, 2}} {
		want, got := ramp(size.X, size.Y), Black(size.X, size.Y)
		New(src.Rect.Size(), size).Into(got, got.Rect, src)
		if size.X == 2 { // too few pixels for a ramp: the mean of each quarter
			want.Y = []byte{70, 160, 80, 170}
		}
		for i := range want.Y {
			if d := int(want.Y[i]) - int(got.Y[i]); d < -3 || d > 3 {
				t.Fatalf("%v: luma %d is %d, expected %d", size, i, got.Y[i], want.Y[i])
			}
		}
		if size.X == 2 {
			continue
		}
		for i := range want.Cb {
			if d, e := int(want.Cb[i])-int(got.Cb[i]), int(want.Cr[i])-int(got.Cr[i]); d < -3 || d > 3 || e < -3 || e > 3 {
				t.Fatalf("%v: chroma %d is %d,%d, expected %d,%d", size, i, got.Cb[i], got.Cr[i], want.Cb[i], want.Cr[i])
			}
		}
	}
}

func TestHalfIsTheMeanOfFour(t *testing.T) {
	src := Black(4, 4)
	copy(src.Y, []byte{0, 4, 255, 255, 8, 12, 255, 255, 1, 1, 100, 50, 1, 2, 0, 0})
	dst := Black(2, 2)
	New(image.Pt(4, 4), image.Pt(2, 2)).Into(dst, dst.Rect, src)
	if got := fmt.Sprint(dst.Y); got != "[6 255 1 38]" {
		t.Error(got)
	}
}

func TestFitKeepsTheShapeAndBlackensTheRest(t *testing.T) {
	for _, c := range []struct{ from, want image.Rectangle }{
		{image.Rect(0, 0, 640, 480), image.Rect(160, 0, 1120, 720)},
		{image.Rect(0, 0, 320, 640), image.Rect(460, 0, 820, 720)},
		{image.Rect(0, 0, 2000, 500), image.Rect(0, 200, 1280, 520)},
		{image.Rect(0, 0, 2560, 1440), image.Rect(0, 0, 1280, 720)},
	} {
		src := Black(c.from.Dx(), c.from.Dy())
		fill(src.Y, 200)
		fill(src.Cb, 90)
		fill(src.Cr, 90)
		f := NewFitter(1280, 720)
		for range 2 { // the second time from the tables of the first
			got := f.Fit(src)
			for y := range 720 {
				for x := range 1280 {
					wantY, wantC := byte(16), byte(128)
					if image.Pt(x, y).In(c.want) {
						wantY, wantC = 200, 90
					}
					if o := got.COffset(x, y); got.Y[got.YOffset(x, y)] != wantY || got.Cb[o] != wantC || got.Cr[o] != wantC {
						t.Fatalf("%v: pixel %d,%d is %d, expected %d", c.from, x, y, got.Y[got.YOffset(x, y)], wantY)
					}
				}
			}
		}
	}
	same := Black(1280, 720)
	if NewFitter(1280, 720).Fit(same) != same {
		t.Error("a picture of the right size was copied")
	}
}

func BenchmarkScale(b *testing.B) {
	src := ramp(1280, 720)
	for _, size := range []image.Point{{640, 360}, {854, 480}, {1920, 1080}} {
		b.Run(fmt.Sprintf("720to%d", size.Y), func(b *testing.B) {
			dst, s := Black(size.X, size.Y), New(src.Rect.Size(), size)
			for b.Loop() {
				s.Into(dst, dst.Rect, src)
			}
		})
	}
}
