package thermal

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"rsc.io/qr"
)

var update = flag.Bool("update", false, "write the golden pictures anew")

// boxes is a Text that draws each rune as a box, of a size and with a pattern that its number gives; marks are dots over
// the box before. It is no script's, but the same everywhere.
func boxes(s string, px int, bold bool, maxWidth int) *image.Alpha {
	letters := 0
	for _, r := range s {
		if !unicode.Is(unicode.M, r) {
			letters++
		}
	}
	w := px / 2
	img := image.NewAlpha(image.Rect(0, 0, max(letters*w, 1), px*5/4))
	black := func(r image.Rectangle) {
		for y := r.Min.Y; y < r.Max.Y; y++ {
			for x := r.Min.X; x < r.Max.X; x++ {
				img.Pix[img.PixOffset(x, y)] = 0xff
			}
		}
	}
	x := -w
	for _, r := range s {
		if unicode.Is(unicode.M, r) {
			black(image.Rect(x+w/2, 1, x+w/2+2, 3).Intersect(img.Rect))
			continue
		}
		if x += w; r == ' ' {
			continue
		}
		black(image.Rect(x+1, px/4, x+w-1, px/4+2))
		for bit := range 4 {
			if r>>bit&1 != 0 {
				black(image.Rect(x+1+bit*w/5, px/4, x+3+bit*w/5, px))
			}
		}
		if bold {
			black(image.Rect(x+1, px-2, x+w-1, px))
		}
	}
	if maxWidth > 0 && img.Rect.Dx() > maxWidth {
		return img.SubImage(image.Rect(0, 0, maxWidth, img.Rect.Dy())).(*image.Alpha)
	}
	return img
}

// slip is what a stall prints, with everything that a slip can have.
func slip(p Profile, lines ...[2]string) []byte {
	d := NewDoc(p, boxes)
	d.Line("Poterie d'Élodie", Style{Align: Centre, Bold: true})
	d.Line("A-042", Style{Align: Centre, Bold: true, Times: 4})
	d.Rule()
	for _, l := range lines {
		d.Pair(l[0], l[1], Style{})
	}
	d.Rule()
	d.Pair("Total", lines[len(lines)-1][1], Style{Bold: true})
	d.Pair("incl. tax 21 %", "€ 2.17", Style{Small: true})
	d.QR("edgekit:A-042:01J9ZQ6V7Y3T8N5B2K4M6P8R0S", 6)
	d.Line("Show this slip at the counter", Style{Align: Centre})
	d.Feed(2)
	d.Cut()
	return d.Bytes()
}

var latin = [][2]string{{"1 x Enamel mug", "€ 12.50"}, {"2 x Breakfast set for two, hand-thrown, with saucers", "€ 1,249.00"}, {"1 x Crème brûlée “Åse”", "€ 4.00"}}

func TestSlipLooksAsKept(t *testing.T) {
	for name, job := range map[string]struct {
		p    Profile
		data []byte
	}{
		"slip-58":    {Paper58, slip(Paper58, latin...)},
		"slip-80":    {Paper80, slip(Paper80, latin...)},
		"scripts-58": {Paper58, slip(Paper58, [2]string{"1 x قهوة عربية", "€ 3.00"}, [2]string{"2 x हस्तनिर्मित मिट्टी का कटोरा", "₹ 250"})},
		"styles-80":  {Paper80, styles()},
	} {
		t.Run(name, func(t *testing.T) {
			img, report, err := Render(job.data, job.p)
			if err != nil {
				t.Fatalf("%v, %+v", err, report)
			}
			golden(t, name, img.(*image.Paletted))
		})
	}
}

// styles has every character, and the sizes that the printer itself has.
func styles() []byte {
	d := NewDoc(Paper80, nil)
	all := ""
	for r := '!'; r <= '~'; r++ {
		all += string(r)
	}
	for b := byte(0x80); b != 0; b++ {
		all += string(Paper80.Letters.Decode(b, Paper80.Letters.First()))
	}
	for _, s := range []Style{{}, {Bold: true}, {Small: true}, {Small: true, Bold: true}, {Times: 2, Align: Right}, {Times: 8}, {Times: 3, Small: true, Align: Centre}} {
		d.Line(all, s)
	}
	b := append(d.Bytes(), "\x1d!\x10wide \x1d!\x01high \x1d!\x00\x1b!\x38mode\x1b!\x00\n\x1bp\x00\x10\x10"...)
	return append(b, "\x1dV\x01"...)
}

func golden(t *testing.T, name string, img *image.Paletted) {
	t.Helper()
	path := filepath.Join("testdata", name+".png")
	if *update {
		var b bytes.Buffer
		enc := png.Encoder{CompressionLevel: png.BestCompression}
		if err := enc.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v: run with -update, look at the picture, and keep it", err)
	}
	if w := decoded(t, b); w.Rect != img.Rect || !bytes.Equal(w.Pix, img.Pix) {
		t.Errorf("%s is %v, drawn was %v, or their dots differ; if that is meant, run with -update", path, w.Rect, img.Rect)
	}
}

func decoded(t *testing.T, b []byte) *image.Paletted {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return img.(*image.Paletted)
}

func TestSlipSaysWhatWasWritten(t *testing.T) {
	_, got, err := Render(slip(Paper58, latin...), Paper58)
	if err != nil {
		t.Fatal(err)
	}
	want := Report{Cuts: 1, Codes: []string{"edgekit:A-042:01J9ZQ6V7Y3T8N5B2K4M6P8R0S"}, Lines: []string{
		"Poterie d'Élodie",
		"A-042",
		strings.Repeat("-", 32),
		"1 x Enamel mug           € 12.50",
		"2 x Breakfast set for",
		"two, hand-thrown,",
		"with saucers          € 1,249.00",
		`1 x Crème brûlée "Åse"    € 4.00`,
		strings.Repeat("-", 32),
		"Total                     € 4.00",
		"incl. tax 21 %" + strings.Repeat(" ", 22) + "€ 2.17",
		"Show this slip at the counter",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestCodeIsReadFromTheDots: every module is where it should be, with the white around it, on both papers.
func TestCodeIsReadFromTheDots(t *testing.T) {
	for _, p := range []Profile{Paper58, Paper80} {
		for _, module := range []int{1, 6, 16} {
			d := NewDoc(p, nil)
			d.Rule()
			d.QR("https://kit.example/t/A-042", module)
			d.Rule()
			img, _, err := Render(d.Bytes(), p)
			if err != nil {
				t.Fatal(err)
			}
			code, _ := qr.Encode("https://kit.example/t/A-042", qr.M)
			m := min(module, p.Dots/(code.Size+2*quiet))
			left, top := (p.Dots-code.Size*m)/2, lineHeight+(quiet*m+lineHeight-1)/lineHeight*lineHeight
			for y := -quiet * m; y < (code.Size+quiet)*m; y++ {
				for x := -quiet * m; x < (code.Size+quiet)*m; x++ {
					mx, my := (x+quiet*m)/m-quiet, (y+quiet*m)/m-quiet
					if black := img.(*image.Paletted).ColorIndexAt(left+x, top+y) == 1; black != code.Black(mx, my) {
						t.Fatalf("%s mm, module %d: dot %d,%d is %v", p.Name, module, x, y, black)
					}
				}
			}
		}
	}
}
