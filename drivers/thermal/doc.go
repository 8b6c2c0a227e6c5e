// Package thermal drives thermal receipt printers that understand ESC/POS, over USB, a serial line or TCP. It writes
// slips (Doc), brings them to paper (Printer), and draws what a printer makes of them (Render).
//
// Commands are named as in Epson's "ESC/POS Command Reference". Only those are used that cheap printers know too.
package thermal

import (
	"bytes"
	"image"
	"strings"
	"unicode/utf8"

	"rsc.io/qr"
)

// Text shapes and rasters one line of any script with an em of px dots, and ends it in an ellipsis where it would be
// wider than maxWidth dots (0: as wide as it needs). It gives nil or an empty picture when it cannot. What a picture
// covers by half or more becomes black.
type Text func(s string, px int, bold bool, maxWidth int) *image.Alpha

// Align is the side of the paper on which something is.
type Align int

// The alignments, as ESC a counts them.
const (
	Left Align = iota
	Centre
	Right
)

// Style is how text looks; the zero value is font A, upright, at the left.
type Style struct {
	Align Align
	Bold  bool
	Times int  // so many times as wide and high: 1 to 8, 0 is 1
	Small bool // font B
}

func (s Style) times() int { return min(max(s.Times, 1), 8) }

// maxLength bounds a slip, in dots (1.9 m). What would make it longer is left out.
const maxLength = 15_000

// Doc is a slip being written. It may be given any text: control characters are left out, so that no title from a
// catalogue and no visitor can command the printer. Not safe for concurrent use.
type Doc struct {
	profile Profile
	text    Text
	b       bytes.Buffer
	table   byte // of characters, that is selected
	length  int  // dots so far, no less than the printer's count
}

// NewDoc begins a slip. text, which may be nil, draws what the printer's own characters (those of Profile.Letters) cannot say.
func NewDoc(p Profile, text Text) *Doc {
	d := &Doc{profile: p.known(), text: text}
	d.b.WriteString("\x1b@") // ESC @: as after switching on
	d.b.WriteString("\x1c.") // FS .: letters beyond ASCII are one byte each; printers for China take two for one of theirs otherwise
	d.table = d.profile.Letters.First()
	d.b.Write([]byte{0x1b, 't', d.table}) // ESC t
	return d
}

// Line writes text, in as many lines as it needs; words that are wider than the paper are broken. After 500 characters
// it ends in dots.
func (d *Doc) Line(s string, style Style) {
	s = clean(s)
	if !d.profile.Letters.Has(s) && d.draws(s, style) {
		for _, l := range wrap(s, d.fits(style, d.profile.Dots)) {
			d.drawn(l, style)
		}
		return
	}
	d.said(s, style)
}

// said writes text in the printer's own characters.
func (d *Doc) said(s string, style Style) {
	for _, l := range wrap(s, narrower(d.columns(style))) {
		d.native(l, style)
	}
}

// Pair writes left and right of one line, such as what was bought and its price. Where both do not fit, left takes more
// lines and right is on the last; right is never shortened. The style's alignment is not used.
func (d *Doc) Pair(left, right string, style Style) {
	left, right = clean(left), clean(right)
	style.Align = Left
	if !d.profile.Letters.Has(left+right) && d.draws(left+right, style) {
		d.rasterPair(left, right, style)
		return
	}
	columns := d.columns(style)
	room := columns - utf8.RuneCountInString(right) - 1
	if room < columns/4 {
		d.Line(left, style)
		style.Align = Right
		d.Line(right, style)
		return
	}
	lines := wrap(left, narrower(room))
	last := len(lines) - 1
	for _, l := range lines[:last] {
		d.native(l, style)
	}
	gap := room + 1 - utf8.RuneCountInString(lines[last])
	d.native(lines[last]+strings.Repeat(" ", gap)+right, style)
}

// Rule draws a line across the paper.
func (d *Doc) Rule() { d.native(strings.Repeat("-", d.profile.CharsA), Style{}) }

// Feed leaves n lines blank; at most 20.
func (d *Doc) Feed(n int) {
	if n = min(n, 20); n > 0 && d.grows(n*lineHeight) {
		d.b.Write([]byte{0x1b, 'd', byte(n)}) // ESC d
	}
}

// maxCode is the longest text that becomes a QR code: more would not be read well from thermal paper.
const maxCode = 300

