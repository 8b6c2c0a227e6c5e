package fanout

import (
	"net"
	"sync/atomic"
	"testing"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
)

// assemble puts packets in order, waiting for those that come late, and takes whole pictures out of them.
func assemble(tr *webrtc.TrackRemote, to chan<- seen) {
	var (
		held  = map[uint16]*rtp.Packet{}
		next  uint16
		begun bool
		data  []byte
		depay codecs.H264Packet
	)
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		if !begun {
			begun, next = true, p.SequenceNumber
		}
		held[p.SequenceNumber] = p
		for p := held[next]; p != nil; p = held[next] {
			delete(held, next)
			next++
			b, err := depay.Unmarshal(p.Payload)
			if err != nil {
				return
			}
			data = append(data, b...)
			if p.Marker {
				select {
				case to <- seen{p.Timestamp, data, len(data) > 4 && data[4]&31 == 7}:
				default: // a test that does not look does not hold up the viewer
				}
				data = nil
			}
		}
	}
}

// lossy drops some of the media packets that come.
type lossy struct {
	net.PacketConn
	drop    func(n int) bool
	n       int
	dropped atomic.Int64
}

func newLossy(t testing.TB, drop func(n int) bool) *lossy {
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	return &lossy{PacketConn: udp, drop: drop}
}

func (l *lossy) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.PacketConn.ReadFrom(b)
		if err == nil && n > 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223) {
			if l.n++; l.drop(l.n) {
				l.dropped.Add(1)
				continue
			}
		}
		return n, from, err
	}
}
