package fanout

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"edgekit.internal/capture"
	"edgekit.internal/capture/h264/h264test"
)

func TestMain(m *testing.M) {
	if os.Getenv("FANOUT_BENCH_VIEWERS") != "" {
		if err := benchClients(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// patience is how long a test waits for what must come; it bounds a failure and measures nothing.
const patience = 20 * time.Second

var loopbackHost = []netip.Addr{netip.MustParseAddr("127.0.0.1")}

// testOffer is a browser's, with what matters here.
const testOffer = "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 106 107\r\nc=IN IP4 0.0.0.0\r\n" +
	"a=ice-ufrag:Zk3D\r\na=ice-pwd:9uJYk1vDq0X5mQWw3cO2rT7b\r\n" +
	"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
	"a=setup:actpass\r\na=mid:0\r\n" +
	"a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n" +
	"a=extmap:4 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n" +
	"a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\n" +
	"a=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n" +
	"a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n" +
	"a=rtpmap:102 H264/90000\r\na=rtcp-fb:102 goog-remb\r\na=rtcp-fb:102 transport-cc\r\na=rtcp-fb:102 ccm fir\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\n" +
	"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n" +
	"a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" +
	"a=rtpmap:106 H264/90000\r\na=rtcp-fb:106 goog-remb\r\na=rtcp-fb:106 transport-cc\r\na=rtcp-fb:106 ccm fir\r\na=rtcp-fb:106 nack\r\na=rtcp-fb:106 nack pli\r\n" +
	"a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n" +
	"a=rtpmap:107 rtx/90000\r\na=fmtp:107 apt=106\r\n" +
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n" +
	"a=ice-ufrag:Zk3D\r\na=ice-pwd:9uJYk1vDq0X5mQWw3cO2rT7b\r\n" +
	"a=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n" +
	"a=setup:actpass\r\na=mid:1\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n"

// idle makes a server that does not run: Accept needs none.
func idle(t testing.TB) *Server {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Conn: udp, MaxViewers: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			select {
			case <-s.commands: // what a sender would do does not matter
			case <-s.stopped:
				return
			}
		}
	}()
	t.Cleanup(func() {
		s.mu.Lock()
		for _, v := range s.viewers {
			v.cancel(ErrClosed)
		}
		s.mu.Unlock()
		close(s.stopped)
		s.sessions.Wait()
		udp.Close()
	})
	return s
}

// kit is a server that runs, and a stream that is published to it.
type kit struct {
	*Server
	wants [maxLayers]atomic.Bool
	asked atomic.Int64

	mu   sync.Mutex
	sent map[uint32][]byte // by timestamp, layer 0 and 1 together
}

func newKit(t testing.TB, c Config) *kit {
	t.Helper()
	if c.Conn == nil {
		udp, err := net.ListenUDP("udp", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Conn = udp
	}
	k := &kit{sent: map[uint32][]byte{}}
	c.WantKeyframe = func(l uint8) { k.asked.Add(1); k.wants[l].Store(true) }
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	k.Server = s
	ctx, cancel := context.WithCancel(context.Background())
	end := make(chan error, 1)
	go func() { end <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-end; err != nil {
			t.Errorf("Run: %v", err)
		}
		c.Conn.Close()
	})
	return k
}

var unit = h264test.Unit

func (k *kit) publish(au capture.AccessUnit) {
	k.mu.Lock()
	k.sent[au.RTP] = au.Data
	k.mu.Unlock()
	k.Publish(au)
}

func (k *kit) published(ts uint32) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sent[ts]
}

