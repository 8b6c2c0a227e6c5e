package overlay

import (
	"image"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/go-text/typesetting/shaping"
	"golang.org/x/image/font/gofont/goregular"
)

// noto gives the faces of fonts-noto-core, which the project's set-up installs: without it these tests fail.
func noto(tb testing.TB) *Fonts {
	tb.Helper()
	f, err := LoadFonts(SystemFontDirs()...)
	if err != nil {
		tb.Fatal(err)
	}
	if f.files["notosansarabic-regular"] == "" || f.files["notosansdevanagari-regular"] == "" {
		tb.Fatalf("%s: expected NotoSansArabic and NotoSansDevanagari; apt install fonts-noto-core", f.Note())
	}
	return f
}

// shapeOf shapes a line as Raster would.
func shapeOf(f *Fonts, s string) ([]rune, shaped) {
	c := &chooser{f: f}
	text := c.clean(s)
	c.line = text
	return text, f.fit(c, text, 40, maxWidth)
}

func glyphs(line shaped) (out []shaping.Glyph) {
	for _, run := range line.runs {
		out = append(out, run.Glyphs...)
	}
	return out
}

// islands counts the stretches of columns with ink.
func islands(img *image.Alpha) (n int) {
	inked := false
	for x := range img.Rect.Dx() {
		ink := false
		for y := range img.Rect.Dy() {
			ink = ink || img.AlphaAt(x, y).A > 100
		}
		if ink && !inked {
			n++
		}
		inked = ink
	}
	return n
}

func TestArabicLettersJoin(t *testing.T) {
	f := noto(t)
	_, line := shapeOf(f, "ببب") // beh three times: at the end, inside and at the beginning of a word, seen from the left
	var ids []uint32
	for _, g := range glyphs(line) {
		if g.Advance > 0 {
			ids = append(ids, uint32(g.GlyphID))
		}
	}
	if len(ids) != 3 || ids[0] == ids[1] || ids[1] == ids[2] || ids[0] == ids[2] {
		t.Errorf("glyphs %v: expected three different forms of one letter", ids)
	}
	if n := islands(f.Raster("ببب", 40, Style{})); n != 1 {
		t.Errorf("the word is in %d pieces, expected one stroke", n)
	}
	if n := islands(f.Raster("د د د", 40, Style{})); n != 3 {
		t.Errorf("three letters that do not join are in %d pieces", n)
	}
}

func TestDevanagariIsReorderedAndLigated(t *testing.T) {
	f := noto(t)
	_, line := shapeOf(f, "कि") // ka, then the vowel sign i, which is written before it
	if g := glyphs(line); len(g) != 2 || g[0].Width >= g[1].Width || g[0].TextIndex() != 0 {
		t.Errorf("कि: %d glyphs; expected the slim vowel sign and then the letter", len(g))
	}
	_, line = shapeOf(f, "क्ष")
	if g := glyphs(line); len(g) != 1 {
		t.Errorf("क्ष: %d glyphs of 3 characters, expected one ligature", len(g))
	}
	if n := islands(f.Raster("कमल", 40, Style{})); n != 1 {
		t.Errorf("कमल is in %d pieces, expected one under its head line", n)
	}
}

func TestScriptsHaveFaces(t *testing.T) {
	f := noto(t)
	for name, s := range map[string]string{
		"Latin": "Größe Łódź", "Greek": "Καφές", "Cyrillic": "Кружка", "Arabic": "قهوة", "Hebrew": "ספל", "Devanagari": "कटोरा", "Bengali": "মগ",
		"Tamil": "குவளை", "Telugu": "కప్పు", "Kannada": "ಕಪ್", "Malayalam": "കപ്പ്", "Gujarati": "કપ", "Gurmukhi": "ਕੱਪ", "Sinhala": "කෝප්පය",
		"Thai": "แก้วน้ำ", "Lao": "ຈອກ", "Khmer": "កែវ", "Myanmar": "ခွက်", "Georgian": "ჭიქა", "Armenian": "Բաժակ", "Ethiopic": "ኩባያ",
		"Tibetan": "དཀར་ཡོལ", "money": "€ £ ¥ ₹ ₪ ₺ ₴ ฿ ৳ ៛", "signs": "★ → ✓ ½ ° № ™",
	} {
		text, line := shapeOf(f, s)
		for _, g := range glyphs(line) {
			if g.GlyphID == 0 {
				t.Errorf("%s: %q has a box instead of a glyph, for %q", name, s, text[g.TextIndex()])
			}
		}
		if img := f.Raster(s, 40, Style{Bold: true}); islands(img) == 0 {
			t.Errorf("%s: %q has no ink", name, s)
		}
	}
}

