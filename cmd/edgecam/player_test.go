package main

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout"
)

// stream is what a player knows of one of its streams: packets, and the kit's reports of how timestamps and its clock relate.
type stream struct {
	packets chan *rtp.Packet
	reports chan *rtcp.SenderReport
}

// play connects a player that knows nothing of the kit but its answer to what a kit sends. Taken is when the pictures were, by timestamp.
func play(t *testing.T, k *kit) (_ map[webrtc.RTPCodecType]*stream, taken *sync.Map) {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	fan, err := fanout.New(fanout.Config{Conn: udp, WantKeyframe: k.WantKeyframe})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	taken = &sync.Map{}
	ended, fed := make(chan error), make(chan struct{})
	go func() { ended <- fan.Run(ctx) }()
	go func() {
		defer close(fed)
		for {
			select {
			case e := <-k.events:
				switch e := e.(type) {
				case []capture.Layer:
					fan.SetLayers(e)
				case capture.AccessUnit:
					taken.Store(e.RTP, e.At)
					fan.Publish(e)
				case capture.Sound:
					fan.Sound(e)
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-fed
		if err := <-ended; err != nil {
			t.Error(err)
		}
		udp.Close()
	})
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	se.SetIPFilter(net.IP.IsLoopback)
	se.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	se.SetICEMulticastDNSMode(0)
	var me webrtc.MediaEngine
	if err := me.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithSettingEngine(se), webrtc.WithMediaEngine(&me)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	streams := map[webrtc.RTPCodecType]*stream{}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		streams[kind] = &stream{make(chan *rtp.Packet, 4096), make(chan *rtcp.SenderReport, 64)}
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}); err != nil {
			t.Fatal(err)
		}
	}
	pc.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		s := streams[tr.Kind()]
		go func() {
			for {
				packets, _, err := r.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range packets {
					if sr, ok := p.(*rtcp.SenderReport); ok {
						s.reports <- sr
					}
				}
			}
		}()
		for {
			p, _, err := tr.ReadRTP()
			if err != nil {
				return
			}
			s.packets <- p
		}
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
	_, answer, err := fan.Accept(pc.LocalDescription().SDP, fanout.Options{Hosts: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatalf("%v in\n%s", err, answer)
	}
	return streams, taken
}

// at is when a timestamp was, by a report: in the clock that the reports of all streams of a kit have in common.
func at(r *rtcp.SenderReport, timestamp uint32, rate int) time.Duration {
	ntp := time.Duration(r.NTPTime>>32)*time.Second + time.Duration((r.NTPTime&0xFFFFFFFF)*1e9>>32)
	return ntp + time.Duration(int32(timestamp-r.RTPTime))*time.Second/time.Duration(rate)
}

// TestAPlayerCanHaveVoiceAndPictureInStep: of each knock it can tell that it began with a second, and of each picture when that was taken, both in the
// clock that the reports have in common. So it can show what knocks as it is heard, however many pictures there are.
func TestAPlayerCanHaveVoiceAndPictureInStep(t *testing.T) {
	k := startKit(t, heard...)
	streams, taken := play(t, k)
	voice, picture := streams[webrtc.RTPCodecTypeAudio], streams[webrtc.RTPCodecTypeVideo]
	told, showed := <-voice.reports, <-picture.reports
	l := newListener(t)
	pictures, worst := 0, time.Duration(0)
	for len(l.knocks) < 4 || pictures < 20 {
		select {
		case p := <-voice.packets:
			at := at(told, p.Timestamp, capture.SoundRate)
			l.hear(capture.Sound{RTP: capture.SoundTimestamp(at), At: at, Data: p.Payload})
		case p := <-picture.packets:
			if was, ok := taken.Load(p.Timestamp); ok && p.Marker {
				pictures++
				worst = max(worst, (at(showed, p.Timestamp, capture.ClockRate) - was.(time.Duration)).Abs())
			}
		}
	}
	for _, knock := range l.knocks[1:] { // the first may have been cut
		t.Logf("a knock %+.2f ms from its second, pictures at most %.2f ms from when they were taken", (knock-knock.Round(time.Second)).Seconds()*1000, worst.Seconds()*1000)
		if apart := (knock - knock.Round(time.Second)).Abs() + worst; apart > 45*time.Millisecond {
			t.Errorf("by the reports voice and picture are up to %v apart", apart)
		}
	}
}
