package fanout

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"edgekit.internal/capture"
	"edgekit.internal/capture/fanout/internal/offer"
	"edgekit.internal/capture/fanout/internal/seal"
)

// silence is 20 ms of it in Opus: a frame of CELT with nothing in it.
var silence = []byte{0xF8, 0xFF, 0xFE}

// speak publishes silence until the test ends, each packet with its number behind the Opus frame, which ends where its bits do.
func (k *kit) speak(t testing.TB) {
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(capture.SoundLen)
		defer tick.Stop()
		for i := uint32(0); ; i++ {
			k.Sound(capture.Sound{RTP: 0xFFFFF000 + i*960, Data: append(bytes.Clone(silence), byte(i>>8), byte(i))})
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	}()
}

// number is which packet it was, by its payload and by its timestamp.
func number(t *testing.T, p *rtp.Packet) uint32 {
	t.Helper()
	n := uint32(p.Payload[3])<<8 | uint32(p.Payload[4])
	if !bytes.HasPrefix(p.Payload, silence) || p.Timestamp != 0xFFFFF000+n*960 {
		t.Fatalf("packet %x with timestamp %d", p.Payload, p.Timestamp)
	}
	return n
}

// TestSoundReachesThoseWhoListen: each packet in order and under a number of its own, under both ciphers; nobody else is sent any.
func TestSoundReachesThoseWhoListen(t *testing.T) {
	for _, cipher := range []Cipher{GCM, CMSHA1} {
		t.Run(fmt.Sprintf("%#04x", uint16(cipher)), func(t *testing.T) {
			k := newKit(t, Config{Ciphers: []Cipher{cipher}})
			k.feed(t, 20*time.Millisecond, 800, 0)
			k.speak(t)
			deaf := newClient(t, k, clientConfig{channel: true})
			later := newClient(t, k, clientConfig{sound: true, channel: true, options: Options{Silent: true}})
			c := newClient(t, k, clientConfig{sound: true})
			first := wait(t, c.sound, "sound")
			if !first.Marker || first.SSRC != c.viewer.voice.SSRC || first.SSRC == c.viewer.track.ssrc {
				t.Errorf("the first packet: %+v", first.Header)
			}
			last, seq := number(t, first), first.SequenceNumber
			for range 30 {
				p := wait(t, c.sound, "sound")
				n := number(t, p)
				if p.Marker || p.SequenceNumber != seq+1 || n != last+1 || p.Extension {
					t.Errorf("packet %d, number %d, after %d, number %d: %+v", n, p.SequenceNumber, last, seq, p.Header)
				}
				last, seq = n, p.SequenceNumber
			}
			deaf.frame(t)
			later.frame(t)
			if len(deaf.sound)+len(later.sound) != 0 {
				t.Errorf("%d packets to one that takes no sound, %d to one that has not asked", len(deaf.sound), len(later.sound))
			}
			later.viewer.SetSound(true)
			if p := wait(t, later.sound, "sound that was asked for"); !p.Marker || number(t, p) == 0 {
				t.Errorf("the first packet: %+v", p.Header)
			}
			later.viewer.SetSound(false)
			quiet := func() bool {
				n := len(later.sound)
				wait(t, c.sound, "sound")
				wait(t, c.sound, "sound")
				return n == len(later.sound)
			}
			until(t, "nothing comes any more", quiet)
			c.frame(t)
			if st := k.Stats(); st.Sounds < 30 || st.SendErrors != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestReportsOfPictureAndSoundAreByOneClock: from each a player reckons the same instant, to the tick, for what was taken at the same time.
func TestReportsOfPictureAndSoundAreByOneClock(t *testing.T) {
	k := newKit(t, Config{})
	k.feed(t, 20*time.Millisecond, 800, 0)
	k.speak(t)
	c := newClient(t, k, clientConfig{sound: true})
	reports := make(chan *rtcp.SenderReport, 64)
	names := make(chan string, 64)
	for _, r := range c.pc.GetReceivers() {
		go func() {
			for {
				packets, _, err := r.ReadRTCP()
				if err != nil {
					return
				}
				for _, p := range packets {
					switch p := p.(type) {
					case *rtcp.SenderReport:
						reports <- p
					case *rtcp.SourceDescription:
						names <- p.Chunks[0].Items[0].Text
					}
				}
			}
		}()
	}
	seen := map[uint32]int{}
	for seen[c.viewer.track.ssrc] < 2 || seen[c.viewer.voice.SSRC] < 2 {
		r := wait(t, reports, "a sender report")
		at := time.Duration(r.NTPTime>>32)*time.Second + time.Duration((r.NTPTime&0xFFFFFFFF)*1e9>>32)
		want := capture.Timestamp(at)
		if r.SSRC == c.viewer.voice.SSRC {
			want = capture.SoundTimestamp(at)
			if r.PacketCount == 0 || r.OctetCount != 5*r.PacketCount {
				t.Errorf("%d packets of %d bytes were sent, says %+v", r.PacketCount, r.OctetCount, r)
			}
		}
		if d := int32(r.RTPTime - want); d < -1 || d > 1 {
			t.Errorf("stream %d: timestamp %d at %v, expected %d", r.SSRC, r.RTPTime, at, want)
		}
		if name := wait(t, names, "a name"); name != cname {
			t.Errorf("the name is %q", name)
		}
		seen[r.SSRC]++
	}
}

// TestSoundForWhichThereIsNoRoomIsLostAndTheNextIsNot: its number too, so that the player looks for it in the one after it; and never is there
// another packet under a number that was used.
func TestSoundForWhichThereIsNoRoomIsLostAndTheNextIsNot(t *testing.T) {
	s := idle(t)
	v := s.newViewer(offer.Offer{PayloadType: 106, Sound: true, SoundType: 111}, Options{})
	t.Cleanup(v.Close)
	v.remote.Store(s.way(netip.MustParseAddrPort("127.0.0.1:9"), nil))
	v.heard.Store(int64(s.clock()))
	var sent [][]byte
	g := &gate{room: -1, open: make(chan struct{}), took: func(_ netip.AddrPort, b []byte) { sent = append(sent, bytes.Clone(b)) }}
	x := newSender(s, g)
	media, err := seal.New(GCM, make([]byte, 16), make([]byte, GCM.SaltLen()))
	if err != nil {
		t.Fatal(err)
	}
	x.join(v, media, nil)
	say := func(i uint32) {
		x.sound(capture.Sound{RTP: i * 960, Data: []byte{byte(i)}})
		x.flush()
	}
	say(1)
	g.room = 0
	say(2) // finds the socket full
	say(3)
	if !x.blocked || len(sent) != 1 {
		t.Fatalf("blocked %v, %d sent", x.blocked, len(sent))
	}
	g.room = -1
	close(g.open)
	if err := <-x.writable; err != nil {
		t.Fatal(err)
	}
	x.blocked = false
	say(4)
	if len(sent) != 2 {
		t.Fatalf("%d sent", len(sent))
	}
	var a, b rtp.Packet
	if a.Unmarshal(sent[0]) != nil || b.Unmarshal(sent[1]) != nil || b.SequenceNumber != a.SequenceNumber+3 || b.Timestamp != 4*960 {
		t.Errorf("%+v and %+v", a.Header, b.Header)
	}
	if s.Stats().SoundLate == 0 {
		t.Errorf("%+v", s.Stats())
	}
}
