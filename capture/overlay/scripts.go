package overlay

import (
	"strings"
	"unicode"

	"github.com/go-text/typesetting/font"
	"github.com/go-text/typesetting/language"
)

// families names, for each script in living use, what follows "NotoSans" or "NotoSerif" in its face's file name. Latin, Greek and
// Cyrillic are in NotoSans itself; Han, kana and Hangul are chosen by cjk.
var families = map[language.Script]string{
	language.Adlam: "Adlam", language.Arabic: "Arabic", language.Armenian: "Armenian", language.Balinese: "Balinese",
	language.Bengali: "Bengali", language.Canadian_Aboriginal: "CanadianAboriginal", language.Cham: "Cham", language.Cherokee: "Cherokee",
	language.Coptic: "Coptic", language.Devanagari: "Devanagari", language.Ethiopic: "Ethiopic", language.Georgian: "Georgian",
	language.Gujarati: "Gujarati", language.Gurmukhi: "Gurmukhi", language.Hebrew: "Hebrew", language.Javanese: "Javanese",
	language.Kannada: "Kannada", language.Khmer: "Khmer", language.Lao: "Lao", language.Lisu: "Lisu", language.Malayalam: "Malayalam",
	language.Mongolian: "Mongolian", language.Myanmar: "Myanmar", language.Nko: "NKo", language.Ol_Chiki: "OlChiki", language.Oriya: "Oriya",
	language.Sinhala: "Sinhala", language.Sundanese: "Sundanese", language.Syriac: "Syriac", language.Tai_Le: "TaiLe",
	language.Tai_Tham: "TaiTham", language.Tamil: "Tamil", language.Telugu: "Telugu", language.Thaana: "Thaana", language.Thai: "Thai",
	language.Tibetan: "Tibetan", language.Tifinagh: "Tifinagh", language.Vai: "Vai", language.Yi: "Yi",
}

// symbols are asked, after the text faces, for what no script owns: arrows, stars, pictographs.
var symbols = []string{"NotoSansSymbols", "NotoSansSymbols2", "NotoSansMath", "NotoEmoji"}

// cjk names the faces for Han, kana and Hangul, best first. One code point has different shapes in Japan, Korea and
// China (Unicode 16.0 section 18.1), so the choice goes by what else is in the line: kana, Hangul, or neither. A number
// after # is the place in a collection file: Noto's are in the order Japan, Korea, China, Taiwan, Hong Kong.
func cjk(line []rune) []string {
	for _, r := range line {
		switch {
		case unicode.In(r, unicode.Hiragana, unicode.Katakana):
			return []string{"NotoSansCJK#0", "NotoSansCJKjp", "NotoSansJP"}
		case unicode.Is(unicode.Hangul, r):
			return []string{"NotoSansCJK#1", "NotoSansCJKkr", "NotoSansKR"}
		}
	}
	return []string{"NotoSansCJK#2", "NotoSansCJKsc", "NotoSansSC", "NotoSansTC", "NotoSansJP", "NotoSansKR"}
}

// chooser resolves faces for the runes of one line. It satisfies shaping.FontmapScript.
type chooser struct {
	f     *Fonts
	bold  bool
	plain bool // only the Go font
	line  []rune
	first []*font.Face // faces of the current script
}

func (c *chooser) SetScript(s language.Script) {
	c.first = c.first[:0]
	if c.plain {
		return
	}
	var names []string
	switch s {
	case language.Han, language.Hiragana, language.Katakana, language.Hangul, language.Bopomofo:
		names = cjk(c.line)
	default:
		if family, ok := families[s]; ok {
			names = []string{"NotoSans" + family, "NotoSerif" + family}
		}
	}
	for _, name := range names {
		if face := c.f.named(name, c.bold); face != nil {
			c.first = append(c.first, face)
		}
	}
}

// ResolveFace gives the first face that has the rune, or the base face, whose box stands for what is missing.
func (c *chooser) ResolveFace(r rune) *font.Face {
	if face := c.find(r); face != nil {
		return face
	}
	return c.base()
}

func (c *chooser) base() *font.Face {
	if !c.plain {
		if face := c.f.named("NotoSans", c.bold); face != nil {
			return face
		}
	}
	if c.bold {
		return c.f.gofnt[1]
	}
	return c.f.gofnt[0]
}

func (c *chooser) find(r rune) *font.Face {
	for _, face := range c.first {
		if _, ok := face.NominalGlyph(r); ok {
			return face
		}
	}
	base := c.base()
	if _, ok := base.NominalGlyph(r); ok || c.plain {
		if ok {
			return base
		}
		return nil
	}
	for _, name := range symbols {
		if face := c.f.named(name, c.bold); face != nil {
			if _, ok := face.NominalGlyph(r); ok {
				return face
			}
		}
	}
	if _, ok := c.f.gofnt[0].NominalGlyph(r); ok {
		return c.f.gofnt[0]
	}
	return c.neighbours(r)
}

// neighbours looks for a rune that belongs to no script, as the baht sign and the danda do not, in the faces of the
// scripts that share its half block of 128 code points.
func (c *chooser) neighbours(r rune) *font.Face {
	last := ""
	for q := r &^ 0x7F; q <= r|0x7F; q++ {
		family := families[language.LookupScript(q)]
		if family == "" || family == last {
			continue
		}
		last = family
		if face := c.f.named("NotoSans"+family, c.bold); face != nil {
			if _, ok := face.NominalGlyph(r); ok {
				return face
			}
		}
	}
	return nil
}

// clean makes one drawable line of text from outside: at most maxRunes, no invalid UTF-8, control characters or line
// breaks (they become spaces, runs of which become one), no private or unassigned code points, and none of the
// directional overrides and isolates (UAX #9 section 2) with which a title could make its price read backwards.
// Pictographs that no face has are left out, since a box says less than nothing; letters and currency signs without a
// face stay, as boxes.
func (c *chooser) clean(s string) []rune {
	if len(s) > maxRunes*4 {
		s = s[:maxRunes*4]
	}
	out := make([]rune, 0, min(len(s), maxRunes))
	for _, r := range strings.ToValidUTF8(s, "\uFFFD") {
		switch {
		case len(out) == maxRunes:
			return out
		case r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x206F, r == 0xFEFF, r == 0xFFFD:
			continue
		case unicode.IsSpace(r), unicode.IsControl(r):
			if len(out) > 0 && out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
			continue
		case r > 0x7F && c.hopeless(r):
			continue
		}
		out = append(out, r)
	}
	if n := len(out); n > 0 && out[n-1] == ' ' {
		out = out[:n-1]
	}
	return out
}

// hopeless is whether a rune is better left out than drawn as a box.
func (c *chooser) hopeless(r rune) bool {
	if unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.P, unicode.Z, unicode.Cf, unicode.Sc, unicode.Sm) {
		return false
	}
	if !unicode.In(r, unicode.So, unicode.Sk) {
		return true // private use, surrogate or unassigned
	}
	return c.find(r) == nil
}

// rightToLeft is the direction of a line by its first letter (UAX #9 rules P2 and P3).
func rightToLeft(line []rune) bool {
	for _, r := range line {
		if unicode.IsLetter(r) {
			return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam,
				unicode.Samaritan, unicode.Mandaic, unicode.Hanifi_Rohingya)
		}
	}
	return false
}
