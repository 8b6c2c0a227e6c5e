// Package fanout serves one encoded stream to many WebRTC viewers from one UDP port, and over TCP those whose network lets no UDP
// through.
//
// A stream is packetised once. What a viewer needs of its own, a 12-byte header, an extension and a cipher, is put on
// as the packet is written into the batch that one system call hands to the kernel for all viewers. One goroutine does
// that and owns all sending state, one receives, one looks after time; a viewer adds those that DTLS and SCTP bring.
//
//	Sound ▶ sender: once to each who listens, in the same batch
//	Publish ▶ sender: packetise ▶ each viewer's ring ▶ header, SRTP ─┬▶ sendmmsg (trains) ──▶ viewers
//	                                                                 └▶ a connection's queue ▶ its writer ──▶ viewers over TCP
//	receiver ◀── recvmmsg: STUN (ICE-lite) · DTLS ▶ the viewer's session · SRTCP ▶ feedback ▶ sender
//	Stream ▶ a connection's reader: the same, framed
//
// The kit is an ICE-lite agent (RFC 8445 section 2.5), passive in TCP (RFC 6544), and the DTLS server (RFC 8842, setup:passive) with a certificate
// made at start. A viewer may bring one data channel, signals (RFC 8832), for whatever the caller says over it.
//
// Every queue is bounded. A viewer that cannot keep up skips to the next key picture; it harms nobody else.
package fanout

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/burst"
	"edgekit.internal/capture/fanout/internal/offer"
	"edgekit.internal/capture/fanout/internal/seal"
	"edgekit.internal/capture/fanout/internal/tcp"
)

// Cipher is a way to protect media, numbered as in DTLS's use_srtp extension (RFC 5764 section 4.1.2).
type Cipher = seal.Profile

// The ciphers there are.
const (
	GCM    = seal.AEADAES128GCM
	CMSHA1 = seal.AES128CMHMACSHA1
)

// Config says how to serve. Conn is required, the zero value of the rest is usable.
type Config struct {
	Conn *net.UDPConn // one socket for everybody, of either family or both; the caller closes it after Run
	Log  *slog.Logger

	// WantKeyframe is called when somebody waits for a key picture of a layer, at most once in 250 ms for each layer.
	// It must not block.
	WantKeyframe func(layer uint8)

	// SetBitrate is called when a layer is to be encoded to another rate than it has, in kbit/s, since the network carries
	// no more, or does again. It must not block.
	SetBitrate func(layer uint8, kbps int)

	// TCPPort is the port at which viewers may connect by TCP as well, whose connections come to Stream; 0: there is none. Pages use it
	// where UDP does not get through.
	TCPPort uint16

	MaxViewers int      // half-open ones included; 0: 64
	Ciphers    []Cipher // in order of preference; empty: the cheapest first, as measured

	Consent   time.Duration // without a connectivity check for so long a viewer is gone (RFC 7675 uses 30 s); 0: 15 s
	Handshake time.Duration // from Accept until the picture can flow; 0: 15 s
	Quiet     time.Duration // a viewer not heard of for so long gets no pictures until it is; 0: 5 s
}

// Reasons for which a viewer's session ends, as Options.OnClose gets them.
var (
	ErrClosed    = errors.New("fanout: closed by the kit")
	ErrSilent    = errors.New("fanout: the viewer has gone silent")
	ErrHandshake = errors.New("fanout: the viewer did not complete its connection")
	ErrLeft      = errors.New("fanout: the viewer left")
	ErrReplaced  = errors.New("fanout: the viewer has connected anew")
)

// Refusal says why an offer was not accepted, for people and for programs.
type Refusal = offer.Refusal

// Reasons of a Refusal.
const (
	Malformed              = offer.Malformed // it cannot be read, or lacks what WebRTC requires
	NoCodec                = offer.NoCodec   // it has no video the kit can send
	Full      offer.Reason = "full"          // all places are taken
)

// Server serves viewers. Make one with New; all methods are safe for concurrent use except as they say.
type Server struct {
	config  Config
	log     *slog.Logger
	conn    *burst.Conn
	cert    tls.Certificate
	printed string // the certificate's fingerprint, as in SDP
	clock   func() time.Duration

	pictures chan published
	sounds   chan capture.Sound
	commands chan func(*sender)
	feedback chan feedback
	drained  chan struct{} // capacity 1: a viewer's TCP connection has room again
	door     tcp.Door
	gap      [256]bool // layers of which a picture was dropped before the sender saw it; owned by Publish
	sps      atomic.Pointer[[]byte]

	mu       sync.Mutex
	state    state
	viewers  map[string]*Viewer         // by id
	byUfrag  map[string]*Viewer         // by each of its own ICE user fragments
	byAddr   map[netip.AddrPort]*Viewer // by addresses that have passed a check
	sessions sync.WaitGroup
	stopped  chan struct{} // closed when Run ends

	count counters
}

type state int

const (
	stateNew state = iota
	stateRunning
	stateStopped
)

// Queue bounds.
const (
	maxPictures = 16  // access units on their way to the sender
	maxSounds   = 16  // packets of sound on their way there
	maxCommands = 64  // joins, leaves and layer changes
	maxFeedback = 256 // RTCP reports on their way to the sender
)

