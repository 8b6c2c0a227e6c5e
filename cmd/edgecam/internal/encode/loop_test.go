package encode

import (
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/cmd/edgecam/internal/scale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeEncoder makes a key picture first and when forced; it can take its time or fail.
type fakeEncoder struct {
	w, h  int
	n     int
	kbps  int
	takes time.Duration
	fails error
}

func (e *fakeEncoder) Encode(img *image.YCbCr, key bool) ([]byte, error) {
	if img.Rect.Dx() != e.w || img.Rect.Dy() != e.h {
		return nil, fmt.Errorf("picture %v", img.Rect)
	}
	time.Sleep(e.takes) // of synctest's clock
	e.n++
	if key || e.n == 1 {
		return []byte{0, 0, 1, 0x65, img.Y[0]}, e.fails
	}
	return []byte{0, 0, 1, 0x41, img.Y[0]}, e.fails
}

func (e *fakeEncoder) SetBitrate(kbps int) error { e.kbps = kbps; return nil }
func (e *fakeEncoder) Close() error              { return nil }

// recorder is link and painter.
type recorder struct {
	mu     sync.Mutex
	log    []string
	beats  []camlink.Beat
	full   bool // refuse access units
	stills chan []byte
	rev    uint64
	areas  []capture.Area
	next   []capture.Area // of revision rev + 1; nil: the same
}

func (r *recorder) add(s string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, s)
	return nil
}

func (r *recorder) SendAreas(a capture.Areas) error {
	return r.add(fmt.Sprintf("areas %d rev %d n %d", a.RTP, a.Rev, len(a.Areas)))
}

func (r *recorder) SendAccessUnit(au capture.AccessUnit) (bool, error) {
	kind := "P"
	if au.Key {
		kind = "IDR"
	}
	return !r.full, r.add(fmt.Sprintf("%s%d %d", kind, au.Layer, au.RTP))
}

func (r *recorder) SendStill(jpeg []byte) error {
	r.stills <- jpeg
	return nil
}

func (r *recorder) SendBeat(b camlink.Beat) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.beats = append(r.beats, b)
	return nil
}

func (r *recorder) pulse() (n int, last camlink.Beat) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.beats), r.beats[len(r.beats)-1]
}

func (r *recorder) Draw(*image.YCbCr, time.Duration) (uint64, []capture.Area) { return r.rev, r.areas }

func (r *recorder) Next() (uint64, []capture.Area, bool) { return r.rev + 1, r.next, r.next != nil }

func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.log
	r.log = nil
	slices.Sort(out) // layers finish in any order; areas sort behind them and are looked at apart
	return out
}

