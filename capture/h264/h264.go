// Package h264 reads as much of an H.264 stream as a kit must know: where its NAL units begin, what they are, and what
// the sequence parameter set (SPS) promises a decoder. It is pure Go, copies nothing it does not have to, and takes any
// bytes without panicking.
//
// The standard is ITU-T H.264 (ISO/IEC 14496-10); section numbers below are its own.
package h264

import (
	"bytes"
	"iter"
)

// Type is nal_unit_type, what a NAL unit carries (table 7-1).
type Type uint8

// The NAL unit types a kit meets.
const (
	Slice    Type = 1 // part of a picture that refers to earlier ones
	IDRSlice Type = 5 // part of a picture at which decoding can start
	SEI      Type = 6 // supplemental information, not needed for decoding
	SPS      Type = 7 // sequence parameter set: size, profile, order of pictures
	PPS      Type = 8 // picture parameter set
	AUD      Type = 9 // access unit delimiter
)

// TypeOf is the type of a NAL unit, 0 for an empty one. The low five bits of the first byte (section 7.3.1).
func TypeOf(nal []byte) Type {
	if len(nal) == 0 {
		return 0
	}
	return Type(nal[0] & 0x1f)
}

// NALs yields the NAL units of a byte stream, each from its header byte on, without start codes, leading zero bytes and
// trailing zero bytes (annex B.1). They are windows on annexB: nothing is copied. Bytes before the first start code and
// empty units are passed over.
func NALs(annexB []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		rest, found := afterStartCode(annexB)
		for found {
			nal := rest
			end := bytes.Index(rest, startCode)
			if end >= 0 {
				nal, rest = rest[:end], rest[end+len(startCode):]
			}
			found = end >= 0
			nal = bytes.TrimRight(nal, "\x00") // trailing_zero_8bits, and the zero_byte of a four-byte start code
			if len(nal) > 0 && !yield(nal[:len(nal):len(nal)]) {
				return
			}
		}
	}
}

// startCode is start_code_prefix_one_3bytes (annex B.1). Emulation prevention keeps it out of NAL units.
var startCode = []byte{0, 0, 1}

func afterStartCode(b []byte) ([]byte, bool) {
	_, rest, found := bytes.Cut(b, startCode)
	return rest, found
}

// IsKey reports whether an access unit in Annex B form is an IDR picture: it holds a slice of type 5, and no earlier
// picture is needed to decode it (section 7.4.1.2.4).
func IsKey(annexB []byte) bool {
	for nal := range NALs(annexB) {
		switch TypeOf(nal) {
		case IDRSlice:
			return true
		case Slice:
			return false // slices of one primary picture are all IDR or none is
		}
	}
	return false
}

// Find returns the first NAL unit of the wanted type in an access unit, nil when there is none.
func Find(annexB []byte, want Type) []byte {
	for nal := range NALs(annexB) {
		if TypeOf(nal) == want {
			return nal
		}
	}
	return nil
}
