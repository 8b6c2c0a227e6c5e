package fanout

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"

	"edgekit.internal/capture/fanout/internal/cut"
)

// The same stream, about 1.5 Mbit/s at 30 pictures a second, is served to viewers in another process, which read and
// discard it and send the feedback that viewers send. What is reported is this process's own time and memory.
//
//	go test -run - -bench Serve -benchtime 10s ./capture/fanout
const (
	benchViewers = 50
	benchEvery   = time.Second / 30
	benchSize    = 5900
	benchKey     = 60 // a key picture every so many
)

func BenchmarkServe(b *testing.B) {
	for _, cipher := range []Cipher{GCM, CMSHA1} {
		b.Run(fmt.Sprintf("fanout/%#04x", uint16(cipher)), func(b *testing.B) {
			udp, err := net.ListenUDP("udp", nil)
			if err != nil {
				b.Fatal(err)
			}
			k := newKit(b, Config{Conn: udp, Ciphers: []Cipher{cipher}})
			var st Stats
			serve(b, webrtc.NetworkTypeUDP4, k.take, func() bool { return k.Stats().Playing == benchViewers }, func(i int) {
				st = k.Stats()
				k.Publish(unit(0, uint32(i)*3000, i%benchKey == 0, benchSize))
			})
			b.ReportMetric(float64(st.Packets)/float64(max(st.SendCalls, 1)), "packets/call")
			b.Logf("%+v", st)
		})
		b.Run(fmt.Sprintf("tcp/%#04x", uint16(cipher)), func(b *testing.B) {
			k := newKitOverTCP(b, Config{Ciphers: []Cipher{cipher}})
			var st Stats
			serve(b, webrtc.NetworkTypeTCP4, k.take, func() bool { return k.Stats().OverTCP == benchViewers }, func(i int) {
				st = k.Stats()
				k.Publish(unit(0, uint32(i)*3000, i%benchKey == 0, benchSize))
			})
			b.Logf("%+v", st)
		})
	}
	b.Run("track", func(b *testing.B) {
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		var se webrtc.SettingEngine
		mux := webrtc.NewICEUDPMux(nil, udp)
		se.SetICEUDPMux(mux)
		se.SetLite(true)
		se.SetIncludeLoopbackCandidate(true)
		se.SetIPFilter(net.IP.IsLoopback)
		se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
		api := webrtc.NewAPI(webrtc.WithSettingEngine(se))
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000}, "v", "v")
		if err != nil {
			b.Fatal(err)
		}
		var pcs []*webrtc.PeerConnection
		var up atomic.Int64
		accept := func(offer string) (string, error) {
			pc, err := api.NewPeerConnection(webrtc.Configuration{})
			if err != nil {
				return "", err
			}
			pcs = append(pcs, pc)
			pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
				if s == webrtc.PeerConnectionStateConnected {
					up.Add(1)
				}
			})
			sender, err := pc.AddTrack(track)
			if err != nil {
				return "", err
			}
			go func() {
				buf := make([]byte, 1500)
				for {
					if _, _, err := sender.Read(buf); err != nil {
						return
					}
				}
			}()
			if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
				return "", err
			}
			answer, err := pc.CreateAnswer(nil)
			if err != nil {
				return "", err
			}
			gathered := webrtc.GatheringCompletePromise(pc)
			if err := pc.SetLocalDescription(answer); err != nil {
				return "", err
			}
			<-gathered
			return pc.LocalDescription().SDP, nil
		}
		cut := rtp.NewPacketizer(cut.MaxPayload, 0, 0, &codecs.H264Payloader{}, rtp.NewRandomSequencer(), 90000)
		serve(b, webrtc.NetworkTypeUDP4, accept, func() bool { return up.Load() == benchViewers }, func(i int) {
			for _, p := range cut.Packetize(unit(0, uint32(i)*3000, i%benchKey == 0, benchSize).Data, 3000) {
				_ = track.WriteRTP(p)
			}
		})
		for _, pc := range pcs {
			pc.Close()
		}
		mux.Close()
	})
}

