// Package tcp carries datagrams over TCP connections, for phones in networks that let no UDP through: each is preceded by its
// length (RFC 4571, as ICE has it, RFC 6544 section 3). The phone connects, the kit only listens.
//
// TCP keeps what UDP would lose, so a slow phone's datagrams pile up instead. What waits for a connection is therefore bounded,
// here and in the kernel, and a phone that takes none of it for two seconds is hung up on; it may call again.
package tcp

import (
	"encoding/binary"
	"errors"
	"io"
)

// Limits of one datagram: its length, and what is put before it.
const (
	MaxLen = 1500
	Header = 2
)

// ErrFrame is what Next answers to a length that no datagram of a viewer's has.
var ErrFrame = errors.New("tcp: a frame of more than 1500 bytes")

// Append appends a datagram with its length to b.
func Append(b, datagram []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(datagram))), datagram...)
}

// frames cuts what comes into datagrams.
type frames struct {
	from  io.Reader
	buf   [2 * (Header + MaxLen)]byte
	at, n int // what of it was not taken yet
}

// Next waits for a datagram, which is good until the next call. It may be empty: a null packet (RFC 4571 section 2).
func (f *frames) Next() ([]byte, error) {
	for {
		if f.n-f.at >= Header {
			size := int(binary.BigEndian.Uint16(f.buf[f.at:]))
			if size > MaxLen {
				return nil, ErrFrame
			}
			if end := f.at + Header + size; end <= f.n {
				b := f.buf[f.at+Header : end : end]
				f.at = end
				return b, nil
			}
		}
		f.n = copy(f.buf[:], f.buf[f.at:f.n])
		f.at = 0
		n, err := f.from.Read(f.buf[f.n:]) // there is room: less than a whole frame is in it
		f.n += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}