func rig(t *testing.T, layers ...capture.Layer) (*Loop, *recorder, []*fakeEncoder) {
	t.Helper()
	r := &recorder{stills: make(chan []byte, 4)}
	var encoders []*fakeEncoder
	l, err := New(Config{Layers: layers, Painter: r, Link: r, Frames: NewSlot(),
		Encoder: func(c capture.Layer) (Encoder, error) {
			encoders = append(encoders, &fakeEncoder{w: c.Width, h: c.Height})
			return encoders[len(encoders)-1], nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return l, r, encoders
}

var full, small = capture.Layer{ID: 0, Width: 64, Height: 32, FPS: 10, Kbps: 1}, capture.Layer{ID: 1, Width: 32, Height: 16, FPS: 10, Kbps: 1}

// frame is the n-th picture of a camera at 10 a second.
func frame(n int) capture.Frame {
	return capture.Frame{Image: scale.Black(64, 32), At: time.Hour + time.Duration(n)*100*time.Millisecond}
}

func rtp(n int) uint32 { return capture.Timestamp(frame(n).At) }

func TestEveryPictureGoesToEveryLayerWithItsTimestamp(t *testing.T) {
	l, r, enc := rig(t, full, small)
	l.SetBitrate(1, 77)
	for n := range 2 {
		if err := l.picture(frame(n)); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{fmt.Sprintf("IDR0 %d", rtp(0)), fmt.Sprintf("IDR1 %d", rtp(0)), fmt.Sprintf("P0 %d", rtp(1)), fmt.Sprintf("P1 %d", rtp(1))}
	if d := cmp.Diff(want, r.take()); d != "" {
		t.Error(d)
	}
	if enc[0].kbps != 0 || enc[1].kbps != 77 {
		t.Errorf("targets %d and %d", enc[0].kbps, enc[1].kbps)
	}
}

func TestAreasComeBeforeTheFirstPictureThatShowsThemAndOnlyOnChange(t *testing.T) {
	l, r, _ := rig(t, full)
	step := func(n int) string {
		if err := l.picture(frame(n)); err != nil {
			t.Fatal(err)
		}
		out := fmt.Sprint(r.log)
		r.log = nil
		return out
	}
	for n, c := range []struct {
		change func()
		want   string
	}{
		{func() {}, fmt.Sprintf("[IDR0 %d]", rtp(0))},
		{func() { r.rev, r.areas = 4, []capture.Area{{Offer: "mug"}} }, fmt.Sprintf("[areas %d rev 4 n 1 P0 %d]", rtp(1), rtp(1))},
		{func() {}, fmt.Sprintf("[P0 %d]", rtp(2))},
		{func() { r.areas[0].X = 0.5 }, fmt.Sprintf("[areas %d rev 4 n 1 P0 %d]", rtp(3), rtp(3))},
		{func() { r.rev = 5 }, fmt.Sprintf("[areas %d rev 5 n 1 P0 %d]", rtp(4), rtp(4))},
		{func() { r.next = make([]capture.Area, 2) }, fmt.Sprintf("[areas %d rev 6 n 2 P0 %d]", rtp(5)+1, rtp(5))},
		{func() { r.rev, r.areas, r.next = 6, r.next, nil }, fmt.Sprintf("[P0 %d]", rtp(6))},
	} {
		c.change()
		if got := step(n); got != c.want {
			t.Errorf("picture %d: %s, expected %s", n, got, c.want)
		}
	}
}

func TestKeyPicturesOnDemandAreThrottledNotForgotten(t *testing.T) {
	l, r, _ := rig(t, full, small)
	l.WantKeyframe(0) // answered by the first picture
	l.WantKeyframe(9) // nobody
	keys := map[int]string{}
	for n := range 20 {
		if n == 8 || n == 9 || n == 10 {
			l.WantKeyframe(0)
		}
		if err := l.picture(frame(n)); err != nil {
			t.Fatal(err)
		}
		for _, s := range r.take() {
			if s[0] == 'I' {
				keys[n] += s[:4]
			}
		}
	}
	// Asked at 8: at once, nothing came for 500 ms. Asked again at 9 and 10: one, 500 ms after the last.
	if d := cmp.Diff(map[int]string{0: "IDR0IDR1", 8: "IDR0", 13: "IDR0"}, keys); d != "" {
		t.Error(d)
	}
}

func TestDroppedPictureLeadsToAKeyPicture(t *testing.T) {
	l, r, _ := rig(t, full)
	for n := range 12 {
		r.full = n == 5
		if err := l.picture(frame(n)); err != nil {
			t.Fatal(err)
		}
	}
	want := fmt.Sprintf("IDR0 %d", rtp(6))
	if log := r.take(); !slices.Contains(log, want) {
		t.Errorf("no %s in %v", want, log)
	}
}

func TestPicturesOutOfOrderAreDropped(t *testing.T) {
	l, r, _ := rig(t, full)
	for _, n := range []int{5, 5, 4, 6} {
		if err := l.picture(frame(n)); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{fmt.Sprintf("IDR0 %d", rtp(5)), fmt.Sprintf("P0 %d", rtp(6))}, r.take()); d != "" || l.late != 2 {
		t.Errorf("%d dropped, %s", l.late, d)
	}
}

func TestSlowLayersGetTheirShareOfAFastCamera(t *testing.T) {
	for _, c := range []struct{ camera, layer, want int }{{30, 30, 300}, {60, 30, 300}, {30, 15, 150}, {25, 30, 250}, {50, 20, 200}} {
		p := pacer{every: time.Second / time.Duration(c.layer)}
		n := 0
		for i := range 10 * c.camera {
			jitter := time.Duration(i%3-1) * time.Second / time.Duration(5*c.camera)
			if p.due(time.Hour + time.Second*time.Duration(i)/time.Duration(c.camera) + jitter) {
				n++
			}
		}
		if n < c.want-2 || n > c.want+2 {
			t.Errorf("camera %d/s, layer %d/s: %d pictures in 10 s, expected %d", c.camera, c.layer, n, c.want)
		}
	}
}

func TestNewestPictureWinsAndBeatsGoOnWithoutPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, r, enc := rig(t, full)
		enc[0].takes = 330 * time.Millisecond // slower than the camera
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		for n := range 8 {
			l.cfg.Frames.Put(frame(n))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if d := cmp.Diff([]string{fmt.Sprintf("IDR0 %d", rtp(0)), fmt.Sprintf("P0 %d", rtp(3)), fmt.Sprintf("P0 %d", rtp(6)), fmt.Sprintf("P0 %d", rtp(7))}, r.take()); d != "" {
			t.Error(d)
		}
		before, last := r.pulse()
		if last.Frames != 4 || last.Drops != 4 || last.Mean <= 0 {
			t.Errorf("%+v, expected 4 pictures and 4 drops", last)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n, _ := r.pulse(); n < before+9 || n > before+11 {
			t.Errorf("%d beats in a second without pictures", n-before)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestFailingEncoderEndsTheLoop(t *testing.T) {
	l, r, enc := rig(t, full, small)
	enc[1].fails = errors.New("boom")
	l.cfg.Frames.Put(frame(0))
	if err := l.Run(t.Context()); err == nil || err.Error() != "layer 1: boom" {
		t.Error(err)
	}
	if got := r.take(); len(got) != 1 {
		t.Errorf("sent %v", got)
	}
	if _, err := New(Config{Layers: []capture.Layer{full}, Encoder: func(capture.Layer) (Encoder, error) { return nil, errors.New("no") }}); err == nil {
		t.Error("a loop without encoder")
	}
}
