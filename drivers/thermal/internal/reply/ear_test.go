package reply

import (
	"bytes"
	"testing"
)

func said(id ID) []byte { return append(append([]byte{0x37, 0x22}, id[:]...), 0) }

// TestAnIDIsHeardAmongOtherThings, answers to other questions in the middle of it too; another's is not taken for it.
func TestAnIDIsHeardAmongOtherThings(t *testing.T) {
	id := NewID(0xbeef)
	if got := id.Request(); !bytes.Equal(got, []byte("\x1d(H\x06\x0000LOOP")) {
		t.Errorf("%q", got)
	}
	for n := range 1 << 16 {
		for _, b := range NewID(uint16(n)) {
			if Said(b) || b < 32 || b > 126 {
				t.Fatalf("%d is %q", n, NewID(uint16(n)))
			}
		}
	}
	whole := said(id)
	for at := range len(whole) {
		var e Ear
		e.Expect(id)
		for i, b := range append(append(append([]byte("rubbish\x14\x00\x00\x0f"), whole[:at]...), 0x12, 0x12), whole[at:]...) {
			if e.Done() {
				t.Fatalf("heard after %d bytes", i)
			}
			e.Hear(b)
		}
		if !e.Done() {
			t.Errorf("not heard, with a status before its byte %d", at)
		}
	}
	for name, text := range map[string][]byte{"another's": said(NewID(0xbeee)), "cut": whole[:6], "an open end": append(bytes.Clone(whole[:6]), 1), "nothing": nil} {
		var e Ear
		e.Expect(id)
		for _, b := range text {
			e.Hear(b)
		}
		if e.Done() {
			t.Errorf("%s was taken for it", name)
		}
	}
}

// FuzzEar: nothing but the ID is taken for it.
func FuzzEar(f *testing.F) {
	f.Add([]byte("\x37\x22ABCD\x00"), uint16(0x0123))
	f.Fuzz(func(t *testing.T, text []byte, n uint16) {
		var e Ear
		e.Expect(NewID(n))
		var rest []byte
		for _, b := range text {
			if !e.Hear(b) {
				rest = append(rest, b)
			}
		}
		if e.Done() != bytes.Contains(rest, said(NewID(n))) {
			t.Errorf("% x", text)
		}
	})
}