func TestTextIsOrderedAsItIsRead(t *testing.T) {
	f := noto(t)
	for _, tc := range []struct{ in, want string }{
		{"ab אבג", "ab גבא"},
		{"אבג 12", "12 גבא"},
		{"x אב 12 גד y", "x דג 12 בא y"}, // the number stays inside the right-to-left stretch
		{"אב xy גד", "דג xy בא"},
	} {
		text, line := shapeOf(f, tc.in)
		var got []rune
		for _, g := range glyphs(line) {
			got = append(got, text[g.TextIndex()])
		}
		if string(got) != tc.want {
			t.Errorf("%q is seen as %q, expected %q", tc.in, string(got), tc.want)
		}
	}
}

func TestHanTakesTheFaceOfWhatStandsBesideIt(t *testing.T) {
	for s, want := range map[string]string{"直す": "NotoSansCJK#0", "直김": "NotoSansCJK#1", "直": "NotoSansCJK#2"} {
		if got := cjk([]rune(s))[0]; got != want {
			t.Errorf("%s: %s, expected %s", s, got, want)
		}
	}
}

func TestReorderFollowsRuleL2(t *testing.T) {
	for _, tc := range []struct {
		levels []int8
		want   string
	}{{nil, ""}, {[]int8{0, 0}, "ab"}, {[]int8{1, 1}, "ba"}, {[]int8{0, 1, 2, 1, 0}, "adcbe"}, {[]int8{1, 2, 2, 1}, "dbca"}, {[]int8{2, 3, 3, 1}, "dacb"}, {[]int8{2, 3, 2, 1}, "dabc"}} {
		runs := []byte("abcde")[:len(tc.levels)]
		if reorder(runs, slices.Clone(tc.levels)); string(runs) != tc.want {
			t.Errorf("levels %v: %s, expected %s", tc.levels, runs, tc.want)
		}
	}
}

func TestLongLinesEndInAnEllipsis(t *testing.T) {
	f := noto(t)
	for _, s := range []string{"Breakfast set for two, hand-thrown", strings.Repeat("قهوة عربية ", 20), strings.Repeat("कि", 200), strings.Repeat("W", 5000)} {
		whole := f.Raster(s, 30, Style{})
		if whole.Rect.Dx() > maxWidth {
			t.Errorf("%.20q: %d px wide, the limit is %d", s, whole.Rect.Dx(), maxWidth)
		}
		for _, width := range []int{1, 40, 200, 300} {
			if got := f.Raster(s, 30, Style{MaxWidth: width}).Rect.Dx(); got > width || width >= 200 && got < width-60 {
				t.Errorf("%.20q: %d px wide, expected nearly %d", s, got, width)
			}
		}
	}
	c := &chooser{f: f}
	text := c.clean("Breakfast set for two")
	line := f.fit(c, text, 30, 200)
	if g := glyphs(line); g[len(g)-1].TextIndex() >= len(text) || line.advance.Ceil() > 200 {
		t.Errorf("cut to %d px", line.advance.Ceil())
	}
	rtl := f.Raster("قهوة عربية ممتازة", 30, Style{MaxWidth: 120})
	if n := islands(image.NewAlpha(rtl.Rect)); n != 0 {
		t.Fatal("a blank picture has ink")
	}
	left := rtl.SubImage(image.Rect(0, 0, 26, rtl.Rect.Dy())).(*image.Alpha)
	for y := range rtl.Rect.Dy() / 2 {
		for x := range left.Rect.Dx() {
			if rtl.AlphaAt(x, y).A > 128 {
				t.Fatalf("ink at (%d, %d): expected the dots of the ellipsis, which are low, at the left end of a line in Arabic", x, y)
			}
		}
	}
}

