package kittest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rsc.io/qr"
)

// Stall is what a kit's camera sees: a film for -camera file: in which products can be held up while it plays. Its pictures are
// 640x360, 30 a second.
type Stall struct {
	t    testing.TB
	Path string
}

const (
	stallWidth, stallHeight = 640, 360
	stallPictures           = 2 // of which the camera has at most one more, once both are written anew
)

// NewStall makes one with nothing held up.
func NewStall(t testing.TB) *Stall {
	t.Helper()
	s := &Stall{t, filepath.Join(t.TempDir(), "stall.y4m")}
	s.Hold()
	return s
}

// Held is a printed code: rows of modules that are dark.
type Held [][]bool

// EAN prints 13 digits, of which the last is worked out: the other twelve are given. The bars are those of the GS1 General
// Specifications, section 5.2.
func EAN(twelve string) (text string, bars Held) {
	odd := []string{"0001101", "0011001", "0010011", "0111101", "0100011", "0110001", "0101111", "0111011", "0110111", "0001011"}
	sets := []string{"AAAAAA", "AABABB", "AABBAB", "AABBBA", "ABAABB", "ABBAAB", "ABBBAA", "ABABAB", "ABABBA", "ABBABA"}
	sum := 0
	for i, c := range twelve {
		sum += int(c-'0') * (1 + i%2*2)
	}
	text = twelve + string(rune('0'+(10-sum%10)%10))
	flip := strings.NewReplacer("0", "1", "1", "0")
	back := func(s string) (b string) {
		for _, c := range s {
			b = string(c) + b
		}
		return b
	}
	line := "101"
	for i, c := range text[1:] {
		switch p := odd[c-'0']; {
		case i >= 6:
			line += flip.Replace(p)
		case sets[text[0]-'0'][i] == 'A':
			line += p
		default:
			line += back(flip.Replace(p))
		}
		if i == 5 {
			line += "01010"
		}
	}
	line += "101"
	for range 45 {
		bars = append(bars, row(line))
	}
	return text, bars
}

func row(line string) (r []bool) {
	for _, c := range line {
		r = append(r, c == '1')
	}
	return r
}

// QR prints a text.
func QR(t testing.TB, text string) (h Held) {
	t.Helper()
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	for y := range c.Size {
		r := make([]bool, c.Size)
		for x := range r {
			r[x] = c.Black(x, y)
		}
		h = append(h, r)
	}
	return h
}

// Hold has these held up from the next picture or the one after it on, side by side, and nothing else.
func (s *Stall) Hold(products ...Held) {
	s.t.Helper()
	luma := make([]byte, stallWidth*stallHeight)
	for i := range luma {
		luma[i] = byte(80 + i/stallWidth%50 + i%stallWidth/16)
	}
	for k, p := range products {
		const module, quiet = 2, 10
		x0, y0 := 30+k*stallWidth/2, 60
		for y := range (len(p) + 2*quiet) * module {
			for x := range (len(p[0]) + 2*quiet) * module {
				light, u, v := byte(215), x/module-quiet, y/module-quiet
				if u >= 0 && v >= 0 && v < len(p) && u < len(p[v]) && p[v][u] {
					light = 35
				}
				luma[(y0+y)*stallWidth+x0+x] = light
			}
		}
	}
	film := fmt.Appendf(nil, "YUV4MPEG2 W%d H%d F30:1 Ip A1:1 C420jpeg\n", stallWidth, stallHeight)
	for range stallPictures {
		film = append(append(film, "FRAME\n"...), luma...)
		for range stallWidth * stallHeight / 2 {
			film = append(film, 128)
		}
	}
	f, err := os.OpenFile(s.Path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = f.WriteAt(film, 0) // over what the camera plays; its length is the same
		if e := f.Close(); err == nil {
			err = e
		}
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
