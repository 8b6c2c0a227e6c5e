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

	"edgekit.internal/capture/fanout/internal/burst"
	"edgekit.internal/capture/fanout/internal/offer"
)

// Options say how one viewer is served. The callbacks of a viewer are called one at a time, OnClose last and once;
// while one runs, that viewer's messages wait, and nobody else's.
type Options struct {
	// Hosts are the kit's addresses as the viewer can reach them, for the answer's candidates. At least one.
	Hosts []netip.Addr

	Layer uint8 // to start with; one that does not exist means the first there is

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
	pipe    *pipe // datagrams of DTLS, from the receiver to the session

	remote  atomic.Pointer[burst.Addr]
	checked atomic.Int64 // ns, when the last valid connectivity check came
	heard   atomic.Int64 // ns, when anything valid came
	current atomic.Int64 // ns, when anything came from the address in use
	playing atomic.Bool  // DTLS is up
	rtcpIn  atomic.Pointer[srtp.Context]

	out   outbox
	track track // owned by the sender
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
		reached: make(chan struct{}), pipe: newPipe(s.conn),
	}
	v.pipe.to = &v.remote
	v.ctx, v.cancel = context.WithCancelCause(context.Background())
	v.ice.local, v.ice.remoteUfrag = newCredentials(), o.Ufrag
	v.track.ssrc = binary.BigEndian.Uint32(b[16:])
	v.track.next = uint64(binary.BigEndian.Uint16(b[20:]) & 0x7FFF) // RFC 3711 section 3.3.1: not close to the wrap
	v.track.start = v.track.next
	v.track.want = opt.Layer
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
		SSRC: v.track.ssrc, CNAME: cname, MaxMessage: MaxMessage, Port: s.conn.LocalPort(),
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
