//go:build bench

package main

import (
	"bufio"
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
	leave func()
}

// gather connects viewers to a WHEP address, and waits until all get pictures. Visitors of a kit have sessions and data
// channels, players nothing but the picture.
func gather(t *testing.T, kind, url string) *crowd {
	t.Helper()
	c := &crowd{cmd: exec.Command(os.Args[0], "-test.run=^TestCrowd$")}
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
	if line := c.line(); line != "playing" {
		t.Fatalf("%d viewers of %s: %s", crowdSize, url, line)
	}
	return c
}

func (c *crowd) line() string {
	if !c.lines.Scan() {
		return "they ended"
	}
	return c.lines.Text()
}

// got is how many packets and bytes of pictures all viewers together have got.
func (c *crowd) got(t *testing.T) (packets, bytes float64) {
	t.Helper()
	fmt.Fprintln(c.in, "count")
	if _, err := fmt.Sscan(c.line(), &packets, &bytes); err != nil {
		t.Fatal(err)
	}
	return packets, bytes
}

// TestCrowd is the process that gather starts.
func TestCrowd(t *testing.T) {
	kind, url, ok := strings.Cut(os.Getenv("EDGEKIT_BENCH_CROWD"), " ")
	if !ok {
		t.Skip("only as the bench's child")
	}
	var packets, bytes atomic.Int64
	var playing sync.WaitGroup
	var joining errgroup.Group
	joining.SetLimit(5)
	for range crowdSize {
		if kind == "visitors" {
			joining.Go(func() error {
				v, err := kittest.NewVisitor(url)
				if err != nil {
					return err
				}
				_, err = kittest.Watch(v)
				return err
			})
			continue
		}
		playing.Add(1)
		first := sync.OnceFunc(playing.Done)
		joining.Go(func() error {
			_, err := playWHEP(url, func(n int) { packets.Add(1); bytes.Add(int64(n)); first() })
			return err
		})
	}
	if err := joining.Wait(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	all := make(chan struct{})
	go func() { playing.Wait(); close(all) }()
	select {
	case <-all:
	case <-time.After(kittest.Limit):
		fmt.Println("some of them got no picture in", kittest.Limit)
		os.Exit(1)
	}
	fmt.Println("playing")
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		fmt.Println(packets.Load(), bytes.Load())
	}
	os.Exit(0) // hanging up 50 times takes longer than being gone
}

// benchPlayer is a peer as browsers are: it asks again for what is lost (NACK) and reports what arrives (transport-wide
// feedback), on loopback only.
func benchPlayer() (*webrtc.PeerConnection, error) {
	var s webrtc.SettingEngine
	s.SetIncludeLoopbackCandidate(true)
	s.SetIPFilter(net.IP.IsLoopback)
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	s.SetICEMulticastDNSMode(0)
	s.SetSRTPReplayProtectionWindow(1024)
	return webrtc.NewAPI(webrtc.WithSettingEngine(s)).NewPeerConnection(webrtc.Configuration{})
}

// playWHEP connects a player to a WHEP address; got is told the size of each packet, on one goroutine.
func playWHEP(url string, got func(n int)) (*webrtc.PeerConnection, error) {
	return receiveWHEP(url, func(t *webrtc.TrackRemote) {
		b := make([]byte, 1500)
		for {
			n, _, err := t.Read(b)
			if err != nil {
				return
			}
			got(n)
		}
	})
}

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