// QR draws a code in the middle, error correction M, with modules of so many dots (1 to 16), or as many as the paper has room for.
// The white that a reader needs around it is left. What is longer than 300 bytes is written as text.
func (d *Doc) QR(text string, module int) {
	text = clean(text)
	code, err := qr.Encode(text, qr.M)
	if err != nil || text == "" || len(text) > maxCode {
		d.Line(text, Style{Align: Centre})
		return
	}
	module = max(min(module, 16, d.profile.Dots/(code.Size+2*quiet)), 1)
	blank := (quiet*module + lineHeight - 1) / lineHeight
	if !d.grows(code.Size*module + 2*blank*lineHeight) {
		return
	}
	gap := string([]byte{0x1b, 'd', byte(blank)}) // ESC d
	if d.profile.DrawCodes {
		d.b.WriteString(gap)
		d.bands(drawn(code, module, d.profile.Dots))
		d.b.WriteString(gap)
		return
	}
	d.b.WriteString("\x1ba\x01" + gap)                                // ESC a 1: in the middle
	d.b.WriteString("\x1d(k\x04\x00\x31\x41\x32\x00")                 // GS ( k, function 165: model 2
	d.b.Write([]byte{0x1d, '(', 'k', 3, 0, 0x31, 0x43, byte(module)}) // 167: size of a module
	d.b.WriteString("\x1d(k\x03\x00\x31\x45\x31")                     // 169: error correction M
	n := len(text) + 3
	d.b.Write([]byte{0x1d, '(', 'k', byte(n), byte(n >> 8), 0x31, 'P', '0'}) // 180: the text
	d.b.WriteString(text)
	d.b.WriteString("\x1d(k\x03\x00\x31\x51\x30" + gap) // 181: print
}

// quiet is the white around a code, in modules (ISO/IEC 18004).
const quiet = 4

// Cut feeds the end of the slip past the knife and cuts, but for a point that holds it; where there is none, it feeds it to
// where it is torn off.
func (d *Doc) Cut() {
	if d.profile.Uncut {
		d.Feed(3)
		return
	}
	if d.length < maxLength+maxLength/8 { // so that a full slip is cut too, but not for ever
		d.length += lineHeight
		d.b.WriteString("\x1dVB\x00") // GS V 66 0
	}
}

// Drawer opens the cash drawer on the printer's first drawer pin, with a pulse of 100 ms.
func (d *Doc) Drawer() { d.b.WriteString("\x1bp\x00\x32\x32") } // ESC p 0

// Beep sounds the printer's beeper, if it has one: its first pattern, or two short tones (ESC B counts in 50 or 100 ms, by maker). What
// those without one make of it differs: nothing, or a sign on paper.
func (d *Doc) Beep() {
	if d.profile.Tones {
		d.b.WriteString("\x1b(A\x03\x00\x61\x01\x01") // ESC ( A, function 97: pattern 1, once
	} else {
		d.b.WriteString("\x1bB\x02\x02") // ESC B: twice
	}
}

// Bytes is the slip so far, as the printer takes it.
func (d *Doc) Bytes() []byte { return bytes.Clone(d.b.Bytes()) }

// native writes a line that fits in the printer's own characters.
func (d *Doc) native(s string, style Style) {
	height, size, font, bold := lineHeight, byte(0x00), byte(0), byte(0)
	if n := style.times(); n > 1 {
		height, size = n*charHeight, byte(n-1)*0x11
	}
	if style.Small {
		font = 1
	}
	if style.Bold {
		bold = 1
	}
	if !d.grows(height) {
		return
	}
	b, table, _ := d.profile.Letters.Encode(s, d.table)
	d.table = table
	d.b.Write([]byte{0x1b, 'a', byte(min(max(style.Align, Left), Right)), 0x1b, 'M', font, 0x1b, 'E', bold, 0x1d, '!', size}) // ESC a, ESC M, ESC E, GS !
	d.b.Write(b)
	d.b.WriteByte('\n')
}

// What the printer's own line and character take, in dots.
const (
	lineHeight = 30
	charHeight = 24
)

// columns is how many of the printer's own characters a line has.
func (d *Doc) columns(s Style) int {
	n := d.profile.CharsA
	if s.Small {
		n = d.profile.CharsB
	}
	return n / s.times()
}

func narrower(columns int) func(string) bool {
	return func(s string) bool { return utf8.RuneCountInString(s) <= columns }
}

// grows counts paper, and says whether there is as much left.
func (d *Doc) grows(dots int) bool {
	if d.length+dots > maxLength {
		return false
	}
	d.length += dots
	return true
}
