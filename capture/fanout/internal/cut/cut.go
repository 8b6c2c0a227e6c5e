// Package cut makes RTP payloads of H.264 pictures, once for all who get them.
package cut

import (
	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/seal"
	"edgekit.internal/capture/h264"
)

// Sizes in bytes. Every packet, with all its headers, stays within 1200 bytes of UDP payload, which any
// path that carries WebRTC takes (libwebrtc's own limit; IPv6's least MTU is 1280).
const (
	MaxPacket  = 1200
	HeaderLen  = 12 // RFC 3550 section 5.1, no contributing sources
	MaxHeader  = HeaderLen + 4 + 8
	MaxPayload = MaxPacket - MaxHeader - seal.MaxOverhead

	maxUnit = 4 << 20 // of an access unit: 40 times a large key picture
)

// Types of RTP's own (RFC 6184 table 1), and one that is left out (ISO/IEC 14496-10 table 7-1).
const (
	stapA  = 24
	fuA    = 28
	filler = h264.Type(12)
)

// Picture is one access unit, cut into RTP payloads once for all viewers. It never changes after Packetise.
type Picture struct {
	Layer uint8
	Key   bool
	RTP   uint32 // timestamp, the same for every viewer
	First uint64 // number of its first packet in its layer's count, given by who keeps that
	SPS   []byte // of a key picture

	data []byte   // the payloads, one after another
	ends []uint32 // where each ends
}

// Packets is how many there are.
func (p *Picture) Packets() int { return len(p.ends) }

// Payload is the i-th packet's, to be read only.
func (p *Picture) Payload(i int) []byte {
	from := uint32(0)
	if i > 0 {
		from = p.ends[i-1]
	}
	return p.data[from:p.ends[i]:p.ends[i]]
}

// Train says how many packets from the i-th on can go as one train: all of one size but the last, which may be shorter.
func (p *Picture) Train(i int) int {
	size := len(p.Payload(i))
	n := 1
	for i+n < p.Packets() {
		next := len(p.Payload(i + n))
		if next > size {
			break
		}
		n++
		if next < size {
			break
		}
	}
	return n
}

// Packetise cuts an access unit as RFC 6184 says for packetization-mode=1: the parameter sets in front of a key picture
// go as one STAP-A (section 5.7.1), a NAL unit that fits goes alone (5.6), a larger one as FU-A fragments (5.8). The
// fragments of one unit are of equal size, the last a few bytes shorter, so that they make one train. Delimiters and
// filler are left out: RTP marks the pictures itself. Anything without a NAL unit, or over 4 MiB, gives no packets.
func Packetise(au capture.AccessUnit) *Picture {
	p := &Picture{Layer: au.Layer, Key: au.Key, RTP: au.RTP}
	if len(au.Data) > maxUnit {
		return p
	}
	p.data = make([]byte, 0, len(au.Data)+len(au.Data)/64+16)
	p.ends = make([]uint32, 0, len(au.Data)/MaxPayload+4)
	var sets [][]byte // small units that wait to be aggregated
	size := 1
	aggregate := func() {
		switch {
		case len(sets) == 1:
			p.data = append(p.data, sets[0]...)
		case len(sets) > 1:
			head := byte(stapA)
			for _, s := range sets {
				head = head&^0x60 | max(head&0x60, s[0]&0x60) // the most important of their NRIs
			}
			p.data = append(p.data, head)
			for _, s := range sets {
				p.data = append(append(p.data, byte(len(s)>>8), byte(len(s))), s...)
			}
		default:
			return
		}
		p.ends = append(p.ends, uint32(len(p.data)))
		sets, size = nil, 1
	}
	for nal := range h264.NALs(au.Data) {
		switch h264.TypeOf(nal) {
		case h264.AUD, filler:
			continue
		case h264.SPS:
			p.SPS = nal
			fallthrough
		case h264.PPS:
			if size+2+len(nal) <= MaxPayload {
				sets, size = append(sets, nal), size+2+len(nal)
				continue
			}
		}
		aggregate()
		p.add(nal)
	}
	aggregate()
	return p
}

func (p *Picture) add(nal []byte) {
	if len(nal) <= MaxPayload {
		p.data = append(p.data, nal...)
		p.ends = append(p.ends, uint32(len(p.data)))
		return
	}
	body := nal[1:]
	count := (len(body) + MaxPayload - 3) / (MaxPayload - 2)
	size := (len(body) + count - 1) / count
	head := [2]byte{nal[0]&0xE0 | fuA, nal[0]&0x1F | 0x80} // the start bit
	for len(body) > 0 {
		n := min(size, len(body))
		if n == len(body) {
			head[1] |= 0x40 // the end bit
		}
		p.data = append(append(p.data, head[:]...), body[:n]...)
		p.ends = append(p.ends, uint32(len(p.data)))
		body, head[1] = body[n:], head[1]&^0x80
	}
}
