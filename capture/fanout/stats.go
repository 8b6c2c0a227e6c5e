package fanout

import (
	"sync/atomic"
	"time"
)

// counters are the server's, written from several goroutines.
type counters struct {
	late, skipped, sendErrors               atomic.Uint64
	packets, bytes, calls                   atomic.Uint64
	nacks, resent, feedbackDropped          atomic.Uint64
	strays, stunBad, checks                 atomic.Uint64
	refused, failed, left, blocked, paused  atomic.Uint64
	keyframes, tooLarge, resendDenied, gone atomic.Uint64
}

// Stats are the server's counts since it was made.
type Stats struct {
	Viewers int // sessions, those still connecting included
	Playing int // of them, those that get pictures

	Packets   uint64 // RTP packets sent
	Bytes     uint64 // of UDP payload sent
	SendCalls uint64 // system calls that sent them
	Trains    bool   // whether the kernel cuts trains of packets apart

	Late     uint64 // pictures dropped because the sender was behind
	TooLarge uint64 // pictures dropped because they had no NAL units or were over 4 MiB
	Skipped  uint64 // times a viewer's ring was full and it skipped to the next key picture
	Paused   uint64 // times a viewer got no pictures because it was not heard of
	Blocked  uint64 // times the socket's buffer was full

	SendErrors      uint64 // messages the network stack refused
	Nacks           uint64 // packets asked for again
	Resent          uint64 // packets sent again
	ResendDenied    uint64 // packets asked for again beyond what a viewer, or all, may cost
	ResendGone      uint64 // packets asked for again that are not kept any more
	FeedbackDropped uint64 // reports dropped because the sender was behind
	Keyframes       uint64 // times a key picture was asked for

	Checks  uint64 // connectivity checks answered
	BadSTUN uint64 // STUN messages ignored: forged, for nobody, or malformed
	Strays  uint64 // other datagrams that were nobody's or could not be read

	Refused uint64 // viewers turned away because the house was full
	Failed  uint64 // sessions that ended before they got a picture
	Left    uint64 // sessions that ended after that
}

// Stats reads the server's counts.
func (s *Server) Stats() Stats {
	c := &s.count
	st := Stats{
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), SendCalls: c.calls.Load(), Trains: s.conn.Trains(),
		Late: c.late.Load(), TooLarge: c.tooLarge.Load(), Skipped: c.skipped.Load(), Paused: c.paused.Load(), Blocked: c.blocked.Load(),
		SendErrors: c.sendErrors.Load(), Nacks: c.nacks.Load(), Resent: c.resent.Load(),
		ResendDenied: c.resendDenied.Load(), ResendGone: c.gone.Load(), FeedbackDropped: c.feedbackDropped.Load(), Keyframes: c.keyframes.Load(),
		Checks: c.checks.Load(), BadSTUN: c.stunBad.Load(), Strays: c.strays.Load(),
		Refused: c.refused.Load(), Failed: c.failed.Load(), Left: c.left.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Viewers = len(s.viewers)
	for _, v := range s.viewers {
		if v.playing.Load() {
			st.Playing++
		}
	}
	return st
}

// viewerCounters are one viewer's.
type viewerCounters struct {
	packets, bytes             atomic.Uint64
	skipped, nacks, resent     atomic.Uint64
	messagesDropped            atomic.Uint64
	arrived, missing, estimate atomic.Uint64
	loss, jitter, layer        atomic.Uint32
	rtt                        atomic.Int64
}

// ViewerStats are one viewer's counts, and what it reports of its path.
type ViewerStats struct {
	Remote  string        // address and port it is reached at; empty: not yet
	Since   time.Duration // CLOCK_MONOTONIC, when it was accepted
	Playing bool
	Layer   uint8 // that it gets

	Packets, Bytes  uint64
	Skipped         uint64 // times it skipped to the next key picture
	Nacks, Resent   uint64 // packets it asked for again, and got
	MessagesDropped uint64 // messages it was too slow to take

	Loss     float64       // share of packets lost lately, 0 to 1 (RFC 3550 section 6.4.1)
	Jitter   time.Duration // RFC 3550 section 6.4.1
	RTT      time.Duration // round trip; 0: not known
	Arrived  uint64        // packets that transport-wide feedback says arrived
	Missing  uint64        // and did not; a packet sent again may be counted both ways
	Estimate uint64        // bit/s the viewer thinks its path takes (REMB); 0: not told
}

// Stats reads the viewer's counts.
func (v *Viewer) Stats() ViewerStats {
	c := &v.count
	st := ViewerStats{
		Since: v.since, Playing: v.playing.Load(), Layer: uint8(c.layer.Load()),
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), Skipped: c.skipped.Load(), Nacks: c.nacks.Load(), Resent: c.resent.Load(),
		MessagesDropped: c.messagesDropped.Load(),
		Loss:            float64(c.loss.Load()) / 256, Jitter: time.Duration(c.jitter.Load()) * time.Second / 90000,
		RTT: time.Duration(c.rtt.Load()), Arrived: c.arrived.Load(), Missing: c.missing.Load(), Estimate: c.estimate.Load(),
	}
	if r := v.remote.Load(); r != nil {
		st.Remote = r.AddrPort.String()
	}
	return st
}
