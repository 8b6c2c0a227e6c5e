package fanout

import (
	"encoding/binary"
	"errors"
	"time"
)

// feedback is what an RTCP packet asks of the sender.
type feedback struct {
	viewer  *Viewer
	picture bool     // a key picture is needed
	nacks   []uint16 // packets to send again; at most maxNacks
}

// maxNacks is how many packets one report may ask for; the largest key pictures have fewer.
const maxNacks = 512

// Types of RTCP packets (RFC 3550 section 12.1, RFC 4585 section 6.1) and their formats.
const (
	rtcpSenderReport = 200
	rtcpReceiver     = 201
	rtcpDescription  = 202
	rtcpTransport    = 205
	rtcpPayload      = 206

	formatNACK = 1  // transport: RFC 4585 section 6.2.1
	formatTWCC = 15 // transport: draft-holmer-rmcat-transport-wide-cc-extensions section 3.1
	formatPLI  = 1  // payload: RFC 4585 section 6.3.1
	formatFIR  = 4  // payload: RFC 5104 section 4.3.1
	formatApp  = 15 // payload: REMB, draft-alvestrand-rmcat-remb section 2.2
)

var errReport = errors.New("malformed RTCP")

// report reads a compound RTCP packet, takes note of what it says of the path and returns what it asks for. It reads
// no more than it must and allocates only for NACKs. Unknown packets are passed over, malformed ones end the reading.
func (v *Viewer) report(b []byte, now time.Duration) (f feedback, err error) {
	f.viewer = v
	for len(b) > 0 {
		if len(b) < 4 || b[0]>>6 != 2 {
			return f, errReport
		}
		size := 4 * (1 + int(binary.BigEndian.Uint16(b[2:])))
		if size > len(b) {
			return f, errReport
		}
		p, format := b[4:size], b[0]&31
		switch kind := b[1]; {
		case kind == rtcpReceiver:
			err = v.blocks(p, 4, int(format), now)
		case kind == rtcpSenderReport:
			err = v.blocks(p, 24, int(format), now)
		case (kind == rtcpTransport || kind == rtcpPayload) && len(p) < 8:
			err = errReport
		case kind == rtcpTransport && format == formatNACK:
			if binary.BigEndian.Uint32(p[4:]) == v.track.ssrc {
				f.nacks = appendNacks(f.nacks, p[8:])
			}
		case kind == rtcpTransport && format == formatTWCC:
			err = v.path.Feedback(p[8:])
		case kind == rtcpPayload && format == formatPLI:
			f.picture = f.picture || binary.BigEndian.Uint32(p[4:]) == v.track.ssrc
		case kind == rtcpPayload && format == formatFIR:
			for e := p[8:]; len(e) >= 8; e = e[8:] {
				f.picture = f.picture || binary.BigEndian.Uint32(e) == v.track.ssrc
			}
		case kind == rtcpPayload && format == formatApp:
			v.count.remb(p[8:])
		}
		if err != nil {
			return f, err
		}
		b = b[size:]
	}
	return f, nil
}

// appendNacks unfolds pairs of packet number and bit mask (RFC 4585 section 6.2.1).
func appendNacks(to []uint16, pairs []byte) []uint16 {
	for ; len(pairs) >= 4; pairs = pairs[4:] {
		first, mask := binary.BigEndian.Uint16(pairs), uint32(binary.BigEndian.Uint16(pairs[2:]))<<1|1
		for i := range uint16(17) {
			if len(to) == maxNacks {
				return to
			}
			if mask>>i&1 == 1 {
				to = append(to, first+i)
			}
		}
	}
	return to
}

// blocks reads the report blocks after skip bytes: loss, jitter and round trip (RFC 3550 sections 6.4.1 and A.8).
func (v *Viewer) blocks(p []byte, skip, n int, now time.Duration) error {
	const size = 24
	if len(p) < skip+n*size {
		return errReport
	}
	for r := p[skip : skip+n*size]; len(r) > 0; r = r[size:] {
		if binary.BigEndian.Uint32(r) != v.track.ssrc {
			continue
		}
		v.count.loss.Store(uint32(r[4]))
		v.count.jitter.Store(binary.BigEndian.Uint32(r[12:]))
		if echoed := binary.BigEndian.Uint32(r[16:]); echoed != 0 {
			rtt := int32(ntpMiddle(now) - echoed - binary.BigEndian.Uint32(r[20:]))
			v.count.rtt.Store(int64(time.Duration(max(rtt, 0)) * time.Second / 65536))
		}
	}
	return nil
}

// remb takes the receiver's own estimate: "REMB", a count, then 6 bits of exponent and 18 of mantissa.
func (c *viewerCounters) remb(p []byte) {
	if len(p) < 8 || string(p[:4]) != "REMB" {
		return
	}
	exponent, mantissa := p[5]>>2, uint64(p[5]&3)<<16|uint64(binary.BigEndian.Uint16(p[6:]))
	if exponent < 40 { // beyond that it is no rate of this world
		c.estimate.Store(mantissa << exponent)
	}
}

// ntp writes a reading of the monotonic clock in the form of an NTP timestamp. Sender reports may use any clock that
// runs evenly (RFC 3550 section 4); the wall clock of a kit without a battery does not.
func ntp(now time.Duration) uint64 {
	return uint64(now/time.Second)<<32 | uint64(now%time.Second)<<32/uint64(time.Second)
}

// ntpMiddle is the middle 32 bits, as receiver reports echo them.
func ntpMiddle(now time.Duration) uint32 { return uint32(ntp(now) >> 16) }

const cname = "edgekit"

// senderReport appends a sender report, which says how timestamp and clock relate and what has been sent, and the
// CNAME that RFC 3550 section 6.1 wants beside it.
func senderReport(b []byte, now time.Duration, ssrc, rtp uint32, packets, octets uint64) []byte {
	b = append(b, 0x80, rtcpSenderReport, 0, 6)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = binary.BigEndian.AppendUint64(b, ntp(now))
	b = binary.BigEndian.AppendUint32(b, rtp)
	b = binary.BigEndian.AppendUint32(b, uint32(packets))
	b = binary.BigEndian.AppendUint32(b, uint32(octets))
	b = append(b, 0x81, rtcpDescription, 0, 4)
	b = binary.BigEndian.AppendUint32(b, ssrc)
	b = append(b, 1, byte(len(cname)))
	b = append(b, cname...)
	return append(b, 0, 0, 0) // the end of the items, on a word's end
}
