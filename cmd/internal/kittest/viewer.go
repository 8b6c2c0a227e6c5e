package kittest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"edgekit.internal/cmd/internal/wire"
)

// Viewer is a phone that watches: pion's WebRTC in place of a browser's.
type Viewer struct {
	*Visitor // nil for a plain player
	Packets  atomic.Int64
	Pictures atomic.Int64 // markers seen
	Keys     atomic.Int64 // IDR pictures begun

	pc      *webrtc.PeerConnection
	channel *webrtc.DataChannel
	opened  chan struct{}

	mu       sync.Mutex
	offers   wire.Offers
	areas    wire.Areas
	outcomes map[string]wire.Outcome
	waiting  map[string]chan wire.Outcome
}

// Watch connects a visitor's player, with its signals, and waits until both play.
func Watch(v *Visitor) (*Viewer, error) {
	w, err := connect(v.Base, v)
	if err != nil {
		return nil, err
	}
	select {
	case <-w.opened:
		return w, nil
	case <-time.After(Limit):
		w.Close()
		return nil, errors.New("the data channel did not open")
	}
}

// WatchPlain connects a plain WHEP player: no session, no data channel.
func WatchPlain(base string) (*Viewer, error) { return connect(base, nil) }

// Watch is Watch for a new visitor, in a test.
func (k *Kit) Watch(t testing.TB) *Viewer {
	t.Helper()
	w, err := Watch(k.Visit(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func connect(base string, v *Visitor) (w *Viewer, err error) {
	w = &Viewer{Visitor: v, opened: make(chan struct{}), outcomes: map[string]wire.Outcome{}, waiting: map[string]chan wire.Outcome{}}
	defer func() {
		if err != nil && w.pc != nil {
			w.pc.Close()
		}
	}()
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	var m webrtc.MediaEngine
	if err = m.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	w.pc, err = webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(&m)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return nil, err
	}
	if _, err = w.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		return nil, err
	}
	w.pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { w.receive(t) })
	if v != nil {
		protocol := wire.Protocol
		if w.channel, err = w.pc.CreateDataChannel(wire.Channel, &webrtc.DataChannelInit{Protocol: &protocol}); err != nil {
			return nil, err
		}
		w.channel.OnOpen(sync.OnceFunc(func() { close(w.opened) }))
		w.channel.OnMessage(func(m webrtc.DataChannelMessage) { w.message(m.Data) })
	}
	offer, err := w.pc.CreateOffer(nil)
	if err != nil {
		return nil, err
	}
	gathered := webrtc.GatheringCompletePromise(w.pc)
	if err = w.pc.SetLocalDescription(offer); err != nil {
		return nil, err
	}
	<-gathered
	client := http.DefaultClient
	if v != nil {
		client = v.Client
	}
	res, err := client.Post(base+"/whep", "application/sdp", strings.NewReader(w.pc.LocalDescription().SDP))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("whep: %s: %s %w", res.Status, answer, err)
	}
	return w, w.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)})
}

// receive counts packets and pictures; nothing is decoded.
func (w *Viewer) receive(t *webrtc.TrackRemote) {
	for {
		p, _, err := t.ReadRTP()
		if err != nil {
			return
		}
		w.Packets.Add(1)
		if p.Marker {
			w.Pictures.Add(1)
		}
		if startsKey(p) {
			w.Keys.Add(1)
		}
	}
}

// startsKey tells whether a packet begins an IDR picture: alone, first fragment, or behind its parameter sets (RFC 6184
// sections 5.6 to 5.8).
func startsKey(p *rtp.Packet) bool {
	b := p.Payload
	if len(b) < 2 {
		return false
	}
	switch b[0] & 0x1f {
	case 5, 7:
		return true
	case 24: // STAP-A; the first unit in it
		return len(b) > 3 && (b[3]&0x1f == 7 || b[3]&0x1f == 5)
	case 28: // FU-A
		return false // its parameter sets, in front of it, were counted
	}
	return false
}

func (w *Viewer) message(b []byte) {
	var kind struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(b, &kind) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch kind.Type {
	case wire.TypeOffers:
		json.Unmarshal(b, &w.offers)
	case wire.TypeAreas:
		json.Unmarshal(b, &w.areas)
	case wire.TypeOutcome:
		var o wire.Outcome
		if json.Unmarshal(b, &o) != nil {
			return
		}
		w.outcomes[o.ID] = o
		if c := w.waiting[o.ID]; c != nil {
			delete(w.waiting, o.ID)
			c <- o
		}
	}
}

// Prompt is an offer that can be bought, as last pushed to this viewer.
func (w *Viewer) Prompt(id string) (wire.Offer, bool) {
	o, ok := w.Shown(id)
	return o, ok && o.Token != ""
}

// Shown is an offer as last pushed to this viewer.
func (w *Viewer) Shown(id string) (wire.Offer, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.offers.Offers {
		if o.ID == id {
			return o, true
		}
	}
	return wire.Offer{}, false
}

// Areas is where prompts were last said to be.
func (w *Viewer) Areas() wire.Areas {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.areas
}

// TapSignal sends a tap on the data channel, and waits for its outcome.
func (w *Viewer) TapSignal(id, offer, token string) (wire.Outcome, error) {
	c := make(chan wire.Outcome, 1)
	w.mu.Lock()
	w.waiting[id] = c
	w.mu.Unlock()
	b, err := json.Marshal(wire.Tap{Type: wire.TypeTap, ID: id, Offer: offer, Token: token})
	if err != nil {
		return wire.Outcome{}, err
	}
	if err := w.channel.SendText(string(b)); err != nil {
		return wire.Outcome{}, err
	}
	select {
	case o := <-c:
		return o, nil
	case <-time.After(Limit):
		return wire.Outcome{}, fmt.Errorf("no outcome of tap %s in %v", id, Limit)
	}
}

// SendRaw sends any bytes on the data channel.
func (w *Viewer) SendRaw(b []byte) error { return w.channel.SendText(string(b)) }

// Close hangs up.
func (w *Viewer) Close() { w.pc.Close() }
