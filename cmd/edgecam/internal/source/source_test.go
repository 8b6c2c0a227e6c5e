package source

import (
	"context"
	"errors"
	"fmt"
	"image"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/capture"
	"edgekit.internal/capture/overlay"
	"edgekit.internal/cmd/edgecam/internal/scale"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plug is a camera that can be pulled, or fall asleep.
type plug struct {
	pulled chan struct{}
	again  atomic.Int32 // times it was to find its focus
	asleep bool
	closed bool
}

func (p *plug) Name() string   { return "Plug" }
func (p *plug) Format() string { return "8x4" }
func (p *plug) Held() bool     { return false }
func (p *plug) At() string     { return "" }
func (p *plug) Tuned() string  { return fmt.Sprint("focus found ", p.again.Load()) }
func (p *plug) Refocus()       { p.again.Add(1) }
func (p *plug) Close() error   { p.closed = true; return nil }

func (p *plug) Run(ctx context.Context, out func(capture.Frame)) error {
	if p.asleep {
		<-ctx.Done()
		return nil
	}
	for {
		select {
		case <-time.After(100 * time.Millisecond):
			out(capture.Frame{Image: scale.Black(8, 4), At: since()})
		case <-p.pulled:
			return errors.New("plug was pulled")
		case <-ctx.Done():
			return nil
		}
	}
}

var began time.Time

func since() time.Duration { return time.Since(began) }

// rig runs a source on synctest's clock and counts what comes out.
type rig struct {
	mu     sync.Mutex
	cam    *plug
	states []string
	titles []string
	sizes  map[image.Point]int
	shown  int // slates
	stop   context.CancelFunc
	ended  chan error
}

func newRig(cam *plug) *rig {
	began = time.Now()
	r := &rig{cam: cam, sizes: map[image.Point]int{}, ended: make(chan error)}
	s := New(Config{
		Open: func() (Camera, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.cam == nil {
				return nil, ErrAbsent
			}
			return r.cam, nil
		},
		Report: func(s capture.Source) { r.add(&r.states, s.State) },
		Put: func(f capture.Frame) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.sizes[f.Image.Rect.Size()]++
			if f.Image.Y[0] == 1 {
				r.shown++
			}
		},
		Size: image.Pt(16, 8),
		Slate: func(title, _ string) *image.YCbCr {
			r.add(&r.titles, title)
			i := scale.Black(16, 8)
			i.Y[0] = 1
			return i
		},
		Now: since,
	})
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.ended <- s.Run(ctx) }()
	return r
}

func (r *rig) add(to *[]string, s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*to = append(*to, s)
}

// after lets time pass and returns how many pictures and slates came meanwhile.
func (r *rig) after(d time.Duration) (pictures, slates int) {
	count := func() (int, int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.sizes[image.Pt(16, 8)], r.shown
	}
	all, shown := count()
	time.Sleep(d)
	synctest.Wait()
	all2, shown2 := count()
	return all2 - all - (shown2 - shown), shown2 - shown
}

func (r *rig) set(cam *plug) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cam = cam
}

func TestSlateFillsInWhileTheCameraIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := &plug{pulled: make(chan struct{})}
		r := newRig(first)
		if n, slates := r.after(time.Second); n < 8 || slates != 0 {
			t.Errorf("%d pictures, %d slates with a camera", n, slates)
		}
		r.set(nil)
		close(first.pulled)
		if n, slates := r.after(5 * time.Second); n > 1 || slates < 24 {
			t.Errorf("%d pictures, %d slates without", n, slates)
		}
		second := &plug{pulled: make(chan struct{})} // under another name, as far as the source knows
		r.set(second)
		if n, _ := r.after(2 * time.Second); n < 8 {
			t.Errorf("%d pictures in 2 s after a camera came back", n)
		}
		r.stop()
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		if !first.closed || !second.closed {
			t.Error("a camera was left open")
		}
		if d := cmp.Diff([]string{"opening", "ready", "failed", "absent", "opening", "ready"}, r.states); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{"The camera has stopped", "Camera unplugged"}, r.titles); d != "" || len(r.sizes) != 1 {
			t.Errorf("%v %s", r.sizes, d)
		}
	})
}

