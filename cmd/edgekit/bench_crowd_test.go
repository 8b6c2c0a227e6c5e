//go:build bench

package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/twcc"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sync/errgroup"

	"edgekit.internal/cmd/internal/kittest"
)

// crowdSize is how many watch.
const crowdSize = 50

// crowd is many viewers in a process of their own, so that their cost is not the server's.
type crowd struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	url   string
	leave func()
}

// gather connects a whole crowd to a WHEP address, and waits until all get pictures. Visitors of a kit have sessions and
// data channels, players nothing but the picture.
func gather(t *testing.T, kind, url string) *crowd {
	t.Helper()
	c := newCrowd(t, kind, url)
	c.join(t, crowdSize)
	return c
}

// newCrowd is one to which nobody belongs yet.
func newCrowd(t *testing.T, kind, url string) *crowd {
	t.Helper()
	c := &crowd{cmd: exec.Command(os.Args[0], "-test.run=^TestCrowd$"), url: url}
	c.cmd.Env = append(os.Environ(), "EDGEKIT_BENCH_CROWD="+kind+" "+url)
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	c.leave = sync.OnceFunc(func() {
		c.in.Close()
		if err := c.cmd.Wait(); err != nil {
			t.Errorf("viewers: %v", err)
		}
	})
	t.Cleanup(c.leave)
	return c
}

// ask has the other process do something, and returns its answer.
func (c *crowd) ask(what string, args ...any) string {
	fmt.Fprintf(c.in, what+"\n", args...)
	if !c.lines.Scan() {
		return "they ended"
	}
	return c.lines.Text()
}

// join connects more of them.
func (c *crowd) join(t *testing.T, more int) {
	t.Helper()
	if said := c.ask("join %d", more); said != "playing" {
		t.Fatalf("%d viewers of %s: %s", more, c.url, said)
	}
}

// received is what all players of a crowd have got: pictures are those of which no packet is missing.
type received struct {
	packets, bytes, pictures float64
	cipher                   string // of the first of them
}

func (c *crowd) got(t *testing.T) (r received) {
	t.Helper()
	if said := c.ask("count"); r.scan(said) != nil {
		t.Fatal(said)
	}
	return r
}

func (r *received) scan(line string) error {
	_, err := fmt.Sscan(line, &r.packets, &r.bytes, &r.pictures, &r.cipher)
	return err
}

// TestCrowd is the process that newCrowd starts.
func TestCrowd(t *testing.T) {
	kind, url, ok := strings.Cut(os.Getenv("EDGEKIT_BENCH_CROWD"), " ")
	if !ok {
		t.Skip("only as the bench's child")
	}
	var all players
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		var more int
		if n, _ := fmt.Sscanf(asked.Text(), "join %d", &more); n == 0 {
			fmt.Println(all.packets.Load(), all.bytes.Load(), all.pictures.Load(), all.cipher())
			continue
		}
		var joining errgroup.Group
		joining.SetLimit(5)
		for range more {
			joining.Go(func() error {
				if kind == "players" {
					return all.play(url)
				}
				v, err := kittest.NewVisitor(url)
				if err == nil {
					_, err = kittest.Watch(v)
				}
				return err
			})
		}
		if err := joining.Wait(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("playing")
	}
	os.Exit(0) // hanging up 50 times takes longer than being gone
}

// players are those of one process, and what they have got together.
type players struct {
	packets, bytes, pictures atomic.Int64
	first                    atomic.Pointer[webrtc.PeerConnection]
}

// play adds a player, and returns when it gets something.
func (p *players) play(url string) error {
	playing := make(chan struct{})
	begun := sync.OnceFunc(func() { close(playing) })
	pc, err := receiveWHEP(url, func(t *webrtc.TrackRemote) {
		b := make([]byte, 1500)
		whole, next := false, uint16(0) // so far, the picture that comes; its next packet
		for {
			n, _, err := t.Read(b)
			if err != nil {
				return
			}
			begun()
			p.packets.Add(1)
			p.bytes.Add(int64(n))
			seq, last := binary.BigEndian.Uint16(b[2:]), b[1]&0x80 != 0 // RFC 3550 section 5.1, RFC 6184 section 5.1
			whole = whole && seq == next
			if next = seq + 1; last {
				if whole {
					p.pictures.Add(1)
				}
				whole = true
			}
		}
	})
	if err != nil {
		return err
	}
	p.first.CompareAndSwap(nil, pc)
	select {
	case <-playing:
		return nil
	case <-time.After(kittest.Limit):
		return fmt.Errorf("no picture in %v", kittest.Limit)
	}
}

// cipher is what the media are protected with.
func (p *players) cipher() string {
	if pc := p.first.Load(); pc != nil {
		for _, s := range pc.GetStats() {
			if s, ok := s.(webrtc.TransportStats); ok {
				return s.SRTPCipher
			}
		}
	}
	return "unknown"
}

// feedbackEvery is how often Chromium reports what arrives of a stream like this: where it has the bandwidth, as often as it ever does.
const feedbackEvery = 50 * time.Millisecond

// benchPlayer is a peer as browsers are: it asks again for what is lost (NACK) and reports what arrives (transport-wide
// feedback), on loopback only.
func benchPlayer() (*webrtc.PeerConnection, error) {
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(net.IP.IsLoopback)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(0)
	s.SetSRTPReplayProtectionWindow(1024)
	// In Chromium's order: a server that leaves the choice to the browser gets the first.
	s.SetSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AEAD_AES_128_GCM)
	var codecs webrtc.MediaEngine
	if err := codecs.RegisterDefaultCodecs(); err != nil {
		return nil, err
	}
	var reports interceptor.Registry
	if err := webrtc.RegisterDefaultInterceptorsWithOptions(&codecs, &reports, webrtc.WithTWCCOptions(twcc.SendInterval(feedbackEvery))); err != nil {
		return nil, err
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(s), webrtc.WithMediaEngine(&codecs), webrtc.WithInterceptorRegistry(&reports)).NewPeerConnection(webrtc.Configuration{})
}

// receiveWHEP connects a player to a WHEP address; track runs on a goroutine of its own.
func receiveWHEP(url string, track func(*webrtc.TrackRemote)) (*webrtc.PeerConnection, error) {
	pc, err := benchPlayer()
	if err != nil {
		return nil, err
	}
	if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
		return nil, err
	}
	pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { track(t) })
	return pc, exchange(pc, url)
}

// exchange posts an offer and takes the answer: WHEP and WHIP alike.
func exchange(pc *webrtc.PeerConnection, url string) error {
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		return err
	}
	<-gathered
	res, err := http.Post(url, "application/sdp", strings.NewReader(pc.LocalDescription().SDP))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s %.200s %w", url, res.Status, answer, err)
	}
	return pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)})
}
