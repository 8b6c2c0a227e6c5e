//go:build bench

package main

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/internal/kittest"
)

// peer is a media server beside the kit: a process, where players connect, and where a stream is published.
type peer struct {
	name       string
	pid        int
	whep, whip string
}

// peersDir may hold the peers' programs, as PATH may: none of them is a part of this project.
const peersDir = "../../.cache/peers"

// startPeers starts the peers that can be had, on loopback and with all else that they serve switched off. missing says
// of the others what stopped them.
func startPeers(t *testing.T) (peers []*peer, missing []string) {
	t.Helper()
	for _, p := range []struct {
		name, program string
		start         func(*testing.T, string) (*peer, error)
	}{{"MediaMTX", "mediamtx", startMediaMTX}, {"go2rtc", "go2rtc", startGo2RTC}} {
		path, err := installed(p.program)
		if err == nil {
			var started *peer
			if started, err = p.start(t, path); err == nil {
				started.name = p.name
				peers = append(peers, started)
				continue
			}
		}
		missing = append(missing, fmt.Sprintf("%s: %v", p.name, err))
	}
	return peers, missing
}

func installed(name string) (path string, err error) {
	for _, at := range []string{filepath.Join(peersDir, name), name} {
		if found, err := exec.LookPath(at); err == nil {
			return filepath.Abs(found)
		}
	}
	return "", fmt.Errorf("not on this machine: put a released %s into PATH or .cache/peers to compare with it", name)
}

func startMediaMTX(t *testing.T, path string) (*peer, error) {
	api, media := freeAddress(t), freeAddress(t)
	config := kittest.File(t, "mediamtx.yml", fmt.Sprintf(`
logLevel: warn
rtsp: false
rtmp: false
hls: false
srt: false
moq: false
webrtcAddress: %s
webrtcLocalUDPAddress: %s
webrtcIPsFromInterfaces: false
webrtcAdditionalHosts: [127.0.0.1]
paths:
  cam:
`, api, media))
	return launchPeer(t, path, []string{config}, api, "/cam/whep", "/cam/whip")
}

func startGo2RTC(t *testing.T, path string) (*peer, error) {
	api, media := freeAddress(t), freeAddress(t)
	config := kittest.File(t, "go2rtc.yaml", fmt.Sprintf(`
log: {level: warn}
api: {listen: "%s"}
rtsp: {listen: ""}
srtp: {listen: ""}
webrtc: {listen: "%s/udp", ice_servers: [], filters: {loopback: true, networks: [udp4], ips: ["127.0.0.1"]}}
streams: {cam: ""}
`, api, media))
	return launchPeer(t, path, []string{"-c", config}, api, "/api/webrtc?src=cam", "/api/webrtc?dst=cam")
}

// freeAddress is an address on loopback, TCP and UDP, that nobody uses now.
func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func launchPeer(t *testing.T, path string, args []string, api, whep, whip string) (*peer, error) {
	c := exec.Command(path, args...)
	c.Dir = t.TempDir()
	var said strings.Builder
	c.Stdout, c.Stderr = &said, &said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return nil, err
	}
	gone := make(chan struct{})
	go func() { c.Wait(); close(gone) }()
	t.Cleanup(func() {
		c.Process.Kill()
		<-gone
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(path), &said)
		}
	})
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get("http://" + api + "/"); err == nil {
			res.Body.Close()
			return &peer{pid: c.Process.Pid, whep: "http://" + api + whep, whip: "http://" + api + whip}, nil
		}
		select {
		case <-gone:
			return nil, fmt.Errorf("it ended: %.200s", said.String())
		default:
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("it does not answer")
		}
	}
}

// feedPeers shows the peers a film's largest layer.
func feedPeers(t *testing.T, f *film, peers []*peer) {
	t.Helper()
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: capture.ClockRate,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, "video", "cam")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		pc, err := benchPlayer()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pc.Close() })
		if _, err := pc.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
			t.Fatal(err)
		}
		if err := exchange(pc, p.whip); err != nil {
			t.Fatalf("publish to %s: %v", p.name, err)
		}
	}
	go f.show(t.Context(), func() bool { return false }, func(moment []capture.AccessUnit) {
		for _, u := range moment {
			if u.Layer == 0 {
				_ = track.WriteSample(media.Sample{Data: u.Data, Duration: time.Second / 30}) // an error is a peer gone, which its viewers notice
			}
		}
	})
}