func TestNoCameraOrASilentOneIsSaid(t *testing.T) {
	for want, cam := range map[string]*plug{"No camera yet": nil, "The camera is slow to answer": {asleep: true}} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(cam)
			if n, slates := r.after(3 * time.Second); n != 0 || slates < 7 {
				t.Errorf("%d pictures, %d slates", n, slates)
			}
			r.stop()
			<-r.ended
			if d := cmp.Diff([]string{want}, r.titles); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestSlateIsLegible(t *testing.T) {
	fonts, err := overlay.LoadFonts()
	if err != nil {
		t.Fatal(err)
	}
	img := Slate(fonts, image.Pt(640, 360))("Camera unplugged", stillBuy)
	bright := 0
	for _, v := range img.Y {
		if v < slateBottom || v > white {
			t.Fatalf("luma %d", v)
		}
		if v > 200 {
			bright++
		}
	}
	if bright < 1000 {
		t.Errorf("%d bright pixels: no text", bright)
	}
}

// TestACameraIsToldToFocusAgain while it runs, and none is when there is none; what it says of itself is reported when it changes.
func TestACameraIsToldToFocusAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began = time.Now()
		cam := &plug{pulled: make(chan struct{})}
		said := make(chan string, 10)
		s := New(Config{Open: func() (Camera, error) { return cam, nil }, Report: func(s capture.Source) {
			if s.State == "ready" {
				said <- s.Tuned
			}
		}, Put: func(capture.Frame) {}, Size: image.Pt(8, 4), Slate: func(string, string) *image.YCbCr { return scale.Black(8, 4) }, Now: since})
		s.Refocus() // nothing runs
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		if first := <-said; first != "focus found 0" {
			t.Errorf("%q", first)
		}
		s.Refocus()
		if then := <-said; then != "focus found 1" {
			t.Errorf("%q", then)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		s.Refocus()
		if n := cam.again.Load(); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}

// TestAnotherCameraIsChosen: it is there at once, and nothing is said to have failed. With one alone nothing happens.
func TestAnotherCameraIsChosen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began = time.Now()
		cams := []*plug{{pulled: make(chan struct{})}, {pulled: make(chan struct{})}}
		opened, turn, many := 0, 0, atomic.Int32{}
		many.Store(1)
		var states []string
		s := New(Config{Open: func() (Camera, error) { opened++; return cams[turn%2], nil }, Choice: Choice{Next: func() { turn++ }, Of: func() int { return int(many.Load()) }},
			Report: func(s capture.Source) { states = append(states, s.State) }, Put: func(capture.Frame) {}, Size: image.Pt(8, 4),
			Slate: func(string, string) *image.YCbCr { return scale.Black(8, 4) }, Now: since})
		s.Next() // none runs
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(1050 * time.Millisecond)
		s.Next() // there is none yet
		many.Store(2)
		time.Sleep(countEvery + countEvery/2)
		s.Next()
		time.Sleep(150 * time.Millisecond) // far less than a camera that failed would be waited for
		synctest.Wait()
		if opened != 2 || !cams[0].closed || cams[1].closed || turn != 1 {
			t.Errorf("opened %d times, turned %d times, %+v", opened, turn, cams)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		// The second "ready" says that there is a choice now.
		if d := cmp.Diff([]string{"opening", "ready", "ready", "opening", "ready"}, states); d != "" {
			t.Error(d)
		}
	})
}

// TestASlateComesThoughTheCamerasDriverHangs: neither opening a camera nor counting them holds it up, nor does what a console asks.
func TestASlateComesThoughTheCamerasDriverHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began = time.Now()
		hang := make(chan struct{})
		slates := 0
		s := New(Config{Open: func() (Camera, error) { <-hang; return nil, ErrAbsent },
			Choice: Choice{Next: func() {}, Prefer: func(string) bool { <-hang; return false }, Of: func() int { <-hang; return 1 }},
			Report: func(capture.Source) {}, Put: func(capture.Frame) { slates++ }, Size: image.Pt(8, 4),
			Slate: func(string, string) *image.YCbCr { return scale.Black(8, 4) }, Now: since})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		for range 3 {
			s.Prefer("there")
			s.Next()
			s.Refocus()
		}
		time.Sleep(stallAfter + time.Second)
		synctest.Wait()
		if slates < 4 {
			t.Errorf("%d slates", slates)
		}
		stop()
		close(hang)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
