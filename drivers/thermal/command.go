package thermal

import (
	"fmt"

	"rsc.io/qr"

	"edgekit.internal/drivers/thermal/internal/paper"
)

// command is one of those that Render knows.
type command struct {
	name string // Epson's
	code string
	args int                           // bytes that follow
	more func(args []byte) int         // and that follow those
	do   func(h *head, a []byte) error // all that followed
}

var commands = []command{
	{"DLE EOT", "\x10\x04", 1, nil, func(*head, []byte) error { return nil }}, // asks for status
	{"ESC @", "\x1b@", 0, nil, func(h *head, _ []byte) error { h.reset(); return nil }},
	{"ESC !", "\x1b!", 1, nil, func(h *head, a []byte) error {
		h.style = cell{font: paper.Font(a[0] & 1), bold: a[0]&8 != 0, high: 1 + int(a[0]>>4&1), wide: 1 + int(a[0]>>5&1)}
		return nil
	}},
	{"ESC E", "\x1bE", 1, nil, func(h *head, a []byte) error { h.style.bold = a[0]&1 != 0; return nil }},
	{"ESC M", "\x1bM", 1, nil, func(h *head, a []byte) error { h.style.font = paper.Font(a[0] & 1); return nil }},
	{"ESC a", "\x1ba", 1, nil, func(h *head, a []byte) error { return oneOf(a[0]&^0x30, 2, func(n byte) { h.align = Align(n) }) }},
	{"ESC t", "\x1bt", 1, nil, func(h *head, a []byte) error { h.page = a[0]; return nil }},
	{"ESC 2", "\x1b2", 0, nil, func(h *head, _ []byte) error { h.spacing = lineHeight; return nil }},
	{"ESC 3", "\x1b3", 1, nil, func(h *head, a []byte) error { h.spacing = int(a[0]); return nil }},
	{"ESC d", "\x1bd", 1, nil, func(h *head, a []byte) error { return h.feed(int(a[0]) * h.spacing) }},
	{"ESC J", "\x1bJ", 1, nil, func(h *head, a []byte) error { return h.feed(int(a[0])) }},
	{"ESC p", "\x1bp", 3, nil, func(h *head, _ []byte) error { h.report.Drawer++; return nil }},
	{"FS .", "\x1c.", 0, nil, func(*head, []byte) error { return nil }}, // one byte is one letter, as here always
	{"ESC B", "\x1bB", 2, nil, func(h *head, _ []byte) error { h.report.Beeps++; return nil }},
	{"ESC ( A", "\x1b(A", 2, u16, func(h *head, _ []byte) error { h.report.Beeps++; return nil }},
	{"GS !", "\x1d!", 1, nil, func(h *head, a []byte) error {
		h.style.wide, h.style.high = 1+int(a[0]>>4&7), 1+int(a[0]&7)
		return nil
	}},
	{"GS V", "\x1dV", 1, func(a []byte) int {
		if a[0] == 'A' || a[0] == 'B' { // feed to the knife, and n dots more
			return 1
		}
		return 0
	}, (*head).cut},
	{"GS v 0", "\x1dv0", 5, func(a []byte) int { return u16(a[1:]) * u16(a[3:]) }, (*head).image},
	{"GS ( k", "\x1d(k", 2, u16, (*head).symbol},
}

func u16(b []byte) int { return int(b[0]) | int(b[1])<<8 }

func oneOf(n, highest byte, do func(byte)) error {
	if n > highest {
		return fmt.Errorf("%d, expected 0 to %d", n, highest)
	}
	do(n)
	return nil
}

// feed prints what is in the line and moves the paper.
func (h *head) feed(dots int) error {
	if len(h.line) > 0 {
		return h.newline(dots)
	}
	return h.paper.Feed(dots)
}

func (h *head) cut(a []byte) error {
	if err := h.flush(); err != nil {
		return err
	}
	if len(a) == 2 {
		if err := h.paper.Feed(int(a[1])); err != nil {
			return err
		}
	}
	h.report.Cuts++
	return h.paper.Dashes()
}

func (h *head) image(a []byte) error {
	if err := oneOf(a[0]&^0x30, 0, func(byte) {}); err != nil { // the other modes double it
		return err
	}
	h.report.Images++
	return h.print(paper.Packed(8*u16(a[1:]), u16(a[3:]), a[5:]))
}

// symbol obeys cn 49 (QR code) of GS ( k, by its function fn.
func (h *head) symbol(a []byte) error {
	if a = a[2:]; len(a) < 3 || a[0] != '1' {
		return fmt.Errorf("%.8q, expected cn 49, a function and its parameter", a)
	}
	switch fn, a := a[1], a[2:]; {
	case fn == 'A' && len(a) == 2 && a[0] == '2': // 165
		return nil
	case fn == 'C' && len(a) == 1 && a[0] >= 1 && a[0] <= 16: // 167
		h.code.module = int(a[0])
	case fn == 'E' && len(a) == 1 && a[0] >= '0' && a[0] <= '3': // 169
		h.code.level = a[0]
	case fn == 'P' && a[0] == '0': // 180
		h.code.text = string(a[1:])
	case fn == 'Q' && len(a) == 1 && a[0] == '0': // 181
		return h.printCode()
	default:
		return fmt.Errorf("function %d of %.8q, expected 165 (model 2), 167 (1 to 16 dots), 169 (48 to 51), 180 or 181", fn, a)
	}
	return nil
}

func (h *head) printCode() error {
	code, err := qr.Encode(h.code.text, qr.Level(h.code.level-'0'))
	if err != nil {
		return err
	}
	m := h.code.module
	dots := paper.NewBits(code.Size*m, code.Size*m)
	for y := range dots.H {
		for x := range dots.W {
			if code.Black(x/m, y/m) {
				dots.Set(x, y)
			}
		}
	}
	if err := h.print(dots); err != nil {
		return err
	}
	h.report.Codes = append(h.report.Codes, h.code.text)
	return nil
}