func TestHostileTextIsTamed(t *testing.T) {
	c := &chooser{f: noto(t)}
	for _, tc := range []struct{ in, want string }{
		{"a\u202Eb\u2066c\u202D", "abc"},
		{"a\n\r\t\x00 \u2028 b\x7f", "a b"},
		{"\xff\xfea\xc3", "a"},
		{"  a  ", "a"},
		{"a\ue000\U0010FFFDb\U000E0041", "ab\U000E0041"}, // private use goes; tags are invisible to the shaper
		{"mug \U0001FAE8", "mug"},                        // a pictograph newer than the faces
		{"\u200b\ufeff", "\u200b"},
	} {
		if got := string(c.clean(tc.in)); got != tc.want {
			t.Errorf("%q becomes %q, expected %q", tc.in, got, tc.want)
		}
	}
	if n := len(c.clean(strings.Repeat("é", 100000))); n != maxRunes {
		t.Errorf("%d runes are kept, the limit is %d", n, maxRunes)
	}
	zalgo := "a" + strings.Repeat("\u0301", 400)
	if img := c.f.Raster(zalgo, 30, Style{}); img.Rect.Dy() > 4*30 {
		t.Errorf("a tower of marks makes a line %d px high", img.Rect.Dy())
	}
}

func TestWithoutNotoTheGoFontDrawsLatinAndSaysSo(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	f, err := LoadFonts(missing)
	if err != nil {
		t.Fatal(err)
	}
	if n := f.Note(); !strings.Contains(n, "Go font") || !strings.Contains(n, missing) || !strings.Contains(n, "fonts-noto-core") {
		t.Errorf("the note is %q", n)
	}
	if islands(f.Raster("Mug", 40, Style{Bold: true})) != 3 {
		t.Error("Mug does not show three letters")
	}
}

func TestBadFontFilesAreSkippedAndListed(t *testing.T) {
	dir := t.TempDir()
	whole := goregular.TTF
	torn := slices.Clone(whole)
	for i := 300; i < len(torn); i += 7 {
		torn[i] ^= 0xFF
	}
	for name, data := range map[string][]byte{
		"NotoSans-Regular.ttf": whole, "NotoSans-Bold.ttf": []byte("not a font"), "NotoSansArabic-Regular.ttf": whole[:len(whole)/2],
		"NotoSansThai-Regular.ttf": torn, "NotoSansHebrew-Regular.ttc": []byte("ttcf\x00\x01\x00\x00\xff\xff\xff\xff"), "NotoSansLao-Regular.otf": nil, "readme.txt": whole,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := LoadFonts(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{"Mug", "قهوة", "ไทย", "ספל", "ຈອກ"} {
		if img := f.Raster(s, 30, Style{Bold: true}); img.Rect.Empty() || islands(img) == 0 {
			t.Errorf("%s: nothing is drawn", s)
		}
	}
	for _, name := range []string{"NotoSans-Bold.ttf", "NotoSansHebrew-Regular.ttc", "NotoSansLao-Regular.otf"} {
		if n := f.Note(); !strings.Contains(n, name) {
			t.Errorf("%s is not in the note %q", name, n)
		}
	}
}

func TestFacesAreOpenedWhenTheirScriptIsDrawn(t *testing.T) {
	f := noto(t)
	if n := len(f.faces); n != 2 {
		t.Errorf("%d faces are open before anything is drawn, expected 2", n)
	}
	f.Raster("Mug ספל", 30, Style{})
	if f.faces[faceKey{"notosanshebrew-regular", 0}] == nil || f.faces[faceKey{"notosansthai-regular", 0}] != nil {
		t.Error("expected the Hebrew face to be open, and not the Thai one")
	}
}

func TestLinesAreKeptWithinBounds(t *testing.T) {
	f := goFonts(t)
	first := f.Raster("Mug", 30, Style{})
	if f.Raster("Mug", 30, Style{}) != first {
		t.Error("a line was drawn twice in a row")
	}
	if f.Raster("Mug", 30, Style{Bold: true}) == first {
		t.Error("bold is taken for regular")
	}
	for i := range 3 * maxLines {
		f.Raster(strings.Repeat("W", i%50), 10+i%90, Style{})
	}
	bytes := 0
	for e := f.lines.recent.Front(); e != nil; e = e.Next() {
		bytes += cost(e.Value.(lineEntry).key, e.Value.(lineEntry).drawn)
	}
	if n := f.lines.recent.Len(); n > maxLines || n != len(f.lines.byKey) || bytes > maxLineBytes || bytes != f.lines.bytes {
		t.Errorf("%d lines, %d keys, %d bytes, booked as %d", n, len(f.lines.byKey), bytes, f.lines.bytes)
	}
}

func TestFontsServeManyAtOnce(t *testing.T) {
	f := noto(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 20 {
				f.Raster([]string{"Mug", "قهوة", "कटोरा", "ספל"}[(i+j)%4], 20+j, Style{Bold: i%2 == 0})
				_ = f.Note()
			}
		})
	}
	wg.Wait()
}

