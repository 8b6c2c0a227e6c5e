package push

import (
	"errors"
	"io"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// maxGarbled bounds reports in a row that cannot be read: to a server that sends nothing else it is not listened to any more.
const maxGarbled = 100

// hearing is what the server says of the stream that it gets.
type hearing struct {
	mu       sync.Mutex
	arrived  int     // packets, by transport-wide feedback, since it was last looked at
	missing  int     // and those that did not
	loss     float64 // by the latest receiver report of the video
	remb     int     // kbit/s, by the latest of the receiver's own estimates
	feedback bool    // there was transport-wide feedback, ever
}

// listen reads a sender's RTCP until the connection is closed.
func (h *hearing) listen(s *webrtc.RTPSender, video bool, key func()) {
	for garbled := 0; garbled < maxGarbled; {
		packets, _, err := s.ReadRTCP()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			return
		case err != nil:
			garbled++
			continue
		}
		garbled = 0
		for _, p := range packets {
			h.take(p, video, key)
		}
	}
}

func (h *hearing) take(p rtcp.Packet, video bool, key func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch p := p.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		if video {
			key()
		}
	case *rtcp.TransportLayerCC:
		h.feedback = true
		arrived := min(len(p.RecvDeltas), int(p.PacketStatusCount))
		h.arrived += arrived
		h.missing += int(p.PacketStatusCount) - arrived
	case *rtcp.ReceiverEstimatedMaximumBitrate:
		h.remb = int(min(max(p.Bitrate/1000, 1), 1e6))
	case *rtcp.ReceiverReport:
		if video && len(p.Reports) > 0 {
			h.loss = float64(p.Reports[0].FractionLost) / 256
		}
	}
}

// way is what was heard since it was last asked for. The receiver's own estimate counts where there is no other.
func (h *hearing) way(m *peer) (w way) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.loss = h.loss
	if all := h.arrived + h.missing; all > 0 {
		w.loss = float64(h.missing) / float64(all)
	}
	h.arrived, h.missing = 0, 0
	switch {
	case h.feedback && m.estimate != nil:
		w.usable = m.estimate.GetTargetBitrate() / 1000
	case h.remb > 0:
		w.usable = h.remb
	}
	if pair, ok := m.senders[0].Transport().ICETransport().GetSelectedCandidatePairStats(); ok {
		w.rtt = time.Duration(pair.CurrentRoundTripTime * float64(time.Second))
	}
	return w
}
