package fanout

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/datachannel"
	"github.com/pion/srtp/v3"

	"edgekit.internal/capture/fanout/internal/offer"
	"edgekit.internal/capture/fanout/internal/path"
	"edgekit.internal/capture/fanout/internal/pipe"
	"edgekit.internal/capture/fanout/internal/voice"
)

// Options say how one viewer is served. The callbacks of a viewer are called one at a time, OnClose last and once;
// while one runs, that viewer's messages wait, and nobody else's.
type Options struct {
	// Hosts are the kit's addresses as the viewer can reach them, for the answer's candidates. At least one.
	Hosts []netip.Addr

	Layer uint8 // to start with; one that does not exist means the first there is

	Silent bool // no sound is sent until SetSound asks for it

	// Owner is whose connection this is, and Places how many those of one owner may be at once; 0: no bound but the
	// server's. One more ends the owner's oldest, as a phone that comes back means it to; where Owner is empty, which is
	// anybody, it is refused.
	Owner  string
	Places int

	// From is where the viewer's request came from. When all places are taken, the one with the most connections loses its
	// oldest to any that has fewer, so that one phone keeps nobody out.
	From string

	OnChannel func(*Viewer)               // the data channel signals is open
	OnMessage func(v *Viewer, msg []byte) // a message of at most MaxMessage bytes, good until it returns
	OnClose   func(reason error)
}

// Limits of the data channel.
const (
	MaxMessage = 16 << 10 // bytes of one message, either way
	maxQueued  = 64       // messages that wait for the viewer to take them
)

// Viewer is one peer connection. Its methods are safe for concurrent use.
type Viewer struct {
	id      string
	etag    atomic.Uint64 // rises with every ICE restart
	server  *Server
	options Options
	offer   offer.Offer
	since   time.Duration // when it was accepted

	ctx    context.Context
	cancel context.CancelCauseFunc

	ice     iceState // owned by Server.mu
	reached chan struct{}
	pipe    *pipe.Pipe // datagrams of DTLS, from the receiver to the session

	remote  atomic.Pointer[remote]
	checked atomic.Int64 // ns, when the last valid connectivity check came
	heard   atomic.Int64 // ns, when anything valid came
	current atomic.Int64 // ns, when anything came from the address in use
	due     atomic.Int64 // ns, when there last was a picture for it, to be sent unless it is silent
	playing atomic.Bool  // DTLS is up
	rtcpIn  atomic.Pointer[srtp.Context]

	reports sync.Mutex // reports may come on several ways at once; it guards what rtcpIn points to, and the two below
	latest  uint16     // packet that it asked for, if it ever lacked one
	lacked  bool

	out   outbox
	track track // owned by the sender
	path  path.Path
	voice voice.Voice // the same, but for its SSRC
	count viewerCounters
}

// outbox holds messages for the data channel until it is open and has room.
type outbox struct {
	mu      sync.Mutex
	channel *datachannel.DataChannel
	ring    [][]byte
	closed  bool
}

// newViewer makes a viewer with identifiers nobody can guess.
func (s *Server) newViewer(o offer.Offer, opt Options) *Viewer {
	var b [24]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	v := &Viewer{
		id: base64.RawURLEncoding.EncodeToString(b[:16]), server: s, options: opt, offer: o, since: s.clock(),
		reached: make(chan struct{}),
	}
	v.pipe = pipe.New(v.send)
	v.ctx, v.cancel = context.WithCancelCause(context.Background())
	v.ice.local, v.ice.remoteUfrag = newCredentials(), o.Ufrag
	v.track.ssrc = binary.BigEndian.Uint32(b[16:])
	v.track.next = uint64(binary.BigEndian.Uint16(b[20:]) & 0x7FFF) // RFC 3711 section 3.3.1: not close to the wrap
	v.track.start = v.track.next
	v.track.want = opt.Layer
	v.voice = voice.New(v.track.ssrc, !opt.Silent)
	return v
}

// Accept answers an SDP offer of at most 64 KiB. The viewer then has Config.Handshake to connect. It refuses with a
// *Refusal when the offer cannot be served, and with ErrClosed when the server has stopped.
func (s *Server) Accept(offerSDP string, opt Options) (v *Viewer, answerSDP string, err error) {
	o, err := offer.Parse(offerSDP)
	if err != nil {
		return nil, "", err
	}
	v = s.newViewer(o, opt)
	if len(opt.Hosts) == 0 {
		return nil, "", errors.New("fanout: accept: no address of the kit to name; expected Options.Hosts")
	}
	answerSDP = v.offer.Answer(v.answer(v.ice.local))
	if err := s.admit(v); err != nil {
		return nil, "", err
	}
	return v, answerSDP, nil
}