func FuzzRaster(f *testing.F) {
	for _, s := range []string{"Mug", "قهوة 12", "कि", "\u202Eevil", "a\u0301\u0301", "\xff\xfe", "👩‍👩‍👧", strings.Repeat("ﷺ", 600), "각", "[{(<\u2066"} {
		f.Add(s, 30, 200, true)
	}
	fonts := noto(f)
	f.Fuzz(func(t *testing.T, s string, px, width int, bold bool) {
		img := fonts.Raster(s, px, Style{Bold: bold, MaxWidth: width})
		limit := maxWidth
		if width > 0 {
			limit = min(width, maxWidth)
		}
		if img.Rect.Min != (image.Point{}) || img.Rect.Empty() || img.Rect.Dx() > limit || img.Rect.Dy() > 8*maxPx {
			t.Fatalf("%q at %d px: %v, limit %d", s, px, img.Rect, limit)
		}
		for _, r := range (&chooser{f: fonts}).clean(s) {
			if unicode.IsControl(r) || r == '\u202e' {
				t.Fatalf("%q keeps %q", s, r)
			}
		}
	})
}

// BenchmarkLoadFonts is what opening costs before anything is drawn.
func BenchmarkLoadFonts(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		noto(b)
	}
}

// BenchmarkHostileLine is the worst that one line of text from outside can cost, each time a new one.
func BenchmarkHostileLine(b *testing.B) {
	for name, s := range map[string]string{
		"wide": strings.Repeat("W", maxRunes), "ligatures": strings.Repeat("ﷺ", maxRunes), "marks": "a" + strings.Repeat("\u0301", maxRunes),
		"scripts": strings.Repeat("aअбب", maxRunes/4), "brackets": strings.Repeat("[(", maxRunes/2), "levels": strings.Repeat("a1ب(", maxRunes/4),
		"missing": strings.Repeat("\u13a0\ua9d0\u1f77", maxRunes/3), "unknown": strings.Repeat("\U0001FAE8", maxRunes), "khmer": strings.Repeat("្ក", maxRunes/2),
	} {
		b.Run(name, func(b *testing.B) {
			f := noto(b)
			for b.Loop() {
				f.lines = lineCache{}
				f.Raster(s, maxPx, Style{MaxWidth: 200})
				f.Raster(s, maxPx, Style{})
			}
		})
	}
}
