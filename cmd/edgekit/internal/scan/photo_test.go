package scan

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"rsc.io/qr"

	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/settings"
)

// photograph is a code on white paper on a dark table, askew, in uneven light and with a phone's noise.
func photograph(t testing.TB, text string, w, h int) *image.Gray {
	t.Helper()
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	img := image.NewGray(image.Rect(0, 0, w, h))
	module := float64(min(w, h)) * .5 / float64(code.Size)
	sin, cos := math.Sincos(.4)
	for y := range h {
		for x := range w {
			dx, dy := float64(x)-float64(w)/2, float64(y)-float64(h)/2
			u, v := (dx*cos+dy*sin)/module+float64(code.Size)/2, (dy*cos-dx*sin)/module+float64(code.Size)/2
			light := 60.
			if u > -6 && v > -6 && u < float64(code.Size)+6 && v < float64(code.Size)+6 {
				light = 210
			}
			if code.Black(int(math.Floor(u)), int(math.Floor(v))) {
				light = 50
			}
			light *= .7 + .3*float64(x)/float64(w)
			img.Pix[y*img.Stride+x] = uint8(min(255, max(0, light+rnd.NormFloat64()*6)))
		}
	}
	return img
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// huge is the head of a PNG of so many pixels, and nothing behind it.
func huge(side uint32) []byte {
	head := []byte("IHDR")
	head = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(head, side), side)
	head = append(head, 8, 0, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	return binary.BigEndian.AppendUint32(append(b, head...), crc32.ChecksumIEEE(head))
}

func atCounter(t testing.TB) *Counter {
	t.Helper()
	k, err := New(Config{Scanner: settings.Scanner{Device: "none", Layout: "auto"}, Book: &book{}, Now: now, Told: func(bool) {}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestASlipIsPhotographed: and what is no slip, or no picture, is told apart.
func TestASlipIsPhotographed(t *testing.T) {
	k := atCounter(t)
	blank := image.NewGray(image.Rect(0, 0, 640, 480))
	for name, c := range map[string]struct {
		picture []byte
		says    string // of a ticket, or why not
		bad     bool
	}{
		"a phone's photograph":     {jpegOf(t, photograph(t, slip.Code(sold), 3000, 4000)), "A-042: Mug, € 10.00 to pay.", false},
		"one that the page made":   {jpegOf(t, photograph(t, slip.Code(sold), 1200, 1600)), "A-042: Mug, € 10.00 to pay.", false},
		"a screenshot":             {pngOf(t, photograph(t, slip.Code(sold), 640, 480)), "A-042: Mug, € 10.00 to pay.", false},
		"another kit's":            {jpegOf(t, photograph(t, strings.Replace(slip.Code(sold), "ZYXW", "0000", 1), 1200, 1600)), "This kit has sold no ticket with that code", false},
		"a code that is no slip's": {jpegOf(t, photograph(t, "https://example.org/menu", 1200, 1600)), "it is no slip's", true},
		"no code":                  {jpegOf(t, blank), "no code in that picture", true},
		"a text":                   {[]byte("A-042"), "no picture that the kit can read", true},
		"half of one":              {jpegOf(t, photograph(t, slip.Code(sold), 640, 480))[:9000], "is damaged", true},
		"more pixels than a phone": {huge(100_000), "expected at most 16 million", true},
		"a large file":             {make([]byte, maxPhoto+1), "too large: expected at most 8 MB", true},
		"nothing":                  {nil, "no picture that the kit can read", true},
	} {
		before := len(k.Recent())
		got, err := k.Photo(context.Background(), bytes.NewReader(c.picture))
		says := got.Detail
		if err != nil {
			says = err.Error()
		}
		if (err != nil) != c.bad || !strings.Contains(says, c.says) {
			t.Errorf("%s: %q, expected %q", name, says, c.says)
		}
		if kept := len(k.Recent()) - before; before < shown && (kept == 1) != !c.bad {
			t.Errorf("%s: %d more in the console", name, kept)
		}
	}
}

// FuzzPhoto: whatever is sent for a picture is a ticket's, or told.
func FuzzPhoto(f *testing.F) {
	small := image.NewGray(image.Rect(0, 0, 40, 30))
	small.SetGray(3, 3, color.Gray{200})
	f.Add(jpegOf(f, small))
	f.Add(pngOf(f, small))
	f.Add(huge(70))
	k := atCounter(f)
	f.Fuzz(func(t *testing.T, picture []byte) {
		if got, err := k.Photo(context.Background(), bytes.NewReader(picture)); err == nil && got.Detail == "" || err != nil && err.Error() == "" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