// ID names the viewer for as long as it lives. It cannot be guessed: who knows it may end or restart the session.
func (v *Viewer) ID() string { return v.id }

// Close ends the session; OnClose gets ErrClosed.
func (v *Viewer) Close() { v.cancel(ErrClosed) }

// Done is closed when the session is about to end.
func (v *Viewer) Done() <-chan struct{} { return v.ctx.Done() }

// SetLayer asks for another layer, which is then the caller's choice and no longer the path's. The viewer goes on with
// what it has until the next key picture of the new one, which is asked for; a layer that does not exist changes nothing.
func (v *Viewer) SetLayer(id uint8) {
	v.server.command(func(x *sender) { x.setLayer(v, id) })
}

// SetSound has sound sent to a viewer whose player takes it, or no more. Where nobody listens, none is worth the air: fifty small packets a second are
// more to a radio than their bytes. And a player shows a picture that has no sound beside it sooner, as it waits for none.
func (v *Viewer) SetSound(on bool) {
	v.server.command(func(*sender) { v.voice.Turn(on) })
}

// Send queues a message of at most MaxMessage bytes, text as in JSON, for the data channel; msg must not be changed
// afterwards. Up to 64 messages wait, before the channel opens as well; then the oldest is dropped and counted. It
// reports false when the message is too large or the session has ended.
func (v *Viewer) Send(msg []byte) bool {
	if len(msg) > min(MaxMessage, v.offer.MaxMessage) {
		return false
	}
	o := &v.out
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return false
	}
	if len(o.ring) >= maxQueued {
		o.ring[0] = nil
		o.ring = o.ring[1:]
		v.count.messagesDropped.Add(1)
	}
	o.ring = append(o.ring, msg)
	o.drain()
	return true
}

// drain hands over what the channel has room for; o.mu is held.
func (o *outbox) drain() {
	for o.channel != nil && len(o.ring) > 0 && o.channel.BufferedAmount() < channelRoom {
		if _, err := o.channel.WriteDataChannel(o.ring[0], true); err != nil {
			o.close() // the association has ended, and the session with it
			return
		}
		o.ring[0] = nil
		o.ring = o.ring[1:]
	}
	if len(o.ring) == 0 {
		o.ring = nil
	}
}

