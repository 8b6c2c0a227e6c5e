//go:build lab || bench

package fanout

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

// A bottleneck is a cable between the kit and a namespace full of phones, pion's own peer connections, whose queue is the
// kernel's: netem where the kernel has it, else tbf.
type bottleneck struct {
	t      testing.TB
	layers []capture.Layer
	rates  [maxLayers]atomic.Int64 // kbit/s, as the governor wants them
	kit    *kit
	phones []*watcher
}

const (
	nearEnd, farEnd = "10.99.7.1", "10.99.7.2"
	namespace       = "edgekit-phones"
)

// watcher is a phone, and how it sees things.
type watcher struct {
	*client
	mu   sync.Mutex
	last time.Time
	gap  time.Duration // the longest without a picture
	n    int           // pictures
	taps []time.Duration

	held  map[uint16]*rtp.Packet
	next  uint16
	begun bool
	sound bool      // what it has so far can be decoded
	stuck time.Time // since when a packet is missing; zero: none is
	part  bool      // a picture has begun
}

// heard takes an outcome, which says when it was sent.
func (w *watcher) heard(text string) {
	var sent int64
	if json.Unmarshal([]byte(text), &sent) == nil {
		w.mu.Lock()
		w.taps = append(w.taps, capture.Monotonic()-time.Duration(sent))
		w.mu.Unlock()
	}
}

// play shows pictures in order, as a browser does: what is missing for too long is given up, and a key picture asked for.
func (w *watcher) play(tr *webrtc.TrackRemote) {
	for {
		p, _, err := tr.ReadRTP()
		if err != nil {
			return
		}
		if !w.begun {
			w.begun, w.next = true, p.SequenceNumber
		}
		if int16(p.SequenceNumber-w.next) < 0 {
			continue // twice
		}
		w.held[p.SequenceNumber] = p
		w.show()
		switch {
		case len(w.held) == 0:
			w.stuck = time.Time{}
		case w.stuck.IsZero():
			w.stuck = time.Now()
		case time.Since(w.stuck) > 600*time.Millisecond:
			w.giveUp()
			_ = w.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(tr.SSRC())}})
		}
	}
}

func (w *watcher) show() {
	for p := w.held[w.next]; p != nil; p = w.held[w.next] {
		delete(w.held, w.next)
		w.next++
		w.stuck = time.Time{}
		if !w.part {
			kind := p.Payload[0] & 31
			w.sound = w.sound || kind == 24 || kind == 28 && p.Payload[1]&31 == 5 // parameter sets, which come before a key picture
		}
		if w.part = !p.Marker; p.Marker && w.sound {
			now := time.Now()
			w.mu.Lock()
			w.gap, w.last, w.n = max(w.gap, now.Sub(w.last)), now, w.n+1
			w.mu.Unlock()
		}
	}
}

// giveUp lets go of all up to the end of the latest picture of which that has come.
func (w *watcher) giveUp() {
	w.stuck, w.sound = time.Now(), false
	end, found := w.next, false
	for n, p := range w.held {
		if p.Marker && (!found || int16(n-end) > 0) {
			end, found = n, true
		}
	}
	if !found {
		return
	}
	for n := range w.held {
		if int16(n-end) <= 0 {
			delete(w.held, n)
		}
	}
	w.next, w.part = end+1, false
	w.show()
}

// newBottleneck makes the cable and a kit at its near end. It takes root.
func newBottleneck(t testing.TB, layers []capture.Layer) *bottleneck {
	b := &bottleneck{t: t, layers: layers}
	clean := func() {
		_ = exec.Command("ip", "link", "del", "edgekit-near").Run() // sockets hold the namespace, and so the far end
		_ = exec.Command("ip", "netns", "del", namespace).Run()
	}
	clean() // of a run that was killed
	t.Cleanup(clean)
	for _, line := range []string{
		"netns add " + namespace,
		"link add edgekit-near type veth peer name edgekit-far netns " + namespace,
		"addr add " + nearEnd + "/24 dev edgekit-near",
		"link set edgekit-near up",
		"-n " + namespace + " addr add " + farEnd + "/24 dev edgekit-far",
		"-n " + namespace + " link set edgekit-far up",
	} {
		b.run("ip", line)
	}
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(nearEnd)})
	if err != nil {
		t.Fatal(err)
	}
	b.kit = newKit(t, Config{Conn: udp, MaxViewers: 200, SetBitrate: func(l uint8, kbps int) { b.rates[l].Store(int64(kbps)) }})
	b.kit.SetLayers(layers)
	for _, l := range layers {
		b.rates[l.ID].Store(int64(l.Kbps))
		b.encode(l)
	}
	return b
}

