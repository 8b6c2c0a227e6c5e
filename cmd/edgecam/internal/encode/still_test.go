package encode

import (
	"bytes"
	"image/color"
	"image/jpeg"
	"testing"

	"edgekit.internal/capture"
)

// TestAStillIsOfTheSmallestLayerThatCanBeRead, or of the largest if there is none.
func TestAStillIsOfTheSmallestLayerThatCanBeRead(t *testing.T) {
	of := func(heights ...int) int {
		var due []*layer
		for _, h := range heights {
			due = append(due, &layer{Layer: capture.Layer{Height: h}})
		}
		return stillOf(due).Height
	}
	if of(720, 360, 180) != 360 || of(720, 360) != 360 || of(1080, 540, 270) != 540 || of(180, 90) != 180 || of(720) != 720 {
		t.Error("the still is of another layer")
	}
}

// TestAStillIsAPictureInFullRange: once for each wish, and with video's black as a JPEG's.
func TestAStillIsAPictureInFullRange(t *testing.T) {
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
	if b := img.Bounds(); b.Dx() != full.Width || b.Dy() != full.Height {
		t.Errorf("a still of %v", b)
	}
	if g := color.GrayModel.Convert(img.At(5, 5)).(color.Gray); g.Y > 2 {
		t.Errorf("black came out as %d", g.Y)
	}
	if len(r.stills) != 0 {
		t.Error("more stills than wishes")
	}
}
