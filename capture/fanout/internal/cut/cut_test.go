package cut

import (
	"bytes"
	"testing"

	"github.com/pion/rtp/codecs"

	"edgekit.internal/capture"
	"edgekit.internal/capture/h264"
)

// Fragments of one unit are of equal size but the last, parameter sets share a packet, delimiters are left out, and a
// key picture is two trains.
func TestPacketsAreMadeForTrains(t *testing.T) {
	for _, n := range []int{100, MaxPayload - 1, MaxPayload, 10 * MaxPayload, 10*MaxPayload + 1, 123456} {
		au := []byte{0, 0, 0, 1, 9, 0xF0, 0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1F, 0, 0, 1, 0x68, 0xCE, 0, 0, 0, 1, 0x65}
		au = append(au, bytes.Repeat([]byte{0xAB}, n)...)
		p := Packetise(capture.AccessUnit{Layer: 1, Key: true, RTP: 5, Data: au})
		if want := []byte{0x78, 0, 4, 0x67, 0x42, 0xC0, 0x1F, 0, 2, 0x68, 0xCE}; !bytes.Equal(p.Payload(0), want) {
			t.Fatalf("% x, expected an STAP-A % x", p.Payload(0), want)
		}
		if p.Train(0) != 1 || p.Train(1) != p.Packets()-1 {
			t.Fatalf("%d bytes: trains of %d and %d among %d packets", n, p.Train(0), p.Train(1), p.Packets())
		}
		if least := 1 + (n+MaxPayload-1)/MaxPayload; p.Packets() > least+1+n/100000 {
			t.Fatalf("%d bytes in %d packets, %d would do", n, p.Packets(), least)
		}
		if !bytes.Equal(p.SPS, []byte{0x67, 0x42, 0xC0, 0x1F}) {
			t.Fatalf("SPS % x", p.SPS)
		}
	}
	if n := Packetise(capture.AccessUnit{Data: make([]byte, maxUnit+1)}).Packets(); n != 0 {
		t.Fatalf("%d packets of a picture that is too large", n)
	}
}

func FuzzPacketise(f *testing.F) {
	f.Add(append([]byte{0, 0, 0, 1, 0x65}, bytes.Repeat([]byte{7}, 5000)...))
	f.Add([]byte{0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x06, 5, 0, 0, 1, 0x65})
	f.Fuzz(func(t *testing.T, data []byte) {
		p := Packetise(capture.AccessUnit{Data: data})
		var want, got []byte
		for n := range h264.NALs(data) {
			if k := n[0] & 31; k != 9 && k != 12 {
				want = append(append(want, 0, 0, 0, 1), n...)
			}
		}
		var depay codecs.H264Packet
		for i := range p.Packets() {
			b := p.Payload(i)
			if len(b) == 0 || len(b) > MaxPayload {
				t.Fatalf("a payload of %d bytes", len(b))
			}
			if k := b[0] & 31; k != fuA && k != stapA && (k == 0 || k > 23) {
				return // a NAL unit that H.264 does not define: a receiver drops it
			}
			part, err := depay.Unmarshal(b)
			if err != nil {
				return // likewise, inside a fragment
			}
			got = append(got, part...)
		}
		if !bytes.Equal(got, want) && !odd(data) {
			t.Fatalf("\n% x came out as\n% x", want, got)
		}
	})
}

// odd says whether a byte stream has NAL units that only RTP defines, which depacketisers read as such, or with the
// forbidden bit, which some lose.
func odd(data []byte) bool {
	for n := range h264.NALs(data) {
		if k := n[0] & 31; k == 0 || k > 23 || n[0]&0x80 != 0 {
			return true
		}
	}
	return false
}
