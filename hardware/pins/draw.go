package pins

import (
	"fmt"
	"html"
	"strings"
)

// Drawing is a wiring plan: the whole header, and what is wired to it by the parts that it is about.
type Drawing struct {
	Title                    string
	Buttons, Lights, Printer bool
}

// Drawings are the plans that hardware/wiring holds, by file name.
func Drawings() map[string]Drawing {
	return map[string]Drawing{
		"all.svg":     {"Everything on the header", true, true, true},
		"buttons.svg": {"Four buttons", true, false, false},
		"lights.svg":  {"Two lights", false, true, false},
		"printer.svg": {"A serial receipt printer", false, false, true},
	}
}

// Measures of a drawing, in its own units.
const (
	width, height = 900, 660
	top, row      = 104, 26 // the first pin, and from one to the next
	left, right   = 428, 468
	nearL, nearR  = 348, 548 // where wires meet the pins' names
)

// Colours. Each drawing has a light ground of its own, so that it reads the same on a dark page.
const (
	ink, faint = "#1b1f24", "#6e7781"
	blue       = "#0a58ca"
	green      = "#1a7f37"
	orange     = "#bc4c00"
	purple     = "#8250df"
	teal       = "#0b7285"
)

// SVG draws it.
func (d Drawing) SVG() string {
	var s sheet
	s.put(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="t" font-family="system-ui, sans-serif" font-size="15">`, width, height)
	s.put(`<title id="t">%s: which pin of the 40-pin header goes where</title>`, html.EscapeString(d.Title))
	s.put(`<rect x="1" y="1" width="%d" height="%d" rx="14" fill="#ffffff" stroke="#d0d7de" stroke-width="2"/>`, width-2, height-2)
	s.put(`<text x="28" y="40" font-size="21" font-weight="600" fill="%s">%s</text>`, ink, html.EscapeString(d.Title))
	s.put(`<text x="28" y="63" font-size="14" fill="%s">Seen from above, header along the right edge, USB sockets below. Pull the power plug first.</text>`, faint)
	s.header(d)
	if d.Buttons {
		s.buttons()
	}
	if d.Lights {
		s.lights()
	}
	if d.Printer {
		s.printer()
	}
	s.put(`</svg>`)
	return s.String()
}

// sheet collects the drawing's elements.
type sheet struct{ strings.Builder }

func (s *sheet) put(format string, args ...any) { fmt.Fprintf(s, format+"\n", args...) }

func (s *sheet) wire(colour string, points string) {
	s.put(`<polyline points="%s" fill="none" stroke="%s" stroke-width="3" stroke-linejoin="round" stroke-linecap="round"/>`, points, colour)
}

func (s *sheet) text(x, y int, anchor, colour, words string) {
	s.put(`<text x="%d" y="%d" text-anchor="%s" fill="%s">%s</text>`, x, y+5, anchor, colour, html.EscapeString(words))
}

func (s *sheet) dot(x, y int, colour string) {
	s.put(`<circle cx="%d" cy="%d" r="4.5" fill="%s"/>`, x, y, colour)
}

// y is the height of a pin's row.
func y(place int) int { return top + (place-1)/2*row }

// wants tells whether a role is part of a drawing.
func (d Drawing) wants(r Role) bool {
	switch r {
	case StartDrop, SoldOut, Reprint, CallHelp, ButtonsBack:
		return d.Buttons
	case ReadyLight, AlertLight, LightsBack:
		return d.Lights
	case PrinterTX, PrinterRX, PrinterBack:
		return d.Printer
	}
	return false
}

func (s *sheet) header(d Drawing) {
	s.put(`<rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="#24292f"/>`, left-17, top-17, right-left+34, 19*row+34)
	for _, p := range Header() {
		x, name, anchor := left, nearL+58, "end"
		if p.Place%2 == 0 {
			x, name, anchor = right, nearR-58, "start"
		}
		fill, colour, weight := "#d0d7de", faint, "400"
		switch {
		case d.wants(p.Role):
			fill, colour, weight = "#ffd33d", ink, "600"
		case p.Kind == Power5:
			fill = "#ff8182"
		case p.Kind == Power3:
			fill = "#ffb77c"
		}
		corner := 10 // a pin; the first one is square, as on the board
		if p.Place == 1 {
			corner = 2
		}
		s.put(`<rect x="%d" y="%d" width="20" height="20" rx="%d" fill="%s"/>`, x-10, y(p.Place)-10, corner, fill)
		s.put(`<text x="%d" y="%d" text-anchor="middle" font-size="11" font-weight="%s" fill="%s">%d</text>`, x, y(p.Place)+4, weight, ink, p.Place)
		s.put(`<text x="%d" y="%d" text-anchor="%s" font-size="14" font-weight="%s" fill="%s">%s</text>`, name, y(p.Place)+5, anchor, weight, colour, p)
	}
}

// at is the row of the pin that has a role.
func at(r Role) int {
	p, ok := For(r)
	if !ok {
		panic("pins: no pin has the role " + string(r)) // the table is a constant, and tested
	}
	return y(p.Place)
}

func (s *sheet) buttons() {
	const bus, near, far = 172, 206, 246
	back := at(ButtonsBack)
	first := at(StartDrop)
	s.wire(ink, fmt.Sprintf("%d,%d %d,%d %d,%d", bus, first, bus, back, nearL, back))
	s.text(bus+34, back-11, "start", ink, "ground, shared")
	for _, b := range []struct {
		role  Role
		label string
	}{{StartDrop, "Start drop"}, {SoldOut, "Sold out"}, {Reprint, "Reprint"}, {CallHelp, "Call help"}} {
		h := at(b.role)
		s.wire(ink, fmt.Sprintf("%d,%d %d,%d", bus, h, near, h))
		s.wire(blue, fmt.Sprintf("%d,%d %d,%d", far, h, nearL, h))
		s.dot(bus, h, ink)
		s.dot(near, h, ink)
		s.dot(far, h, blue)
		s.put(`<path d="M%d %d H%d M%d %d V%d" stroke="%s" stroke-width="3" stroke-linecap="round" fill="none"/>`, near-2, h-8, far+2, (near+far)/2, h-8, h-13, ink)
		s.text(bus-16, h, "end", ink, b.label)
	}
}

func (s *sheet) lights() {
	const bus = 762
	back := at(LightsBack)
	last := at(AlertLight)
	s.wire(ink, fmt.Sprintf("%d,%d %d,%d %d,%d", nearR, back, bus, back, bus, last))
	s.text((nearR+bus)/2, back-13, "middle", ink, "ground, shared")
	for _, l := range []struct {
		role   Role
		label  string
		colour string
	}{{ReadyLight, "Ready", green}, {AlertLight, "Alert", orange}} {
		h := at(l.role)
		s.wire(l.colour, fmt.Sprintf("%d,%d %d,%d", nearR, h, bus, h))
		s.dot(bus, h, ink)
		s.put(`<rect x="580" y="%d" width="66" height="18" rx="3" fill="#ffffff" stroke="%s" stroke-width="2"/>`, h-9, ink)
		s.put(`<text x="613" y="%d" text-anchor="middle" font-size="13" fill="%s">330 Ω</text>`, h+5, ink)
		s.put(`<path d="M690 %d L690 %d L710 %d Z" fill="%s" stroke="%s"/><path d="M711 %d V%d" stroke="%s" stroke-width="3"/>`, h-10, h+10, h, l.colour, ink, h-10, h+10, ink)
		s.text(bus+14, h, "start", l.colour, l.label)
	}
	s.put(`<text x="700" y="%d" text-anchor="middle" font-size="13" fill="%s">LEDs: the flat side, the short leg, to ground</text>`, last+34, faint)
}

func (s *sheet) printer() {
	const box = 700
	tx, rx, back := at(PrinterTX), at(PrinterRX), at(PrinterBack)
	s.put(`<rect x="%d" y="%d" width="172" height="%d" rx="8" fill="#f6f8fa" stroke="%s" stroke-width="2"/>`, box, back-18, rx-back+36, ink)
	for _, w := range []struct {
		h             int
		colour, label string
	}{{back, ink, "GND"}, {tx, purple, "RX: it listens"}, {rx, teal, "TX: it answers"}} {
		s.wire(w.colour, fmt.Sprintf("%d,%d %d,%d", nearR, w.h, box, w.h))
		s.dot(box, w.h, w.colour)
		s.text(box+14, w.h, "start", w.colour, w.label)
	}
	for i, words := range []string{"Printer's serial side, 3.3 V levels only.", "RS-232 or 5 V: put a converter between.", "Its power comes from its own supply."} {
		s.put(`<text x="%d" y="%d" text-anchor="end" font-size="14" fill="%s">%s</text>`, box+172, rx+42+i*20, faint, html.EscapeString(words))
	}
}
