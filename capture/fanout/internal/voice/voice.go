// Package voice is the sending state of one viewer's sound: a stream of its own beside the picture's, under the same keys. SRTP keeps streams apart by
// their SSRC (RFC 3711 section 8.1).
package voice

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// Voice is used by one goroutine, but for SSRC, which never changes.
type Voice struct {
	SSRC uint32

	on    bool // the viewer listens
	begun bool // the packet before this one was sent

	next            uint64 // extended sequence number, roll-over counter included
	packets, octets uint64
	reported        time.Duration // when the last sender report went
}

// New makes the state beside a picture's stream with that SSRC; on: the viewer listens from the start.
func New(picture uint32, on bool) Voice {
	v := Voice{on: on}
	for v.SSRC == 0 || v.SSRC == picture {
		var b [6]byte
		rand.Read(b[:]) // never fails (crypto/rand)
		v.SSRC = binary.BigEndian.Uint32(b[:])
		v.next = uint64(binary.BigEndian.Uint16(b[4:]) & 0x7FFF) // RFC 3711 section 3.3.1: not close to the wrap
	}
	return v
}

// Turn has the viewer listen, or no more.
func (v *Voice) Turn(on bool) { v.on, v.begun = on, false }

// On tells whether the viewer listens.
func (v *Voice) On() bool { return v.on }

// Pause takes note that a packet was left out for now: there was nobody to hear it.
func (v *Voice) Pause() { v.begun = false }

// Number is that of the next packet, which no other ever has: a packet that is not sent after all is one that was lost.
func (v *Voice) Number() (seq uint64) {
	seq = v.next
	v.next++
	return seq
}

// Header appends the RTP header of a packet (RFC 3550 section 5.1). The marker is on the first after a pause (RFC 3551 section 4.1).
func (v *Voice) Header(b []byte, payloadType byte, seq uint64, rtp uint32) []byte {
	if !v.begun {
		payloadType |= 0x80
	}
	b = append(b, 0x80, payloadType, byte(seq>>8), byte(seq))
	b = binary.BigEndian.AppendUint32(b, rtp)
	return binary.BigEndian.AppendUint32(b, v.SSRC)
}

// Sent takes note of a packet that was sent, of so many bytes of payload.
func (v *Voice) Sent(bytes int) {
	v.begun = true
	v.packets++
	v.octets += uint64(bytes)
}

// Due tells whether a sender report is due, of which there is one every so often while sound is sent, and what it says was sent.
func (v *Voice) Due(now, every time.Duration) (packets, octets uint64, due bool) {
	if !v.begun || now-v.reported < every {
		return 0, 0, false
	}
	v.reported = now
	return v.packets, v.octets, true
}
