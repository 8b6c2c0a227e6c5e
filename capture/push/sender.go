package push

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"edgekit.internal/capture"
)

// maxPayload keeps packets within 1200 bytes with RTP's header, an extension and SRTP's tag, which any way takes that
// carries WebRTC.
const maxPayload = 1200 - 12 - 8 - 16

// Pacing. A key picture is many times as large as others: let out at once it would be lost in the first narrow queue.
const (
	paceFactor = 2.5 // of what the way carries, as libwebrtc paces
	leastPace  = 100 // kbit/s
	leastSleep = 2 * time.Millisecond
)

// sender writes what waits in a feed, one goroutine.
type sender struct {
	m       *peer
	feed    *feed
	payload codecs.H264Payloader
	video   uint16 // the next sequence numbers
	sound   uint16
	bits    atomic.Int64 // per second that may go out
	sent    atomic.Int64 // payload bytes since kbps last looked
	due     time.Time    // when what was written so far has gone, at that rate
}

func newSender(m *peer, f *feed) *sender {
	s := &sender{m: m, feed: f, video: uint16(rand.N(1 << 15)), sound: uint16(rand.N(1 << 15))} // RFC 3711 section 3.3.1: not close to the wrap
	layers, layer, _, _ := f.state()
	s.pace(0, kbpsOf(layers, layer))
	return s
}

// pace sets the rate, from what the way carries, or from what the layer has where that is not known.
func (s *sender) pace(usable, layer int) {
	if usable == 0 {
		usable = layer
	}
	s.bits.Store(int64(paceFactor * 1000 * float64(max(usable, leastPace))))
}

// kbps is what was sent since it was last asked, which is so long ago.
func (s *sender) kbps(since time.Duration) int {
	return int(s.sent.Swap(0) * 8 / max(since.Milliseconds(), 1))
}

// run writes until ctx ends or the connection is closed.
func (s *sender) run(ctx context.Context) error {
	for {
		select {
		case <-s.feed.ready:
		case <-ctx.Done():
			return nil
		}
		for ctx.Err() == nil {
			if err := s.sounds(); err != nil {
				return nil // closed: follow knows why
			}
			au, ok := s.feed.takePicture()
			if !ok {
				break
			}
			if err := s.picture(ctx, au); err != nil {
				return nil
			}
		}
	}
}

// sounds writes what sound there is: it is small, and nobody hears it late.
func (s *sender) sounds() error {
	for {
		p, ok := s.feed.takeSound()
		if !ok {
			return nil
		}
		if s.m.sound == nil {
			continue
		}
		s.sound++
		if err := s.write(s.m.sound, &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: s.sound, Timestamp: p.RTP}, Payload: p.Data}); err != nil {
			return err
		}
	}
}

func (s *sender) picture(ctx context.Context, au capture.AccessUnit) error {
	payloads := s.payload.Payload(maxPayload, au.Data)
	for i, b := range payloads {
		if err := s.wait(ctx, len(b)); err != nil {
			return err
		}
		s.video++
		p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: s.video, Timestamp: au.RTP, Marker: i == len(payloads)-1}, Payload: b}
		if err := s.write(s.m.video, p); err != nil {
			return err
		}
		if err := s.sounds(); err != nil {
			return err
		}
	}
	return nil
}

// wait holds a packet of n bytes back until those before it have gone.
func (s *sender) wait(ctx context.Context, n int) error {
	now := time.Now()
	if ahead := s.due.Sub(now); ahead > leastSleep {
		t := time.NewTimer(ahead)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	} else if ahead < 0 {
		s.due = now
	}
	s.due = s.due.Add(time.Duration(int64(n) * 8 * int64(time.Second) / s.bits.Load()))
	return nil
}

// write sends a packet. What the network does not take now is lost as if it were under way; only a closed connection is an error.
func (s *sender) write(to *webrtc.TrackLocalStaticRTP, p *rtp.Packet) error {
	s.sent.Add(int64(len(p.Payload)))
	if err := to.WriteRTP(p); errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	return nil
}