// open connects the outbox to its channel.
func (o *outbox) open(c *datachannel.DataChannel) {
	c.SetBufferedAmountLowThreshold(channelRoom / 2)
	c.OnBufferedAmountLow(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.drain()
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	o.channel = c
	o.drain()
}

// close drops what waits; o.mu is held.
func (o *outbox) close() { o.channel, o.ring, o.closed = nil, nil, true }

// channelRoom is how many bytes may be under way in SCTP before messages wait in the outbox.
const channelRoom = 32 << 10

// answer is what the kit says of itself to this viewer.
func (v *Viewer) answer(c credentials) offer.Answer {
	s := v.server
	a := offer.Answer{
		Ufrag: c.ufrag, Pwd: c.pwd, Fingerprint: s.printed, Version: v.etag.Load() + 1,
		SSRC: v.track.ssrc, SoundSSRC: v.voice.SSRC, CNAME: cname, MaxMessage: MaxMessage, Port: s.conn.LocalPort(), TCPPort: s.config.TCPPort,
	}
	if sps := s.sps.Load(); sps != nil {
		a.SPS = *sps
	}
	for _, h := range v.options.Hosts {
		if s.conn.Reaches(h) {
			a.Hosts = append(a.Hosts, h)
		}
	}
	return a
}

// Restart begins an ICE restart (RFC 8445 section 9): the page's new ICE user fragment and password come in an SDP
// offer or in the fragment of one that WHEP sends, and the answer is of the same kind, with the kit's new ones. What
// is connected stays connected; the old credentials hold until the page uses the new. It refuses with a *Refusal what
// it cannot read or what belongs to another connection, and answers ErrClosed when the session has ended.
func (v *Viewer) Restart(offerOrFragment string) (answer string, err error) {
	if len(offerOrFragment) > offer.MaxLen {
		return "", offer.Refuse(Malformed, "the description has %d bytes, expected at most %d", len(offerOrFragment), offer.MaxLen)
	}
	if !strings.HasPrefix(offerOrFragment, "v=") {
		ufrag, err := offer.ParseFragment(offerOrFragment)
		if err != nil {
			return "", err
		}
		c, err := v.server.restart(v, ufrag)
		if err != nil {
			return "", err
		}
		v.etag.Add(1)
		return v.offer.Fragment(v.answer(c)), nil
	}
	o, err := offer.Parse(offerOrFragment)
	if err != nil {
		return "", err
	}
	// What was negotiated stays, down to the packets that may be sent again: a re-offer may list its codecs differently.
	had := &v.offer
	same := slices.EqualFunc(o.Media, had.Media, func(a, b offer.Section) bool { return a.Kind == b.Kind && a.Mid == b.Mid && a.Accepted == b.Accepted })
	if !same || o.Hash != had.Hash || !bytes.Equal(o.Fingerprint, had.Fingerprint) {
		return "", offer.Refuse(Malformed, "the offer has other sections or another certificate than the first; expected an ICE restart of the same connection")
	}
	c, err := v.server.restart(v, o.Ufrag)
	if err != nil {
		return "", err
	}
	v.etag.Add(1)
	return v.offer.Answer(v.answer(c)), nil
}

// tag is the entity tag of the ICE session, as WHEP uses it: it changes with every restart.
func (v *Viewer) tag() string { return fmt.Sprintf(`"%s-%d"`, v.id[:8], v.etag.Load()+1) }

// admit adds a viewer, unless the house is full.
func (s *Server) admit(v *Viewer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state == stateStopped:
		return ErrClosed
	case len(s.viewers) >= s.config.MaxViewers && !s.evict(v.options.From):
		s.count.refused.Add(1)
		return offer.Refuse(Full, "all %d places are taken; try again in a moment", s.config.MaxViewers)
	}
	if err := s.place(v.options); err != nil {
		s.count.refused.Add(1)
		return err
	}
	s.viewers[v.id] = v
	s.byUfrag[v.ice.local.ufrag] = v
	s.sessions.Go(v.run)
	return nil
}

// away is how long a viewer may be silent until its place is anybody's who needs one.
const away = 15 * time.Second

// away says whether a viewer has been silent for so long.
func (v *Viewer) away(now time.Duration) bool {
	return v.playing.Load() && now-time.Duration(v.heard.Load()) > away
}

// evict ends the connection of one who has been silent for long; else the oldest of whoever has the most, if that is at least two more
// than the newcomer has. Those whose end is on its way count no more; there may for a moment be more viewers than places.
func (s *Server) evict(newcomer string) bool {
	oldest, count := map[string]*Viewer{}, map[string]int{}
	most := ""
	now := s.clock()
	for _, v := range s.viewers {
		from := v.options.From
		if v.ctx.Err() != nil {
			continue
		}
		if v.away(now) {
			v.cancel(ErrSilent)
			return true
		}
		if o := oldest[from]; o == nil || v.since < o.since {
			oldest[from] = v
		}
		if count[from]++; count[from] > count[most] {
			most = from
		}
	}
	if count[most] < count[newcomer]+2 {
		return false
	}
	oldest[most].cancel(ErrReplaced)
	return true
}

// place makes room among the connections of one owner.
func (s *Server) place(o Options) error {
	var oldest *Viewer
	n, now := 0, s.clock()
	for _, other := range s.viewers {
		if other.options.Owner != o.Owner || other.ctx.Err() != nil || o.Owner == "" && other.away(now) {
			continue
		}
		if n++; oldest == nil || other.since < oldest.since {
			oldest = other
		}
	}
	switch {
	case o.Places == 0 || n < o.Places:
	case o.Owner == "":
		return offer.Refuse(Full, "all %d places for players without a session are taken; open the page instead", o.Places)
	default:
		oldest.cancel(ErrReplaced)
	}
	return nil
}

// dismiss forgets a viewer.
func (s *Server) dismiss(v *Viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.viewers, v.id)
	for _, c := range []credentials{v.ice.local, v.ice.next} {
		if s.byUfrag[c.ufrag] == v {
			delete(s.byUfrag, c.ufrag)
		}
	}
	for _, a := range v.ice.addrs {
		if s.byAddr[a] == v {
			delete(s.byAddr, a)
		}
	}
	for _, c := range v.ice.conns {
		c.Close()
	}
}
