package overlay

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"edgekit.internal/capture"
)

var update = flag.Bool("update", false, "write the golden pictures anew")
var show = flag.String("show", "", "folder to write pictures to, to look at")

// ground is a grey ramp with a little colour, so that translucency and chroma show.
func ground(w, h int) *image.YCbCr {
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for y := range h {
		for x := range w {
			img.Y[y*img.YStride+x] = uint8(60 + 140*x/w)
		}
	}
	for y := range h / 2 {
		for x := range w / 2 {
			img.Cb[y*img.CStride+x] = uint8(112 + 32*y/(h/2))
			img.Cr[y*img.CStride+x] = 132
		}
	}
	return img
}

// rgb converts limited-range video to what a PNG holds.
func rgb(img *image.YCbCr) *image.RGBA {
	out := image.NewRGBA(img.Rect)
	clip := func(v float64) uint8 { return uint8(min(max(v, 0), 255) + .5) }
	for y := img.Rect.Min.Y; y < img.Rect.Max.Y; y++ {
		for x := img.Rect.Min.X; x < img.Rect.Max.X; x++ {
			p := img.YCbCrAt(x, y)
			l, cb, cr := 1.164384*(float64(p.Y)-16), float64(p.Cb)-128, float64(p.Cr)-128
			out.SetRGBA(x, y, color.RGBA{clip(l + 1.596027*cr), clip(l - .391762*cb - .812968*cr), clip(l + 2.017232*cb), 255})
		}
	}
	return out
}

// golden compares a picture with its file, allowing for what a compiler's fused multiplication may round differently.
func golden(t *testing.T, name string, img *image.RGBA) {
	t.Helper()
	path := filepath.Join("testdata", name+".png")
	if *update {
		var b bytes.Buffer
		enc := png.Encoder{CompressionLevel: png.BestCompression}
		if err := enc.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if b.Len() > 60<<10 {
			t.Fatalf("%s would have %d KB, expected at most 60", path, b.Len()>>10)
		}
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatalf("%v: run with -update, look at the picture, and keep it", err)
	}
	defer file.Close()
	want, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if want.Bounds() != img.Bounds() {
		t.Fatalf("%s is %v, drawn was %v", path, want.Bounds(), img.Bounds())
	}
	worst, at := 0, image.Point{}
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			g := img.RGBAAt(x, y)
			r, gg, b, _ := want.At(x, y).RGBA()
			if d := max(apart(g.R, uint8(r>>8)), apart(g.G, uint8(gg>>8)), apart(g.B, uint8(b>>8))); d > worst {
				worst, at = d, image.Pt(x, y)
			}
		}
	}
	if worst > 6 {
		t.Errorf("%s: differs by up to %d codes, at %v; if that is meant, run with -update", path, worst, at)
	}
}

func goFonts(tb testing.TB) *Fonts {
	tb.Helper()
	f, err := LoadFonts()
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

const noon = 1000 * time.Second

var market = capture.Scene{Rev: 7,
	Prompts: []capture.Prompt{
		{Offer: "mug", Title: "Enamel mug", Price: "€ 10.00", Left: 7, Of: 10, State: capture.PromptLive},
		{Offer: "set", Title: "Breakfast set for two, hand-thrown", Price: "€ 1,249.00", Left: 2, Of: 12, State: capture.PromptLive, Ends: noon + 299*time.Second},
		{Offer: "tee", Title: "Linen towel", Price: "€ 18.50", Left: 0, Of: 5, State: capture.PromptSoldOut},
		{Offer: "jar", Title: "Honey jar", Price: "€ 7.00", Left: -1, State: capture.PromptSoon, Ends: noon + 3725*time.Second},
	},
	Banners: []capture.Banner{{Text: "Confirmed · A-042", Sub: "Enamel mug · 2 left", Until: noon + 3*time.Second}},
}

// full has one of everything.
var full = func() capture.Scene {
	s := market
	s.Prompts = slices.Clone(s.Prompts)
	s.Prompts[1].In = "Plate · Bowl · 2 × Mug"
	s.Banners = append(slices.Clone(s.Banners), capture.Banner{Text: "Confirmed · A-041", Sub: "Honey jar", Until: noon + time.Second})
	s.Lower = capture.Lower{Name: "Blue Door Pottery", Line: "Thrown and fired in Leipzig"}
	s.QR = capture.QR{Text: "HTTP://10.66.0.1/T/8Q3YF0ZK7M2W5R1X9D4V6B8N0C", Label: "Scan to buy"}
	return s
}()

func TestSceneLooksAsKept(t *testing.T) {
	in := func(s capture.Scene, light bool, accent uint32) capture.Scene {
		s.Theme = capture.Theme{Light: light, Accent: accent}
		return s
	}
	for _, tc := range []struct {
		name  string
		w, h  int
		n     int
		scene capture.Scene
	}{{"four-360p", 640, 360, 4, market}, {"two-360p", 640, 360, 2, market}, {"one-4x3", 480, 360, 1, market},
		{"all-360p", 640, 360, 4, full}, {"light-360p", 640, 360, 3, in(full, true, 0x0A6E5C)}, {"none-360p", 640, 360, 0, in(full, false, 0xE2001A)}} {
		t.Run(tc.name, func(t *testing.T) {
			c := New(goFonts(t))
			s := tc.scene
			s.Prompts = s.Prompts[:tc.n]
			c.SetScene(s)
			img := ground(tc.w, tc.h)
			c.Draw(img, noon)
			golden(t, tc.name, rgb(img))
		})
	}
}

// TestShowPictures writes what a shopper sees, with the machine's faces, to look at.
func TestShowPictures(t *testing.T) {
	dir := *show
	if dir == "" {
		return
	}
	f, err := LoadFonts(SystemFontDirs()...)
	if err != nil {
		t.Fatal(err)
	}
	c := New(f)
	for i, s := range []capture.Scene{market, {Prompts: market.Prompts[:1]}, {Prompts: []capture.Prompt{
		{Offer: "a", Title: "قهوة عربية 250 غ", Price: "١٢٫٥٠ €", Left: 3, Of: 10, State: capture.PromptLive},
		{Offer: "b", Title: "हस्तनिर्मित कटोरा", Price: "₹ 1,250", Left: 12, Of: 20, State: capture.PromptLive, Ends: noon + 9*time.Second},
		{Offer: "c", Title: "ขนมไทย · ספל קפה", Price: "฿ 120", Left: -1, State: capture.PromptLive},
	}, Banners: []capture.Banner{{Text: "Confirmed · A-042", Until: noon + 3*time.Second}, {Text: "Confirmed · A-041", Sub: "ספל 2 left", Until: noon + 2*time.Second}}}} {
		c.SetScene(s)
		img := ground(1280, 720)
		c.Draw(img, noon)
		var b bytes.Buffer
		if err := png.Encode(&b, rgb(img)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "scene"+string(rune('0'+i))+".png"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Log(f.Note())
}
