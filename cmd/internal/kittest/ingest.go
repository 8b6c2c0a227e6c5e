package kittest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pion/webrtc/v4"
)

// Ingest is a WHIP server (RFC 9725) that takes one stream at a time and counts what comes: pion's own WebRTC.
type Ingest struct {
	URL      string
	Token    string       // that it wants
	Pictures atomic.Int64 // markers seen
	Keys     atomic.Int64 // IDR pictures begun
	Asked    atomic.Int64 // requests
	Refuse   atomic.Int32 // a status to answer with; 0: it serves
	Hang     atomic.Bool  // it takes requests, and does not answer

	mu  sync.Mutex
	pcs []*webrtc.PeerConnection
}

// NewIngest starts one, until the test ends.
func NewIngest(t testing.TB) *Ingest {
	t.Helper()
	s := &Ingest{Token: "the-token"}
	web := httptest.NewServer(s)
	s.URL = web.URL + "/whip?key=the-key"
	t.Cleanup(func() {
		s.HangUp()
		web.CloseClientConnections()
		web.Close()
	})
	return s
}

// HangUp ends what it has.
func (s *Ingest) HangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pc := range s.pcs {
		pc.Close()
	}
	s.pcs = nil
}

// ServeHTTP is RFC 9725 section 4.2.
func (s *Ingest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Asked.Add(1)
	offer, err := io.ReadAll(r.Body)
	switch {
	case err != nil:
	case s.Hang.Load():
		<-r.Context().Done()
	case s.Refuse.Load() != 0:
		w.WriteHeader(int(s.Refuse.Load()))
	case r.Header.Get("Authorization") != "Bearer "+s.Token:
		w.WriteHeader(http.StatusUnauthorized)
	case r.Method == http.MethodDelete:
		s.HangUp()
	case r.Method == http.MethodPost && r.URL.Query().Get("key") == "the-key":
		answer, err := s.take(string(offer))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/sdp")
		w.Header().Set("Location", "/session")
		w.WriteHeader(http.StatusCreated)
		io.WriteString(w, answer)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (s *Ingest) take(offer string) (answer string, err error) {
	var engine webrtc.SettingEngine
	engine.SetIncludeLoopbackCandidate(true)
	var m webrtc.MediaEngine
	if err := m.RegisterDefaultCodecs(); err != nil {
		return "", err
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(engine), webrtc.WithMediaEngine(&m)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.pcs = append(s.pcs, pc)
	s.mu.Unlock()
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for { // sound too: what is not read counts as lost
			p, _, err := t.ReadRTP()
			if err != nil {
				return
			}
			if t.Kind() != webrtc.RTPCodecTypeVideo {
				continue
			}
			if p.Marker {
				s.Pictures.Add(1)
			}
			if startsKey(p) {
				s.Keys.Add(1)
			}
		}
	})
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	mine, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(mine); err != nil {
		return "", err
	}
	<-gathered
	return pc.LocalDescription().SDP, nil
}