// take accepts a viewer, and returns the answer.
func (k *kit) take(offer string) (string, error) {
	_, answer, err := k.Accept(offer, Options{Hosts: loopbackHost})
	return answer, err
}

// serve connects the viewers of a child process by one protocol, publishes for as long as the benchmark asks and reports.
func serve(b *testing.B, by webrtc.NetworkType, accept func(string) (string, error), ready func() bool, publish func(i int)) {
	heap, routines := memory()
	child := exec.Command(os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), "FANOUT_BENCH_VIEWERS="+by.String())
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	defer child.Wait()
	defer in.Close()
	lines := bufio.NewReader(out)
	for range benchViewers {
		line, err := lines.ReadString('\n')
		if err != nil {
			b.Fatal(err)
		}
		offer, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			b.Fatal(err)
		}
		answer, err := accept(string(offer))
		if err != nil {
			b.Fatal(err)
		}
		fmt.Fprintln(in, base64.StdEncoding.EncodeToString([]byte(answer)))
	}
	until(b, "all viewers are connected", ready)

	i := 0
	run := func(d time.Duration) (cpu, took time.Duration) {
		tick := time.NewTicker(benchEvery)
		defer tick.Stop()
		from, begun := cpuTime(), time.Now()
		for end := begun.Add(d); time.Now().Before(end); i++ {
			<-tick.C
			publish(i)
		}
		return cpuTime() - from, time.Since(begun)
	}
	run(3 * time.Second) // until buffers and windows have their size
	b.ResetTimer()
	cpu, took := run(max(time.Duration(b.N)*benchEvery, 2*time.Second))
	b.StopTimer()
	heapNow, routinesNow := memory()
	b.ReportMetric(float64(cpu.Microseconds())/1000/took.Seconds()/benchViewers, "ms/viewer-s")
	b.ReportMetric((heapNow-heap)/benchViewers/1024, "KiB/viewer")
	b.ReportMetric(float64(routinesNow-routines)/benchViewers, "goroutines/viewer")
	b.ReportMetric(0, "ns/op")
}

func cpuTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// memory is heap in use and stacks, in bytes.
func memory() (bytes float64, routines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse), runtime.NumGoroutine()
}

// benchClients is the child process: it connects viewers, one for each answer it is given, until its input ends.
func benchClients(in io.Reader, out io.Writer) error {
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetIPFilter(net.IP.IsLoopback)
	by, err := webrtc.NewNetworkType(os.Getenv("FANOUT_BENCH_VIEWERS"))
	if err != nil {
		return err
	}
	se.SetNetworkTypes([]webrtc.NetworkType{by})
	api := webrtc.NewAPI(webrtc.WithSettingEngine(se))
	lines := bufio.NewReader(in)
	for range benchViewers {
		pc, err := api.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			return err
		}
		defer pc.Close()
		if _, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			return err
		}
		if _, err := pc.CreateDataChannel(ChannelLabel, &webrtc.DataChannelInit{Protocol: new(ChannelProtocol)}); err != nil {
			return err
		}
		pc.OnTrack(func(t *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
			buf := make([]byte, 1500)
			for {
				if _, _, err := t.Read(buf); err != nil {
					return
				}
			}
		})
		offer, err := pc.CreateOffer(nil)
		if err != nil {
			return err
		}
		gathered := webrtc.GatheringCompletePromise(pc)
		if err := pc.SetLocalDescription(offer); err != nil {
			return err
		}
		<-gathered
		fmt.Fprintln(out, base64.StdEncoding.EncodeToString([]byte(pc.LocalDescription().SDP)))
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		answer, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(answer)}); err != nil {
			return err
		}
	}
	if _, err = lines.ReadString('\n'); err == io.EOF {
		return nil
	}
	return err
}
