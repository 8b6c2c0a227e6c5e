package encode

import (
	"bytes"
	"image/color"
	"image/jpeg"
	"testing"
)

// TestAStillIsTheSmallestLayersPictureInFullRange: once for each wish, and with video's black as a JPEG's.
func TestAStillIsTheSmallestLayersPictureInFullRange(t *testing.T) {
	l, r, _ := rig(t, full, small)
	if err := l.picture(frame(0)); err != nil {
		t.Fatal(err)
	}
	l.WantStill()
	for n := range 3 {
		if err := l.picture(frame(n + 1)); err != nil {
			t.Fatal(err)
		}
	}
	img, err := jpeg.Decode(bytes.NewReader(<-r.stills))
	if err != nil {
		t.Fatal(err)
	}
	if b := img.Bounds(); b.Dx() != small.Width || b.Dy() != small.Height {
		t.Errorf("a still of %v", b)
	}
	if g := color.GrayModel.Convert(img.At(5, 5)).(color.Gray); g.Y > 2 {
		t.Errorf("black came out as %d", g.Y)
	}
	if len(r.stills) != 0 {
		t.Error("more stills than wishes")
	}
}