func (b *bottleneck) run(program, args string) {
	b.t.Helper()
	if out, err := exec.Command(program, strings.Fields(args)...).CombinedOutput(); err != nil {
		b.t.Fatalf("%s %s: %v: %s", program, args, err, out)
	}
}

// queue sets the discipline at the kit's end.
func (b *bottleneck) queue(what string) {
	b.t.Helper()
	b.run("tc", "qdisc replace dev edgekit-near root "+what)
}

// encode publishes a layer's pictures at the rate it is to have, until the test ends.
func (b *bottleneck) encode(l capture.Layer) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	b.t.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Second / time.Duration(l.FPS))
		defer tick.Stop()
		for lastKey := (time.Time{}); ; {
			size := int(b.rates[l.ID].Load()) * 1000 / 8 / l.FPS
			key := false
			if now := time.Now(); b.kit.wants[l.ID].Load() && now.Sub(lastKey) > 500*time.Millisecond || lastKey.IsZero() {
				b.kit.wants[l.ID].Store(false)
				key, lastKey, size = true, now, size*6
			}
			au := unit(l.ID, capture.Timestamp(capture.Monotonic()), key, size)
			b.kit.Publish(au)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// there runs something in the phones' namespace.
func (b *bottleneck) there(do func()) {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		fd, err := unix.Open("/run/netns/"+namespace, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			err = unix.Setns(fd, unix.CLONE_NEWNET)
			unix.Close(fd)
		}
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		b.t.Fatal(err)
	}
}

// join adds phones, which look at all that comes.
func (b *bottleneck) join(n int) {
	for range n {
		var udp *net.UDPConn
		var err error
		b.there(func() { udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(farEnd)}) })
		if err != nil {
			b.t.Fatal(err)
		}
		w := &watcher{last: time.Now(), held: map[uint16]*rtp.Packet{}}
		w.client = newClient(b.t, b.kit, clientConfig{channel: true, conn: udp, host: netip.MustParseAddr(nearEnd), play: w.play, heard: w.heard})
		b.phones = append(b.phones, w)
	}
}

// times are how a while was for the phones: the worst of them, but for outcomes.
type times struct {
	least    int // pictures
	gap      time.Duration
	taps     time.Duration // that 95 of 100 outcomes took at most
	outcomes int           // phones that got some
	layers   map[uint8]int
	stats    Stats
}

// watch lets some time go by, with an outcome for each phone twice a second.
func (b *bottleneck) watch(d time.Duration) (s times) {
	for _, w := range b.phones {
		w.mu.Lock()
		w.gap, w.n, w.last, w.taps = 0, 0, time.Now(), nil
		w.mu.Unlock()
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(d); time.Now().Before(end); <-tick.C {
		for _, w := range b.phones {
			w.viewer.Send(fmt.Appendf(nil, "%d", capture.Monotonic()))
		}
	}
	s.layers = map[uint8]int{}
	var taps []time.Duration
	for i, w := range b.phones {
		w.mu.Lock()
		if i == 0 || w.n < s.least {
			s.least = w.n
		}
		s.gap = max(s.gap, w.gap, time.Since(w.last))
		taps = append(taps, w.taps...)
		if len(w.taps) > 0 {
			s.outcomes++
		}
		w.mu.Unlock()
		s.layers[w.viewer.Stats().Layer]++
	}
	slices.Sort(taps)
	if len(taps) > 0 {
		s.taps = taps[len(taps)*95/100]
	}
	s.stats = b.kit.Stats()
	return s
}

func (s times) String() string {
	return fmt.Sprintf("%d pictures at least, %v without one at most, outcomes within %v, layers %v, encoded to %.2f, network %d kbit/s (%v)",
		s.least, s.gap.Round(time.Millisecond), s.taps.Round(time.Millisecond), s.layers, s.stats.Share, s.stats.Carries, s.stats.Tight)
}
