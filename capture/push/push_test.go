package push

import (
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"edgekit.internal/capture"
)

// The server gets every picture as the camera gave it, from a key picture on, with its timestamp; sound beside it; candidates; and a
// goodbye.
func TestTheServerGetsTheStream(t *testing.T) {
	w := newServer(t, serverConfig{feedback: true, audio: true})
	s := newStall(t, Config{URL: w.web.URL + "/whip?key=k3y", Token: secret})
	s.film(t)
	s.Sound(capture.Sound{RTP: 0, Data: []byte{0xF8, 1}})
	first := s.picture(t, w)
	if first.data[4]&31 != 7 || layerOf(first) != 1 {
		t.Fatalf("the first picture is of layer %d and begins with NAL type %d, expected a key picture of the layer that the way surely carries", layerOf(first), first.data[4]&31)
	}
	for last := first.ts; last < first.ts+60*3000; {
		p := s.picture(t, w)
		if p.ts != last+3000 {
			t.Fatalf("after picture %d came %d", last, p.ts)
		}
		last = p.ts
	}
	is := s.until(t, "there is a figure of each kind", func(is Status) bool { return is.State == Live && is.Kbps > 0 && is.RTT > 0 && is.Usable > 0 })
	if is.Layer != 1 || is.Loss != 0 || !is.Sound || is.Dropped != 0 {
		t.Errorf("%+v", is)
	}
	for i := range uint32(20) {
		s.Sound(capture.Sound{RTP: 960 * (i + 1), Data: []byte{0xF8, byte(i)}})
		if p := wait(t, w.sounds, "sound"); len(p.Payload) != 2 {
			t.Fatalf("%v", p)
		}
	}
	t.Logf("%+v", is)
	s.stop()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deleted == 0 || len(w.sessions) != 0 {
		t.Errorf("%d sessions are left after %d goodbyes", len(w.sessions), w.deleted)
	}
	if len(w.patched) == 0 {
		t.Error("no candidates were told")
	}
	if is := s.Status(); is.State != Off {
		t.Errorf("%+v", is)
	}
}

// A way that narrows gets the small layer, and the large one again when it is wide.
func TestTheLayerFollowsWhatTheServerReports(t *testing.T) {
	for _, c := range []struct {
		name     string
		feedback bool
	}{{"transport-wide feedback", true}, {"loss alone", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newServer(t, serverConfig{feedback: c.feedback})
			s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret, Start: 3000})
			s.film(t)
			if p := s.picture(t, w); layerOf(p) != 0 {
				t.Fatalf("begins with layer %d", layerOf(p))
			}
			w.conn.kbps.Store(1000)
			for layerOf(s.whole(t, w)) != 1 {
			}
			t.Logf("narrow: %+v", s.Status())
			w.conn.kbps.Store(0)
			for layerOf(s.whole(t, w)) != 0 {
			}
			t.Logf("wide: %+v", s.Status())
		})
	}
}

// The receiver's own estimate counts where the server has no other.
func TestTheLayerFollowsTheServersEstimate(t *testing.T) {
	t.Parallel()
	w := newServer(t, serverConfig{})
	s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret, Start: 3000})
	s.film(t)
	for p := s.picture(t, w); layerOf(p) != 1; p = s.picture(t, w) {
		if err := p.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 900_000, SSRCs: []uint32{uint32(p.ssrc)}}}); err != nil {
			t.Fatal(err)
		}
	}
	if is := s.Status(); is.Usable != 900 {
		t.Errorf("%+v", is)
	}
}

// A server asks for a key picture, and gets one soon.
func TestTheServerGetsKeyPicturesThatItAsksFor(t *testing.T) {
	w := newServer(t, serverConfig{})
	s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret})
	s.film(t)
	p := s.picture(t, w)
	for p.data[4]&31 == 7 {
		p = s.picture(t, w)
	}
	if err := p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(p.ssrc)}}); err != nil {
		t.Fatal(err)
	}
	for p.data[4]&31 != 7 {
		p = s.picture(t, w)
	}
}

// A server that stops, and one that goes without a word, are found out, and get the stream again when they are back.
func TestTheStreamComesBack(t *testing.T) {
	for _, c := range []struct {
		name string
		goes func(w *whipServer)
		back func(w *whipServer)
		says string
	}{
		{"the server stops", func(w *whipServer) {
			w.instead(func(rw http.ResponseWriter, _ *http.Request) bool { rw.WriteHeader(502); return true })
			w.hangUp()
		}, func(w *whipServer) { w.instead(nil) }, "ended the stream"},
		{"the way is dead", func(w *whipServer) { w.conn.dead.Store(true) }, func(w *whipServer) { w.conn.dead.Store(false) }, "broke off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newServer(t, serverConfig{feedback: true})
			s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret})
			s.film(t)
			first := s.picture(t, w)
			gone := time.Now()
			c.goes(w)
			is := s.until(t, "it is found out", func(is Status) bool { return is.State == Waiting })
			t.Logf("found out after %v: %s", time.Since(gone).Round(time.Millisecond), is.Reason)
			if !strings.Contains(is.Reason, c.says) {
				t.Errorf("%+v, expected %q", is, c.says)
			}
			c.back(w)
			for {
				p := s.picture(t, w)
				if p.pc != first.pc {
					if p.data[4]&31 != 7 {
						t.Error("goes on with a picture that cannot be decoded")
					}
					break
				}
			}
		})
	}
}

