package thermal

import (
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"

	"edgekit.internal/drivers/thermal/internal/paper"
)

const (
	maxData   = 8 << 20 // bytes of a job
	maxHeight = 20_000  // dots of paper, 2.5 m
	maxNoted  = 16      // unknown commands, after which reading on makes no sense
)

// Report is what was found in a job.
type Report struct {
	Lines   []string  // of the printer's own characters, without blank ones
	Codes   []string  // texts of QR codes
	Images  int       // raster images
	Cuts    int       //
	Drawer  int       // pulses to the cash drawer
	Beeps   int       // sounds asked for
	Unknown []Unknown // commands that Render does not know
}

// Unknown is a command that was left out, and what follows it may have been read as text.
type Unknown struct {
	Offset int
	Bytes  string // its first two
}

// Render draws what a printer puts on paper: 1 dot is 1 pixel, as long as what is on it, in black and white; the same
// on every machine. Where the knife went there is a dashed line. Errors name the offset of the first command that is unknown,
// cut off or asks too much, and what was expected; the picture then has what could be drawn: unknown commands are
// passed over, and drawing ends at the others, and at 20,000 dots. At most 8 MiB are read.
func Render(data []byte, p Profile) (image.Image, Report, error) {
	h := newHead(p.known())
	err := h.run(data[:min(len(data), maxData)])
	err = errors.Join(err, h.flush())
	if len(data) > maxData {
		err = errors.Join(err, fmt.Errorf("thermal: a job of %d bytes, expected at most %d", len(data), maxData))
	}
	if n := len(h.report.Unknown); n > 0 {
		u := h.report.Unknown[0]
		err = errors.Join(fmt.Errorf("thermal: byte %d: unknown command %q (%d unknown), expected ESC/POS as Doc writes it", u.Offset, u.Bytes, n), err)
	}
	return h.paper.Image(), h.report, err
}

// head is the printer's state.
type head struct {
	profile Profile
	paper   *paper.Paper
	report  Report
	glyphs  map[cell]*paper.Bits

	line    []cell // what LF will print
	width   int    // of line, in dots
	style   cell   // of the next character
	align   Align
	page    byte // code table
	spacing int  // dots from line to line

	code struct {
		module int
		level  byte
		text   string
	}
}

// cell is a character and how it looks.
type cell struct {
	r          rune
	font       paper.Font
	bold       bool
	wide, high int
}

func newHead(p Profile) *head {
	h := &head{profile: p, paper: &paper.Paper{Width: p.Dots, Limit: maxHeight}, glyphs: map[cell]*paper.Bits{}}
	h.reset()
	return h
}

func (h *head) reset() {
	h.line, h.width, h.style, h.align, h.page, h.spacing = nil, 0, cell{wide: 1, high: 1}, Left, 0, lineHeight
	h.code.module, h.code.level, h.code.text = 3, '0', ""
}

// run reads text and commands.
func (h *head) run(data []byte) error {
	for at := 0; at < len(data); {
		switch b := data[at]; {
		case b == '\n':
			if err := h.newline(h.spacing); err != nil {
				return h.fault(at, "LF", err)
			}
			at++
		case b == '\r':
			at++
		case b >= ' ' && b != 0x7f:
			if err := h.char(b); err != nil {
				return h.fault(at, "text", err)
			}
			at++
		default:
			n, err := h.command(at, data[at:])
			if err != nil {
				return err
			}
			if n == 0 {
				n = 2
				h.report.Unknown = append(h.report.Unknown, Unknown{at, string(data[at:min(at+2, len(data))])})
				if len(h.report.Unknown) == maxNoted {
					return nil
				}
			}
			at += n
		}
	}
	return nil
}

func (h *head) fault(at int, name string, err error) error {
	return fmt.Errorf("thermal: byte %d: %s: %w", at, name, err)
}

// char adds a character to the line, and prints the line first where it is full.
func (h *head) char(b byte) error {
	c := h.style
	c.r = h.profile.Letters.Decode(b, h.page)
	w, _ := c.font.Cell()
	if h.width+w*c.wide > h.profile.Dots {
		if err := h.newline(h.spacing); err != nil {
			return err
		}
	}
	h.line, h.width = append(h.line, c), h.width+w*c.wide
	return nil
}

// newline prints the line and moves the paper by feed, or by the line's height where that is more.
func (h *head) newline(feed int) error {
	tall := 0
	for _, c := range h.line {
		_, high := c.font.Cell()
		tall = max(tall, high*c.high)
	}
	x := h.indent(h.width)
	var said strings.Builder
	for _, c := range h.line {
		g := h.glyph(c)
		if err := h.paper.Put(g, x, tall-g.H); err != nil {
			return err
		}
		x += g.W
		said.WriteRune(c.r)
	}
	if s := strings.TrimSpace(said.String()); s != "" {
		h.report.Lines = append(h.report.Lines, s)
	}
	h.line, h.width = h.line[:0], 0
	return h.paper.Feed(max(feed, tall))
}

// flush prints a line that has begun.
func (h *head) flush() error {
	if len(h.line) == 0 {
		return nil
	}
	return h.newline(h.spacing)
}

func (h *head) glyph(c cell) *paper.Bits {
	g := h.glyphs[c]
	if g == nil {
		g = paper.Glyph(c.r, c.font, c.bold, c.wide, c.high)
		h.glyphs[c] = g
	}
	return g
}

// indent is where something of that width begins.
func (h *head) indent(width int) int {
	return []int{0, (h.profile.Dots - width) / 2, h.profile.Dots - width}[h.align]
}

// print puts a pattern on paper by itself.
func (h *head) print(b *paper.Bits) error {
	if b.W > h.profile.Dots+7 {
		return fmt.Errorf("%d dots wide, expected at most %d", b.W, h.profile.Dots)
	}
	if err := h.flush(); err != nil {
		return err
	}
	if err := h.paper.Put(b, max(h.indent(b.W), 0), 0); err != nil {
		return err
	}
	return h.paper.Feed(b.H)
}

// command obeys one command, and returns its length; 0 when it is not known.
func (h *head) command(at int, b []byte) (int, error) {
	i := slices.IndexFunc(commands, func(c command) bool { return strings.HasPrefix(string(b[:min(len(b), len(c.code))]), c.code) })
	if i < 0 {
		return 0, nil
	}
	c := commands[i]
	n := len(c.code) + c.args
	if len(b) >= n && c.more != nil {
		n += c.more(b[len(c.code):n])
	}
	if len(b) < n {
		return 0, fmt.Errorf("thermal: byte %d: %s is cut off: %d bytes of it, expected %d", at, c.name, len(b), n)
	}
	if err := c.do(h, b[len(c.code):n]); err != nil {
		return 0, h.fault(at, c.name, err)
	}
	return n, nil
}