// New checks a Config and makes a Server; Run starts it.
func New(c Config) (*Server, error) {
	if c.Conn == nil {
		return nil, errors.New("fanout: no socket: expected Config.Conn")
	}
	conn, err := burst.New(c.Conn)
	if err != nil {
		return nil, fmt.Errorf("fanout: %w", err)
	}
	cert, printed, err := selfSigned()
	if err != nil {
		return nil, fmt.Errorf("fanout: make certificate: %w", err)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.WantKeyframe == nil {
		c.WantKeyframe = func(uint8) {}
	}
	if c.SetBitrate == nil {
		c.SetBitrate = func(uint8, int) {}
	}
	c.MaxViewers = orDefault(c.MaxViewers, 64)
	c.Consent = orDefault(c.Consent, 15*time.Second)
	c.Handshake = orDefault(c.Handshake, 15*time.Second)
	c.Quiet = orDefault(c.Quiet, 5*time.Second)
	if len(c.Ciphers) == 0 {
		c.Ciphers = seal.Profiles()
	}
	for _, p := range c.Ciphers {
		if p != GCM && p != CMSHA1 {
			return nil, fmt.Errorf("fanout: cipher %#04x: expected fanout.GCM or fanout.CMSHA1", uint16(p))
		}
	}
	s := &Server{
		config: c, log: c.Log, conn: conn, cert: cert, printed: printed, clock: capture.Monotonic,
		pictures: make(chan published, maxPictures),
		sounds:   make(chan capture.Sound, maxSounds),
		commands: make(chan func(*sender), maxCommands),
		feedback: make(chan feedback, maxFeedback),
		viewers:  map[string]*Viewer{},
		byUfrag:  map[string]*Viewer{},
		byAddr:   map[netip.AddrPort]*Viewer{},
		drained:  make(chan struct{}, 1),
		stopped:  make(chan struct{}),
	}
	s.door.Drained = s.roomAgain
	return s, nil
}

// roomAgain wakes the sender: there is something for it to do with a viewer's connection.
func (s *Server) roomAgain() {
	select {
	case s.drained <- struct{}{}:
	default: // it is woken already
	}
}

func orDefault[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Run serves until ctx ends, then says goodbye to every viewer and returns nil. It can be called once.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	if s.state != stateNew {
		s.mu.Unlock()
		return errors.New("fanout: Run called twice")
	}
	s.state = stateRunning
	s.mu.Unlock()
	defer close(s.stopped)

	// The sender and the receiver outlive the sessions, which need them to leave in good order.
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.receive(work) })
	g.Go(func() error { return s.send(work) })
	g.Go(func() error { return s.watch(ctx) })
	g.Go(func() error {
		<-ctx.Done()
		s.mu.Lock()
		s.state = stateStopped
		for _, v := range s.viewers {
			v.cancel(ErrClosed)
		}
		s.mu.Unlock()
		s.sessions.Wait()
		s.door.Shut()
		stop()
		s.conn.Interrupt()
		return nil
	})
	if err := g.Wait(); err != nil {
		return fmt.Errorf("fanout: %w", err)
	}
	return nil
}

// SetLayers tells which layers there are. A viewer whose layer is gone is moved to the first that is left.
func (s *Server) SetLayers(layers []capture.Layer) {
	layers = slices.Clone(layers)
	s.command(func(x *sender) { x.setLayers(layers) })
}

// Publish hands over the next picture of a layer; one goroutine calls it. It never blocks: when the sender is more
// than 16 pictures behind, the picture is dropped and counted, and the layer goes on with its next key picture.
// The picture's Data must not be changed afterwards.
func (s *Server) Publish(au capture.AccessUnit) {
	select {
	case s.pictures <- published{au, s.gap[au.Layer]}:
		s.gap[au.Layer] = false
	default:
		s.gap[au.Layer] = true
		s.count.late.Add(1)
	}
}

// Sound hands over the next packet of sound; one goroutine calls it. It never blocks: when the sender is more than 16 packets behind, the packet
// is dropped and counted. The packet's Data must not be changed afterwards.
//
// A packet is sent once. What is lost on the way is in the one after it (Opus's in-band FEC), which comes sooner than it could be asked for.
func (s *Server) Sound(p capture.Sound) {
	select {
	case s.sounds <- p:
	default:
		s.count.soundLate.Add(1)
	}
}

// command hands a change of its state to the sender. It reports false when the server has stopped.
func (s *Server) command(f func(*sender)) bool {
	select {
	case s.commands <- f:
		return true
	case <-s.stopped:
		return false
	}
}

// watch lets go of viewers that are silent or never finish connecting.
func (s *Server) watch(ctx context.Context) error {
	tick := time.NewTicker(min(time.Second, s.config.Consent/4, s.config.Handshake/4))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.reap(s.clock())
		}
	}
}

// reap ends the sessions of those who are late at a given time.
func (s *Server) reap(now time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.viewers {
		switch {
		case !v.playing.Load() && now-v.since > s.config.Handshake:
			v.cancel(ErrHandshake)
		case v.playing.Load() && now-time.Duration(v.checked.Load()) > s.config.Consent:
			v.cancel(ErrSilent)
		}
	}
}

// Viewer finds a viewer by its id, or returns nil.
func (s *Server) Viewer(id string) *Viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viewers[id]
}
