//go:build bench

package fanout

import (
	"crypto/rand"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"edgekit.internal/capture"
)

// TestBenchHostileViewers tells what five who mean harm cost ten who watch: how old pictures are that come, and how many
// key pictures there are, without them and with them.
//
//	go test -tags bench -run TestBenchHostile -v ./capture/fanout
func TestBenchHostileViewers(t *testing.T) {
	k := newKit(t, Config{})
	layers := []capture.Layer{{ID: 0, FPS: 30, Kbps: 1500}}
	k.SetLayers(layers)
	b := &bottleneck{t: t, kit: k}
	b.rates[0].Store(1500)
	b.encode(layers[0])

	var mu sync.Mutex
	var ages []time.Duration
	for range 10 {
		newClient(t, k, clientConfig{play: func(tr *webrtc.TrackRemote) {
			for {
				p, _, err := tr.ReadRTP()
				if err != nil {
					return
				}
				if p.Marker {
					age := time.Duration(capture.Timestamp(capture.Monotonic())-p.Timestamp) * time.Second / capture.ClockRate
					mu.Lock()
					ages = append(ages, age)
					mu.Unlock()
				}
			}
		}})
	}
	until(t, "all watch", func() bool { return k.Stats().Playing == 10 })
	measure := func(what string) {
		time.Sleep(time.Second)
		mu.Lock()
		ages = nil
		mu.Unlock()
		before, cpu := k.Stats(), cpuTime()
		time.Sleep(8 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(ages)
		now := k.Stats()
		if len(ages) == 0 {
			t.Fatal("no pictures")
		}
		t.Logf("%-28s %d pictures, half within %v, 99 of 100 within %v; %d key pictures asked for, %d packets sent again, %d refused; %v CPU of both ends", what,
			len(ages), ages[len(ages)/2].Round(10*time.Microsecond), ages[len(ages)*99/100].Round(10*time.Microsecond), now.Keyframes-before.Keyframes,
			now.Resent-before.Resent, now.ResendDenied-before.ResendDenied, (cpuTime() - cpu).Round(time.Millisecond))
	}
	measure("nobody else")
	for name, harm := range map[string]func(c *client, ssrc uint32){
		"NACK storms": func(c *client, ssrc uint32) {
			nack := &rtcp.TransportLayerNack{MediaSSRC: ssrc}
			for i := range 60 {
				nack.Nacks = append(nack.Nacks, rtcp.NackPair{PacketID: uint16(i * 17), LostPackets: 0xFFFF})
			}
			_ = c.pc.WriteRTCP([]rtcp.Packet{nack})
		},
		"floods of PLI and FIR": func(c *client, ssrc uint32) {
			_ = c.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}, &rtcp.FullIntraRequest{MediaSSRC: ssrc, FIR: []rtcp.FIREntry{{SSRC: ssrc}}}})
		},
		"lies of losses and rates": func(c *client, ssrc uint32) {
			_ = c.pc.WriteRTCP([]rtcp.Packet{&rtcp.ReceiverReport{Reports: []rtcp.ReceptionReport{{SSRC: ssrc, FractionLost: 255}}},
				&rtcp.ReceiverEstimatedMaximumBitrate{Bitrate: 1, SSRCs: []uint32{ssrc}},
				&rtcp.TransportLayerCC{Header: rtcp.Header{Type: rtcp.TypeTransportSpecificFeedback, Count: rtcp.FormatTCC, Length: 5, Padding: true}, MediaSSRC: ssrc, PacketStatusCount: 8000,
					PacketChunks: []rtcp.PacketStatusChunk{&rtcp.RunLengthChunk{Type: rtcp.TypeTCCRunLengthChunk, RunLength: 8000}}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			var all sync.WaitGroup
			for range 5 {
				tracks := make(chan uint32, 1)
				c := newClient(t, k, clientConfig{play: func(tr *webrtc.TrackRemote) {
					tracks <- uint32(tr.SSRC())
					for {
						if _, _, err := tr.ReadRTP(); err != nil {
							return
						}
					}
				}})
				ssrc := wait(t, tracks, "a hostile viewer's track")
				all.Go(func() {
					tick := time.NewTicker(time.Millisecond)
					defer tick.Stop()
					for {
						select {
						case <-stop:
							return
						case <-tick.C:
							harm(c, ssrc)
						}
					}
				})
			}
			measure(name)
			close(stop)
			all.Wait()
		})
	}
	t.Run("datagrams of noise", func(t *testing.T) {
		to, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", k.conn.LocalPort()))
		if err != nil {
			t.Fatal(err)
		}
		defer to.Close()
		stop, done := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			b := make([]byte, 1200)
			for tick := time.NewTicker(time.Millisecond); ; {
				select {
				case <-stop:
					tick.Stop()
					return
				case <-tick.C:
					for range 5 {
						rand.Read(b)
						_, _ = to.Write(b)
					}
				}
			}
		}()
		measure("datagrams of noise")
		close(stop)
		<-done
	})
	measure("nobody else, again")
}
