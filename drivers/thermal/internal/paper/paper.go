// Package paper is the paper of a thermal printer, and what its head can put on it: dots, black or none.
package paper

import (
	"errors"
	"image"
	"image/color"
)

// Bits is a pattern of dots.
type Bits struct {
	W, H   int
	stride int
	data   []byte // rows of W bits, the left one the highest, each row from a byte of its own
}

// NewBits makes a white pattern.
func NewBits(w, h int) *Bits { return Packed(w, h, make([]byte, (w+7)/8*h)) }

// Packed is a pattern as GS v 0 has it. It keeps data, which must have (w+7)/8*h bytes.
func Packed(w, h int, data []byte) *Bits { return &Bits{w, h, (w + 7) / 8, data} }

// Set makes a dot black.
func (b *Bits) Set(x, y int) { b.data[y*b.stride+x/8] |= 0x80 >> (x % 8) }

// Black tells whether a dot is.
func (b *Bits) Black(x, y int) bool { return b.data[y*b.stride+x/8]&(0x80>>(x%8)) != 0 }

// Bytes is the pattern as GS v 0 has it. It may not be changed.
func (b *Bits) Bytes() []byte { return b.data }

// ErrLong is returned when no more paper may be used.
var ErrLong = errors.New("the paper is longer than allowed")

// Paper comes out of a printer. What is drawn is drawn at the head, y dots below where the head is counted down the paper.
type Paper struct {
	Width, Limit int // in dots; the limit is of the length
	head         int
	dots         []byte // a byte each
}

// Put draws a pattern with its left upper corner at x, and y under the head. What is beside the paper is lost.
func (p *Paper) Put(b *Bits, x, y int) error {
	if err := p.extend(p.head + y + b.H); err != nil {
		return err
	}
	for dy := range b.H {
		row := p.dots[(p.head+y+dy)*p.Width:][:p.Width]
		for dx := range b.W {
			if at := x + dx; at >= 0 && at < p.Width && b.Black(dx, dy) {
				row[at] = 1
			}
		}
	}
	return nil
}

// Feed moves the paper n dots on.
func (p *Paper) Feed(n int) error {
	if err := p.extend(p.head + n); err != nil {
		return err
	}
	p.head += n
	return nil
}

// Dashes draws where the knife went.
func (p *Paper) Dashes() error {
	line := NewBits(p.Width, 2)
	for x := range p.Width {
		if x/8%2 == 0 {
			line.Set(x, 0)
			line.Set(x, 1)
		}
	}
	if err := p.Put(line, 0, 0); err != nil {
		return err
	}
	return p.Feed(line.H)
}

func (p *Paper) extend(height int) error {
	if height > p.Limit {
		return ErrLong
	}
	if more := height*p.Width - len(p.dots); more > 0 {
		p.dots = append(p.dots, make([]byte, more)...)
	}
	return nil
}

// Image is the paper so far, at least one dot long, in black and white.
func (p *Paper) Image() *image.Paletted {
	img := image.NewPaletted(image.Rect(0, 0, p.Width, max(len(p.dots)/p.Width, 1)), color.Palette{color.White, color.Black})
	copy(img.Pix, p.dots)
	return img
}
