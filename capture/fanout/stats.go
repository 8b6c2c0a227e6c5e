package fanout

import (
	"sync/atomic"
	"time"

	"edgekit.internal/capture/fanout/internal/air"
)

// counters are the server's, written from several goroutines.
type counters struct {
	late, skipped, sendErrors               atomic.Uint64
	packets, bytes, calls                   atomic.Uint64
	nacks, resent, feedbackDropped          atomic.Uint64
	strays, stunBad, checks                 atomic.Uint64
	refused, failed, left, blocked, paused  atomic.Uint64
	keyframes, tooLarge, resendDenied, gone atomic.Uint64
	sounds, soundLate                       atomic.Uint64
	unsent, unproved                        atomic.Uint64

	carries, percent atomic.Uint32 // see Stats; percent is 100 less the share
	tight            atomic.Bool
}

// tell takes note of how the network is shared.
func (c *counters) tell(g *air.Governor, scale float64) {
	kbps, tight := g.Allows()
	c.carries.Store(uint32(kbps))
	c.percent.Store(100 - uint32(100*scale))
	c.tight.Store(tight)
}

// Stats are the server's counts since it was made.
type Stats struct {
	Tight   bool    // the network carries less than all could have: some have smaller layers, or all have fewer bits
	Carries int     // kbit/s that it is reckoned to carry then; where it is Wi-Fi, to the nearest phone
	Share   float64 // of their rates that all layers are encoded to

	Viewers int // sessions, those still connecting included
	Playing int // of them, those that have connected
	Away    int // of those, the ones that were not heard of for 15 s
	OverTCP int // and those that get pictures by TCP

	Packets   uint64 // RTP packets sent
	Bytes     uint64 // of them, as in UDP's payload
	SendCalls uint64 // system calls that sent them
	Trains    bool   // whether the kernel cuts trains of packets apart

	Sounds    uint64 // packets of sound sent, which are not in Packets
	SoundLate uint64 // packets of sound dropped because the sender was behind, or the socket's buffer full

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

	Unsent   uint64 // datagrams other than pictures dropped because a viewer's TCP connection was full, or gone
	Stalled  uint64 // TCP connections given up because the viewer took nothing for two seconds
	Unproved uint64 // TCP connections closed because something else than a viewer's connectivity check came first
	Crowded  uint64 // TCP connections closed because too many had not said yet whose they are

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
		Tight: c.tight.Load(), Carries: int(c.carries.Load()), Share: 1 - float64(c.percent.Load())/100,
		Packets: c.packets.Load(), Bytes: c.bytes.Load(), SendCalls: c.calls.Load(), Trains: s.conn.Trains(),
		Sounds: c.sounds.Load(), SoundLate: c.soundLate.Load(),
		Late: c.late.Load(), TooLarge: c.tooLarge.Load(), Skipped: c.skipped.Load(), Paused: c.paused.Load(), Blocked: c.blocked.Load(),
		SendErrors: c.sendErrors.Load(), Nacks: c.nacks.Load(), Resent: c.resent.Load(),
		ResendDenied: c.resendDenied.Load(), ResendGone: c.gone.Load(), FeedbackDropped: c.feedbackDropped.Load(), Keyframes: c.keyframes.Load(),
		Checks: c.checks.Load(), BadSTUN: c.stunBad.Load(), Strays: c.strays.Load(),
		Unsent: c.unsent.Load(), Stalled: s.door.Stalled(), Unproved: c.unproved.Load(), Crowded: s.door.Crowded(),
		Refused: c.refused.Load(), Failed: c.failed.Load(), Left: c.left.Load(),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Viewers = len(s.viewers)
	now := s.clock()
	for _, v := range s.viewers {
		if v.playing.Load() {
			st.Playing++
			if v.remote.Load().overTCP() != nil {
				st.OverTCP++
			}
		}
		if v.away(now) {
			st.Away++
		}
	}
	return st
}

// viewerCounters are one viewer's.
type viewerCounters struct {
	packets, bytes         atomic.Uint64
	skipped, nacks, resent atomic.Uint64
	lacking                atomic.Uint64 // packets asked for, each once
	messagesDropped        atomic.Uint64
	estimate               atomic.Uint64
	loss, jitter, layer    atomic.Uint32
	rtt                    atomic.Int64
}

// ViewerStats are one viewer's counts, and what it reports of its path.
type ViewerStats struct {
	Remote  string        // address and port it is reached at; empty: not yet
	TCP     bool          // and whether by TCP
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
		RTT: time.Duration(c.rtt.Load()), Estimate: c.estimate.Load(),
	}
	all := v.path.Totals()
	st.Arrived, st.Missing = all.Arrived, all.Missing
	if r := v.remote.Load(); r != nil {
		st.Remote, st.TCP = r.addr.String(), r.tcp != nil
	}
	return st
}
