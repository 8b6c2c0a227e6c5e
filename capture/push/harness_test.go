package push

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come; it bounds a failure and measures nothing.
const patience = 60 * time.Second

const secret = "s3cret-token"

// whipServer is a WHIP server: pion's own peer connections behind the requests of RFC 9725.
type whipServer struct {
	t    *testing.T
	web  *httptest.Server
	mux  *webrtc.API
	conn *narrow

	answer atomic.Pointer[func(http.ResponseWriter, *http.Request) bool] // answers in the server's place when it returns true

	mu       sync.Mutex
	sessions map[string]*webrtc.PeerConnection
	made     int
	deleted  int
	patched  []string
	tokens   []string

	pictures chan seen
	sounds   chan *rtp.Packet
	opened   chan *webrtc.PeerConnection
}

// seen is an access unit as the server put it together.
type seen struct {
	ts   uint32
	data []byte
	pc   *webrtc.PeerConnection
	ssrc webrtc.SSRC
}

// narrow is a way that carries so much: what is more is lost.
type narrow struct {
	net.PacketConn
	kbps atomic.Int64 // 0: as much as comes
	dead atomic.Bool  // nothing gets through
	room float64      // bytes; owned by the reader
	last time.Time
}

func (n *narrow) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		got, from, err := n.PacketConn.ReadFrom(b)
		if err != nil || !n.lost(b[:got]) {
			return got, from, err
		}
	}
}

func (n *narrow) WriteTo(b []byte, to net.Addr) (int, error) {
	if n.dead.Load() {
		return len(b), nil
	}
	return n.PacketConn.WriteTo(b, to)
}

func (n *narrow) lost(b []byte) bool {
	if n.dead.Load() {
		return true
	}
	kbps := n.kbps.Load()
	if kbps == 0 || len(b) == 0 || b[0]>>6 != 2 { // the rest is not what fills it
		return false
	}
	now := time.Now()
	perSecond := float64(kbps) * 1000 / 8
	n.room = min(n.room+now.Sub(n.last).Seconds()*perSecond, perSecond/5)
	n.last = now
	if n.room < float64(len(b)) {
		return true
	}
	n.room -= float64(len(b))
	return false
}

type serverConfig struct {
	feedback bool // transport-wide
	audio    bool // it takes sound
	tls      bool
}

func newServer(t *testing.T, c serverConfig) *whipServer {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s := &whipServer{t: t, conn: &narrow{PacketConn: udp}, sessions: map[string]*webrtc.PeerConnection{}, pictures: make(chan seen, 4096), sounds: make(chan *rtp.Packet, 4096), opened: make(chan *webrtc.PeerConnection, 4096)}
	var se webrtc.SettingEngine
	se.LoggerFactory = quiet
	se.SetIncludeLoopbackCandidate(true)
	se.SetICEMulticastDNSMode(0)
	se.SetSRTPReplayProtectionWindow(1024)
	mux := webrtc.NewICEUDPMux(quiet.NewLogger("mux"), s.conn)
	se.SetICEUDPMux(mux)
	var engine webrtc.MediaEngine
	if err := engine.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	var chain interceptor.Registry
	if err := webrtc.ConfigureNack(&engine, &chain); err != nil {
		t.Fatal(err)
	}
	if err := webrtc.ConfigureRTCPReports(&chain); err != nil {
		t.Fatal(err)
	}
	if c.feedback {
		if err := webrtc.ConfigureTWCCSender(&engine, &chain); err != nil {
			t.Fatal(err)
		}
	}
	s.mux = webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(&chain))
	s.web = httptest.NewUnstartedServer(s)
	s.web.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // refused handshakes are what a test is about
	if c.tls {
		s.web.StartTLS()
	} else {
		s.web.Start()
	}
	t.Cleanup(func() {
		s.web.CloseClientConnections()
		s.web.Close()
		s.hangUp()
		mux.Close()
		udp.Close()
	})
	return s
}

// hangUp ends all sessions as a server does that stops.
func (s *whipServer) hangUp() {
	s.mu.Lock()
	all := s.sessions
	s.sessions = map[string]*webrtc.PeerConnection{}
	s.mu.Unlock()
	for _, pc := range all {
		pc.Close()
	}
}

// instead has requests answered by f where it returns true; nil: by the server.
func (s *whipServer) instead(f func(http.ResponseWriter, *http.Request) bool) {
	if f == nil {
		s.answer.Store(nil)
		return
	}
	s.answer.Store(&f)
}

func (s *whipServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f := s.answer.Load(); f != nil && (*f)(w, r) {
		return
	}
	s.mu.Lock()
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer "+secret {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/session/")
	s.mu.Lock()
	pc := s.sessions[id]
	s.mu.Unlock()
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/whip" && r.Header.Get("Content-Type") == "application/sdp":
		s.post(w, string(body))
	case pc == nil:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodPatch && r.Header.Get("If-Match") == `"one"` && r.Header.Get("Content-Type") == typeFragment:
		s.mu.Lock()
		s.patched = append(s.patched, string(body))
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		s.mu.Lock()
		delete(s.sessions, id)
		s.deleted++
		s.mu.Unlock()
		pc.Close()
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (s *whipServer) post(w http.ResponseWriter, offer string) {
	pc, err := s.mux.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		s.t.Error(err)
		return
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if tr.Kind() == webrtc.RTPCodecTypeAudio {
			for {
				p, _, err := tr.ReadRTP()
				if err != nil {
					return
				}
				select {
				case s.sounds <- p:
				default:
				}
			}
		}
		s.assemble(pc, tr)
	})
	fail := func(err error) {
		pc.Close()
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		fail(err)
		return
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		fail(err)
		return
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		fail(err)
		return
	}
	<-gathered
	s.mu.Lock()
	s.made++
	id := fmt.Sprint(s.made)
	s.sessions[id] = pc
	s.mu.Unlock()
	h := w.Header()
	h.Set("Content-Type", "application/sdp")
	h.Set("Location", "/session/"+id)
	h.Set("ETag", `"one"`)
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, pc.LocalDescription().SDP)
	select {
	case s.opened <- pc:
	default:
	}
}

// assemble puts packets in order, waiting for those that are sent again, and takes whole pictures out of them. What never
// comes is given up after some packets, up to the next picture.
func (s *whipServer) assemble(pc *webrtc.PeerConnection, tr *webrtc.TrackRemote) {
	var (
		held  = map[uint16]*rtp.Packet{}
		next  uint16
		begun bool
		data  []byte
		depay codecs.H264Packet
	)
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		if !begun {
			begun, next = true, p.SequenceNumber
		}
		if int16(p.SequenceNumber-next) < 0 {
			continue
		}
		held[p.SequenceNumber] = p
		if len(held) > 200 { // lost for good
			for held[next] == nil {
				next++
			}
			depay, data = codecs.H264Packet{}, nil
			pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(tr.SSRC())}})
		}
		for p := held[next]; p != nil; p = held[next] {
			delete(held, next)
			next++
			b, err := depay.Unmarshal(p.Payload)
			if err != nil {
				depay, data = codecs.H264Packet{}, nil
				continue
			}
			data = append(data, b...)
			if p.Marker {
				select {
				case s.pictures <- seen{p.Timestamp, data, pc, tr.SSRC()}:
				default: // a test that does not look
				}
				data = nil
			}
		}
	}
}
