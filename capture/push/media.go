package push

import (
	"fmt"
	"io"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/cc"
	"github.com/pion/interceptor/pkg/gcc"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// Payload types of the offer. Any free ones do: these are Chromium's, which servers see most.
const (
	typeVideo = 106
	typeAgain = 107 // retransmissions (RFC 4588)
	typeSound = 111
)

var (
	videoCodec = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"},
			{Type: "transport-cc"}, {Type: "goog-remb"}}}
	soundCodec = webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2,
		SDPFmtpLine: "minptime=10;useinbandfec=1", RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}}}
)

// quiet keeps what the libraries would print, addresses and all, out of the log.
var quiet = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}

// peer is one peer connection that sends.
type peer struct {
	pc       *webrtc.PeerConnection
	video    *webrtc.TrackLocalStaticRTP
	sound    *webrtc.TrackLocalStaticRTP // nil: without
	senders  []*webrtc.RTPSender
	estimate cc.BandwidthEstimator
}

// newPeer makes a peer that has not spoken with anybody. Start is what the way is taken to carry before it is known, kbit/s.
// Home: the server is on this machine.
func newPeer(start int, withSound, home bool) (_ *peer, err error) {
	var engine webrtc.MediaEngine
	again := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeRTX, ClockRate: 90000, SDPFmtpLine: fmt.Sprint("apt=", typeVideo)}
	for _, c := range []webrtc.RTPCodecParameters{{RTPCodecCapability: videoCodec, PayloadType: typeVideo}, {RTPCodecCapability: again, PayloadType: typeAgain}} {
		if err := engine.RegisterCodec(c, webrtc.RTPCodecTypeVideo); err != nil {
			return nil, fmt.Errorf("push: offer video: %w", err)
		}
	}
	if err := engine.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: soundCodec, PayloadType: typeSound}, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, fmt.Errorf("push: offer sound: %w", err)
	}
	p := &peer{}
	chain, err := p.interceptors(&engine, start)
	if err != nil {
		return nil, fmt.Errorf("push: prepare feedback: %w", err)
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithInterceptorRegistry(chain), webrtc.WithSettingEngine(engineSettings(home)))
	if p.pc, err = api.NewPeerConnection(webrtc.Configuration{BundlePolicy: webrtc.BundlePolicyMaxBundle}); err != nil {
		return nil, fmt.Errorf("push: make connection: %w", err)
	}
	if p.video, err = p.add(videoCodec, "picture"); err == nil && withSound {
		p.sound, err = p.add(soundCodec, "sound")
	}
	if err != nil {
		p.pc.Close()
		return nil, fmt.Errorf("push: add track: %w", err)
	}
	return p, nil
}

// engineSettings find out that the way is dead within five seconds: two without an answer to the checks that go each
// second, and two more.
func engineSettings(home bool) webrtc.SettingEngine {
	s := webrtc.SettingEngine{LoggerFactory: quiet}
	s.SetICETimeouts(deadAfter/2, deadAfter/2, checkEvery)
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled) // a server has addresses
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6})
	s.SetIncludeLoopbackCandidate(home)
	return s
}

// interceptors are what feedback is given and followed by: the estimate of what the way carries first, since
// retransmissions keep within it. Pictures are paced by who writes them.
func (p *peer) interceptors(engine *webrtc.MediaEngine, start int) (*interceptor.Registry, error) {
	var chain interceptor.Registry
	control, err := cc.NewInterceptor(func() (cc.BandwidthEstimator, error) {
		return gcc.NewSendSideBWE(gcc.SendSideBWEInitialBitrate(1000*start), gcc.SendSideBWEPacer(gcc.NewNoOpPacer()), gcc.WithLoggerFactory(quiet))
	})
	if err != nil {
		return nil, err
	}
	control.OnNewPeerConnection(func(_ string, e cc.BandwidthEstimator) { p.estimate = e })
	chain.Add(control)
	if err := webrtc.ConfigureNack(engine, &chain); err != nil {
		return nil, err
	}
	if err := webrtc.ConfigureRTCPReports(&chain); err != nil {
		return nil, err
	}
	return &chain, webrtc.ConfigureTWCCHeaderExtensionSender(engine, &chain)
}

func (p *peer) add(codec webrtc.RTPCodecCapability, id string) (*webrtc.TrackLocalStaticRTP, error) {
	track, err := webrtc.NewTrackLocalStaticRTP(codec, id, "edgekit")
	if err != nil {
		return nil, err
	}
	t, err := p.pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	p.senders = append(p.senders, t.Sender())
	return track, nil
}

// maxCandidates bounds the addresses that a server may have the kit try.
const maxCandidates = 64

// takes checks an answer, before anything acts on it: it is of this offer, and takes the video.
func takes(answer string, sections int) error {
	var d sdp.SessionDescription
	if len(answer) > maxAnswer || d.UnmarshalString(answer) != nil {
		return &refusal{text: "the server's answer is no session description", lasts: true}
	}
	candidates, video := 0, false
	for i, m := range d.MediaDescriptions {
		for _, a := range m.Attributes {
			if a.Key == "candidate" {
				candidates++
			}
		}
		if i == 0 {
			video = m.MediaName.Media == "video" && m.MediaName.Port.Value != 0
		}
	}
	switch {
	case len(d.MediaDescriptions) != sections:
		return &refusal{text: "the server's answer does not fit the offer", lasts: true}
	case candidates > maxCandidates:
		return &refusal{text: "the server's answer has too many addresses", lasts: true}
	case !video:
		return &refusal{text: "the server does not take the video, which is H.264", lasts: true}
	}
	return nil
}
