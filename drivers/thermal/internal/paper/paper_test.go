package paper

import (
	"errors"
	"testing"
)

// TestNoLetterIsClipped: all of a letter is in its cell.
func TestNoLetterIsClipped(t *testing.T) {
	for f, m := range metrics {
		for bold, of := range faces() {
			for _, r := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz€£¥$¢%&@()[]{}|ÄÅÁÂÀÃÇÉÊËÈÍÎÏÌÑÓÔÒÕÖØÚÛÙÜÝÞÆÐßþçğŷýÿåéñ" {
				const slack = unitsPerEm / 4 // of a dot, which would not be black anyway
				for _, e := range edges(of.outline(of.index(r)), m.emX, m.emY, m.baseline*unitsPerEm) {
					if e.y0 < -slack || e.y1 > m.height*unitsPerEm+slack || min(e.x0, e.x1) < -slack || max(e.x0, e.x1) > m.width*unitsPerEm+slack {
						t.Errorf("%c of font %d, bold %d is outside of its cell: %+v", r, f, bold, e)
						break
					}
				}
			}
		}
	}
}

// TestEveryCharacterHasAGlyph: none of a printer's code page is drawn as a box.
func TestEveryCharacterHasAGlyph(t *testing.T) {
	for _, of := range faces() {
		for r := rune('!'); r < 0x100; r++ {
			if (r < 0x7f || r > 0xa0) && of.index(r) == 0 {
				t.Errorf("no glyph for %q", r)
			}
		}
		for _, r := range "€ıƒ‗─│┌┐└┘├┤┬┴┼═║╔╗╚╝╠╣╦╩╬▀▄█░▒▓■" {
			if of.index(r) == 0 {
				t.Errorf("no glyph for %q", r)
			}
		}
	}
}

func TestPaperEnds(t *testing.T) {
	p := &Paper{Width: 8, Limit: 100}
	dot := NewBits(1, 1)
	dot.Set(0, 0)
	for _, step := range []struct {
		do   func() error
		want error
	}{
		{func() error { return p.Feed(99) }, nil},
		{func() error { return p.Put(dot, 7, 0) }, nil},
		{func() error { return p.Put(dot, 8, 0) }, nil}, // beside it
		{func() error { return p.Put(dot, 0, 1) }, ErrLong},
		{func() error { return p.Feed(2) }, ErrLong},
	} {
		if err := step.do(); !errors.Is(err, step.want) {
			t.Errorf("%v, expected %v", err, step.want)
		}
	}
	img := p.Image()
	if img.Rect.Dx() != 8 || img.Rect.Dy() != 100 || img.ColorIndexAt(7, 99) != 1 || img.ColorIndexAt(0, 99) != 0 {
		t.Errorf("%v", img.Rect)
	}
}