// feed publishes pictures of some layers until the test ends, key ones when asked for. The layers' timestamps differ
// so that a test can tell them apart.
func (k *kit) feed(t testing.TB, every time.Duration, size int, layers ...uint8) {
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := 0; ; i++ {
			for _, l := range layers {
				key := k.wants[l].Swap(false) || i == 0
				n := size
				if key {
					n *= 5
				}
				k.publish(unit(l, uint32(3000*i+1000)+uint32(l), key, n))
			}
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
}

// picture is an access unit as a viewer put it together.
type seen struct {
	ts   uint32
	data []byte
	key  bool
}

// client is a viewer: pion's own peer connection.
type client struct {
	pc     *webrtc.PeerConnection
	viewer *Viewer
	frames chan seen // closed when the track ends
	track  chan *webrtc.TrackRemote
	sound  chan *rtp.Packet
	closed chan error // OnClose

	channel *webrtc.DataChannel
	opened  chan struct{}
	texts   chan string
}

type clientConfig struct {
	channel bool
	sound   bool
	tcp     bool                      // it has no UDP
	conn    net.PacketConn            // what it sends and receives with; nil: its own
	host    netip.Addr                // where the kit is; none: on loopback
	heard   func(string)              // gets messages; nil: texts does
	play    func(*webrtc.TrackRemote) // what looks at pictures; nil: frames gets them
	options Options
	offer   func(string) string // changes the offer on its way
	answer  func(string) string // and the answer
}

func newClient(t testing.TB, k *kit, cc clientConfig) *client {
	t.Helper()
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	if !cc.host.IsValid() {
		se.SetIPFilter(net.IP.IsLoopback)
	}
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if cc.tcp {
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	se.SetICEMulticastDNSMode(0)
	se.SetSRTPReplayProtectionWindow(1024) // as browsers have; pion's own, 64, is less than a second try takes
	if cc.conn != nil {
		mux := webrtc.NewICEUDPMux(nil, cc.conn)
		se.SetICEUDPMux(mux)
		t.Cleanup(func() { mux.Close() })
	}
	var me webrtc.MediaEngine
	if err := me.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&me)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	c := &client{pc: pc, frames: make(chan seen, 4096), track: make(chan *webrtc.TrackRemote, 1), sound: make(chan *rtp.Packet, 1024), closed: make(chan error, 1), opened: make(chan struct{}), texts: make(chan string, 256)}
	t.Cleanup(func() { pc.Close() })
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		t.Fatal(err)
	}
	if cc.sound {
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	if cc.channel {
		protocol := ChannelProtocol
		if c.channel, err = pc.CreateDataChannel(ChannelLabel, &webrtc.DataChannelInit{Protocol: &protocol}); err != nil {
			t.Fatal(err)
		}
		c.channel.OnOpen(func() { close(c.opened) })
		if cc.heard == nil {
			cc.heard = func(text string) { c.texts <- text }
		}
		c.channel.OnMessage(func(m webrtc.DataChannelMessage) { cc.heard(string(m.Data)) })
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		if tr.Kind() == webrtc.RTPCodecTypeAudio {
			c.listen(tr)
			return
		}
		c.track <- tr
		defer close(c.frames)
		if cc.play != nil {
			cc.play(tr)
			return
		}
		assemble(tr, c.frames)
	})
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	text := pc.LocalDescription().SDP
	if cc.offer != nil {
		text = cc.offer(text)
	}
	opt := cc.options
	opt.Hosts = loopbackHost
	if cc.host.IsValid() {
		opt.Hosts = []netip.Addr{cc.host}
	}
	opt.OnClose = func(reason error) { c.closed <- reason }
	v, answer, err := k.Accept(text, opt)
	if err != nil {
		t.Fatal(err)
	}
	c.viewer = v
	if cc.answer != nil {
		answer = cc.answer(answer)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v in\n%s", err, answer)
	}
	return c
}

// listen keeps the packets of sound that come.
func (c *client) listen(tr *webrtc.TrackRemote) {
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		select {
		case c.sound <- p:
		default: // a test that does not look does not hold up the viewer
		}
	}
}

// frame waits for the next picture.
func (c *client) frame(t testing.TB) seen {
	t.Helper()
	select {
	case f, ok := <-c.frames:
		if !ok {
			t.Fatal("the track ended")
		}
		return f
	case <-time.After(patience):
		t.Fatalf("no picture; the connection is %v", c.pc.ConnectionState())
	}
	return seen{}
}

func wait[T any](t testing.TB, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// until polls for something that no channel tells of.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// connections is how many TCP connections the viewer has.
func (v *Viewer) connections() int {
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	return len(v.ice.conns)
}

// ufrag is the viewer's own ICE user fragment in use.
func (v *Viewer) ufrag() string {
	v.server.mu.Lock()
	defer v.server.mu.Unlock()
	return v.ice.local.ufrag
}
