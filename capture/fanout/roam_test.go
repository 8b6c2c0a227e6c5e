package fanout

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// roaming is a phone's socket that gets another address, as when it joins another network: what it had is gone.
type roaming struct {
	net.PacketConn // where it was first

	mu  sync.Mutex
	now net.PacketConn
	got chan datagram
	end chan struct{}
}

type datagram struct {
	b    []byte
	from net.Addr
}

func newRoaming(t *testing.T) *roaming {
	first, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &roaming{PacketConn: first, now: first, got: make(chan datagram, 1024), end: make(chan struct{})}
	go r.read(first, make(chan struct{}))
	return r
}

// read takes what comes to a socket for as long as it is the phone's.
func (r *roaming) read(c net.PacketConn, media chan struct{}) {
	first := sync.OnceFunc(func() { close(media) })
	for {
		b := make([]byte, 2048)
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		if n > 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223) {
			first()
		}
		select {
		case r.got <- datagram{b[:n], from}:
		case <-r.end:
			return
		}
	}
}

// move gives the phone another address, 127.0.0.N. The channel is closed when media has come to it.
func (r *roaming) move(t *testing.T, n byte) (media <-chan struct{}) {
	t.Helper()
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, n)})
	if err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	old := r.now
	r.now = c
	r.mu.Unlock()
	old.Close()
	there := make(chan struct{})
	go r.read(c, there)
	return there
}

func (r *roaming) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case d := <-r.got:
		return copy(b, d.b), d.from, nil
	case <-r.end:
		return 0, nil, net.ErrClosed
	}
}

func (r *roaming) WriteTo(b []byte, to net.Addr) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.WriteTo(b, to)
}

func (r *roaming) Close() error {
	close(r.end)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now.Close()
}

// A phone that gets another address keeps its connection, channel and all, whether it restarts ICE or does not know that it has moved.
func TestThePictureFollowsAPhone(t *testing.T) {
	for _, c := range []struct {
		name     string
		restarts bool
	}{{"that restarts ICE", true}, {"whose router has given it another address", false}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			phone := newRoaming(t)
			k := newKit(t, Config{})
			k.feed(t, time.Second/30, 1000, 0)
			v := newClient(t, k, clientConfig{channel: true, conn: phone, options: Options{OnMessage: func(v *Viewer, b []byte) { v.Send(append([]byte("heard "), b...)) }}})
			v.frame(t)
			wait(t, v.opened, "the channel")
			for n := byte(2); n < 4; n++ {
				at := v.viewer.Stats().Remote
				moved := time.Now()
				there := phone.move(t, n)
				if c.restarts {
					v.restart(t)
				}
				wait(t, there, "the picture at the new address")
				t.Logf("the picture is there %v after the phone has moved from %s to %s", time.Since(moved).Round(time.Millisecond), at, v.viewer.Stats().Remote)
				if err := v.channel.SendText("hello"); err != nil {
					t.Fatal(err)
				}
				if got := wait(t, v.texts, "an answer"); got != "heard hello" {
					t.Errorf("%q", got)
				}
			}
			if st := k.Stats(); st.Viewers != 1 || st.Left+st.Failed != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// restart is an ICE restart as a player makes it.
func (c *client) restart(t *testing.T) {
	t.Helper()
	offer, err := c.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.pc)
	if err := c.pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	answer, err := c.viewer.Restart(c.pc.LocalDescription().SDP)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
}
