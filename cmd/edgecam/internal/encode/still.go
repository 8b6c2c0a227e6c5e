package encode

import (
	"bytes"
	"image"
	"image/jpeg"
	"sync/atomic"
)

// still makes a JPEG of a picture when one is wanted, beside the loop and one at a time: a page without video must not
// slow those with it.
type still struct {
	want, busy atomic.Bool
}

const stillQuality = 75

// take looks at the wish, and copies the picture, which is the loop's, if there is one.
func (s *still) take(img *image.YCbCr, link Link) {
	if !s.want.Load() || !s.busy.CompareAndSwap(false, true) {
		return
	}
	s.want.Store(false)
	full := fullRange(img)
	go func() {
		defer s.busy.Store(false)
		var b bytes.Buffer
		if err := jpeg.Encode(&b, full, &jpeg.Options{Quality: stillQuality}); err != nil {
			return // a picture no JPEG can hold; the page asks again
		}
		_ = link.SendStill(b.Bytes()) // refused only when it is too large; the page asks again
	}()
}

// fullRange copies a picture from video's range of levels (BT.601: 16 to 235, colour 16 to 240) to that of JPEG (JFIF:
// 0 to 255).
func fullRange(img *image.YCbCr) *image.YCbCr {
	out := image.NewYCbCr(img.Rect, img.SubsampleRatio)
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		stretch(out.Y[y*out.YStride:][:w], img.Y[y*img.YStride:][:w], &lumaFull)
	}
	for y := range (h + 1) / 2 {
		n := (w + 1) / 2
		stretch(out.Cb[y*out.CStride:][:n], img.Cb[y*img.CStride:][:n], &chromaFull)
		stretch(out.Cr[y*out.CStride:][:n], img.Cr[y*img.CStride:][:n], &chromaFull)
	}
	return out
}

func stretch(dst, src []byte, table *[256]byte) {
	for i, v := range src {
		dst[i] = table[v]
	}
}

var (
	lumaFull   = levels(16, 0, 219)
	chromaFull = levels(128, 128, 224)
)

func levels(from, to, span int) (t [256]byte) {
	for i := range t {
		t[i] = byte(min(max((i-from)*255/span+to, 0), 255))
	}
	return t
}
