package settings

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxBytes is the size of the largest file that is read.
const MaxBytes = 1 << 20

// decode makes UTF-8 of what a person's editor may have saved: Windows' Notepad puts a byte order mark in front, or saves
// UTF-16 with one. at is where the trouble is.
func decode(raw []byte) (text []byte, at place, err error) {
	switch {
	case len(raw) > MaxBytes:
		return nil, place{}, fmt.Errorf("the file is larger than 1 MB: expected a short text")
	case bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")):
		raw = raw[3:]
	case bytes.HasPrefix(raw, []byte("\xff\xfe")):
		raw = wide(raw[2:], binary.LittleEndian)
	case bytes.HasPrefix(raw, []byte("\xfe\xff")):
		raw = wide(raw[2:], binary.BigEndian)
	}
	if i := bytes.IndexByte(raw, 0); i >= 0 {
		return nil, placeOf(raw, i), errors.New("this is no plain text: save it in a text editor with the encoding UTF-8")
	}
	if !utf8.Valid(raw) {
		i := 0
		for i < len(raw) {
			r, n := utf8.DecodeRune(raw[i:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			i += n
		}
		return nil, placeOf(raw, i), errors.New("this letter is not UTF-8: save the file anew with the encoding UTF-8 (in Notepad: Save as, Encoding)")
	}
	return []byte(strings.Clone(string(raw))), place{}, nil // the parser wants a text with nothing in front of it
}

func wide(raw []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(raw)/2)
	for i := range units {
		units[i] = order.Uint16(raw[2*i:])
	}
	return []byte(string(utf16.Decode(units)))
}