// Sound that comes while the stream is live is in it soon, and a server that takes none still gets the picture.
func TestSoundThatComesLater(t *testing.T) {
	w := newServer(t, serverConfig{})
	s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret})
	s.film(t)
	s.picture(t, w)
	if s.Status().Sound {
		t.Fatal("there is no sound yet")
	}
	for len(w.sounds) == 0 {
		s.Sound(capture.Sound{RTP: capture.SoundTimestamp(capture.Monotonic()), Data: []byte{0xF8, 1, 2}})
		s.picture(t, w)
	}
}

// Off, the server is told, and nothing is sent; on, it goes on.
func TestItIsSwitchedOffAndOn(t *testing.T) {
	w := newServer(t, serverConfig{})
	s := newStall(t, Config{URL: w.web.URL + "/whip", Token: secret, Off: true})
	s.film(t)
	if is := s.Status(); is.State != Off {
		t.Fatalf("%+v", is)
	}
	for range 3 {
		s.Set(true)
		s.picture(t, w)
		s.Set(false)
		s.until(t, "it is off", func(is Status) bool { return is.State == Off })
		for len(w.pictures) > 0 {
			<-w.pictures
		}
		w.mu.Lock()
		if len(w.sessions) != 0 {
			t.Errorf("%d sessions are left", len(w.sessions))
		}
		w.mu.Unlock()
	}
	if got := s.Status(); got.Lives != 3 {
		t.Errorf("%+v", got)
	}
}

// reconnects is how often a server goes away under TestNothingIsLeftOfAThousandReconnects.
const reconnects = 1000

// A server that comes and goes all day leaves no goroutine and no socket behind. Every tenth connection is a whole one, with
// pictures; the others are refused, or end after the answer.
func TestNothingIsLeftOfAThousandReconnects(t *testing.T) {
	w := newServer(t, serverConfig{})
	p, err := New(Config{URL: w.web.URL + "/whip", Token: secret})
	if err != nil {
		t.Fatal(err)
	}
	p.SetLayers(twoLayers)
	ends := make(chan struct{})
	var once sync.Once
	stop := func() { once.Do(func() { close(ends) }) }
	defer stop()
	go func() {
		for i := uint32(0); ; i++ {
			select {
			case <-ends:
				return
			case pc := <-w.opened:
				go func() { // lets one picture through
					select {
					case <-w.pictures:
					case <-ends:
					}
					pc.Close()
				}()
			default:
				p.Picture(unit(1, i, true, 500))
				time.Sleep(time.Millisecond)
			}
		}
	}()
	files := func() int {
		all, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	var before, goroutines int
	for i := range reconnects {
		if i%10 != 0 {
			w.instead(func(rw http.ResponseWriter, r *http.Request) bool {
				rw.WriteHeader(400 + i%5)
				return true
			})
		} else {
			w.instead(nil)
		}
		p.attempt(t.Context())
		if i == 50 {
			before, goroutines = files(), runtime.NumGoroutine()
		}
	}
	p.server.client.CloseIdleConnections()
	for end := time.Now().Add(patience); files() > before || runtime.NumGoroutine() > goroutines+5; {
		if time.Now().After(end) {
			t.Fatalf("%d files and %d goroutines, after 50 connections there were %d and %d", files(), runtime.NumGoroutine(), before, goroutines)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if is := p.Status(); is.Lives < reconnects/20 { // some end before they begin
		t.Errorf("%+v", is)
	}
	t.Logf("files %d, goroutines %d, as after 50", before, goroutines)
}

// FuzzAnswer: whatever a server answers, the kit lives on.
func FuzzAnswer(f *testing.F) {
	f.Add("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=ice-lite\r\nm=video 9 UDP/TLS/RTP/SAVPF 106\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\n" +
		"a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 " + strings.TrimSuffix(strings.Repeat("AB:", 32), ":") + "\r\na=setup:passive\r\na=rtcp-mux\r\na=recvonly\r\n" +
		"a=rtpmap:106 H264/90000\r\na=rtcp-fb:106 transport-cc\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		if takes(answer, 1) != nil {
			return
		}
		m, err := newPeer(1000, false, true)
		if err != nil {
			t.Fatal(err)
		}
		defer m.pc.Close()
		offer, err := m.pc.CreateOffer(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.pc.SetLocalDescription(offer); err != nil {
			t.Fatal(err)
		}
		_ = m.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}) // refused or not
	})
}

// FuzzReports: whatever a server reports, the figures stay figures.
func FuzzReports(f *testing.F) {
	for _, p := range []rtcp.Packet{&rtcp.PictureLossIndication{}, &rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{FractionLost: 255}}},
		&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1e9, SSRCs: []uint32{1}},
		&rtcp.TransportLayerCC{Header: rtcp.Header{Count: rtcp.FormatTCC, Type: rtcp.TypeTransportSpecificFeedback, Length: 5}, PacketStatusCount: 1,
			PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{PacketStatusSymbol: rtcp.TypeTCCPacketReceivedSmallDelta, RunLength: 1}},
			RecvDeltas:   []*rtcp.RecvDelta{{Type: rtcp.TypeTCCPacketReceivedSmallDelta, Delta: 250}}}} {
		b, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	m, err := newPeer(1000, false, true)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { m.pc.Close() })
	f.Fuzz(func(t *testing.T, b []byte) {
		packets, err := rtcp.Unmarshal(b)
		if err != nil {
			return
		}
		_ = m.estimate.WriteRTCP(packets, nil) // refused or not
		h := &hearing{}
		for _, p := range packets {
			h.take(p, true, func() {})
		}
		if w := h.way(m); w.loss < 0 || w.loss > 1 || w.usable < 0 {
			t.Fatalf("%+v", w)
		}
	})
}
