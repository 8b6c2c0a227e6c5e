package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// text turns a file's bytes into text, whatever spreadsheet wrote them: UTF-8 or UTF-16 with or without a mark at the beginning, else
// Windows-1252, in which every byte is a character. It says which it took them for.
func text(doc []byte) (s, encoding string, err error) {
	switch {
	case bytes.HasPrefix(doc, []byte("\xef\xbb\xbf")):
		doc = doc[3:]
		if !utf8.Valid(doc) {
			return "", "UTF-8", fmt.Errorf("it begins as UTF-8 does, and byte %d is none", 4+invalidUTF8(doc))
		}
		return string(doc), "UTF-8", nil
	case bytes.HasPrefix(doc, []byte("\xff\xfe")):
		return wide(doc[2:], binary.LittleEndian, "UTF-16LE")
	case bytes.HasPrefix(doc, []byte("\xfe\xff")):
		return wide(doc[2:], binary.BigEndian, "UTF-16BE")
	}
	switch even, odd := zeros(doc); {
	case odd > even && odd > len(doc)/8: // of ASCII's 16-bit characters each second byte is zero
		return wide(doc, binary.LittleEndian, "UTF-16LE")
	case even > odd && even > len(doc)/8:
		return wide(doc, binary.BigEndian, "UTF-16BE")
	}
	if letters, broken := multibyte(doc); broken == 0 {
		return string(doc), "UTF-8", nil
	} else if letters > broken {
		return "", "UTF-8", fmt.Errorf("it is UTF-8 but for byte %d: save it once more as UTF-8", 1+invalidUTF8(doc))
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(doc)
	return string(out), "Windows-1252", err
}

// invalidUTF8 is the offset of the first byte that is none.
func invalidUTF8(doc []byte) int {
	for at := 0; at < len(doc); {
		c, n := utf8.DecodeRune(doc[at:])
		if c == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return len(doc)
}

// multibyte counts UTF-8's characters of several bytes, and the bytes that are none: other encodings' letters hardly ever look like the former.
func multibyte(doc []byte) (letters, broken int) {
	for at := 0; at < len(doc); {
		c, n := utf8.DecodeRune(doc[at:])
		switch {
		case n > 1:
			letters++
		case c == utf8.RuneError:
			broken++
		}
		at += n
	}
	return letters, broken
}

// zeros counts bytes of value 0 at even and at odd offsets.
func zeros(doc []byte) (even, odd int) {
	for i, b := range doc {
		switch {
		case b != 0:
		case i%2 == 0:
			even++
		default:
			odd++
		}
	}
	return even, odd
}

func wide(doc []byte, order binary.ByteOrder, encoding string) (string, string, error) {
	if len(doc)%2 != 0 {
		return "", encoding, fmt.Errorf("it is %s, of which each character has two bytes, and has an odd number of them: its end is missing", encoding)
	}
	units := make([]uint16, len(doc)/2)
	for i := range units {
		units[i] = order.Uint16(doc[2*i:])
	}
	return string(utf16.Decode(units)), encoding, nil
}
