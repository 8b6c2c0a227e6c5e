// Package source gives the encode loop pictures at all times: from the camera while there is one, and else a slate that
// says what is wrong, so that viewers keep a picture to tap in. Cameras may come, go and come back under another name.
package source

import (
	"context"
	"errors"
	"image"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/edgecam/internal/scale"
)

const (
	retryEvery = time.Second            // how often a camera is looked for, and a failed one tried again
	slateEvery = 200 * time.Millisecond // pictures of the slate: countdowns in prompts go on
	stallAfter = 1500 * time.Millisecond
	countEvery = time.Second // how often it is looked how many cameras there are
)

// Camera is something that takes pictures.
type Camera interface {
	Name() string   // "HD Webcam"
	Format() string // "MJPEG 1280x720 30/s"

	// Run hands out pictures until ctx ends or the camera does; out must not keep it waiting.
	Run(ctx context.Context, out func(capture.Frame)) error
	Close() error
}

// Choice is that of one camera among several. Without one, both are nil.
type Choice struct {
	Next   func()                       // has another one opened the next time
	Prefer func(at string) (other bool) // has that one opened the next time; other: it is there, and is not the one that was opened last
	Of     func() int                   // how many are plugged in
}

// Tuned is a Camera with controls of its own.
type Tuned interface {
	At() string    // where it is plugged in
	Tuned() string // how its controls are set, in words
	Held() bool    // focus and colours were found, and are held
	Refocus()      // has it find focus and colours anew
}

// ErrAbsent is why there is no camera when none is plugged in.
var ErrAbsent = errors.New("no camera is plugged in; plug one in, or start with -camera synthetic")

// Config wires a Source. Functions are called from different goroutines.
type Config struct {
	Open   func() (Camera, error)               // the camera to use now, ErrAbsent when there is none
	Choice                                      // of what Open opens
	Report func(capture.Source)                 // called when the state changes
	Put    func(capture.Frame)                  // takes each picture, must not block
	Size   image.Point                          // of pictures; all are brought to it
	Slate  func(title, sub string) *image.YCbCr // draws a slate of Size
	Now    func() time.Duration                 // nil: capture.Monotonic
}

// Source keeps a camera running.
type Source struct {
	cfg   Config
	asked chan string // the place of a camera to go on with, until it is looked for; a newer one takes its place

	mu    sync.Mutex
	state capture.Source
	tuned Tuned         // the camera that runs, if it is one
	leave func()        // has it end for another one; nil: none runs
	of    int           // cameras plugged in, at the last look
	seen  bool          // a camera worked once
	last  time.Duration // its latest picture, or when it was opened; at first, when this was made
}

// New prepares a source.
func New(cfg Config) *Source {
	if cfg.Now == nil {
		cfg.Now = capture.Monotonic
	}
	return &Source{cfg: cfg, asked: make(chan string, 1), last: cfg.Now()}
}

// Run gives pictures until ctx ends, and returns nil then: no fault of a camera ends it.
func (s *Source) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { s.cameras(ctx); return nil })
	group.Go(func() error { s.slates(ctx); return nil })
	group.Go(func() error { s.looks(ctx); return nil })
	return group.Wait()
}

func (s *Source) cameras(ctx context.Context) {
	for ctx.Err() == nil {
		began := s.cfg.Now()
		err := s.camera(ctx)
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errLeft) {
			continue
		}
		s.down(err)
		if s.cfg.Now()-began > retryEvery {
			continue // it ran: there may be another one
		}
		t := time.NewTimer(retryEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
	}
}

// errLeft is why a camera ended that worked: another one was chosen.
var errLeft = errors.New("another camera was chosen")

// camera runs one camera to its end.
func (s *Source) camera(ctx context.Context) (err error) {
	cam, err := s.cfg.Open()
	if err != nil {
		return err
	}
	defer func() {
		if e := cam.Close(); err == nil {
			err = e
		}
	}()
	tuned, _ := cam.(Tuned)
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	s.run(tuned, func() { leave(errLeft) })
	defer s.run(nil, nil)
	s.set(capture.Source{State: "opening", Name: cam.Name(), Format: cam.Format()})
	fit := scale.NewFitter(s.cfg.Size.X, s.cfg.Size.Y)
	err = cam.Run(ctx, func(f capture.Frame) {
		f.Image = fit.Fit(f.Image)
		state := capture.Source{State: "ready", Name: cam.Name(), Format: cam.Format(), Of: s.many()}
		if tuned != nil {
			state.At, state.Tuned, state.Held = tuned.At(), tuned.Tuned(), tuned.Held()
		}
		s.set(state)
		s.cfg.Put(f)
	})
	if err == nil && context.Cause(ctx) == errLeft {
		return errLeft
	}
	if err == nil && ctx.Err() == nil {
		err = errors.New("the camera ended by itself")
	}
	return err
}

// run takes note of the camera that runs.
func (s *Source) run(t Tuned, leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tuned, s.leave = t, leave
}

func (s *Source) many() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of
}

// count looks how many cameras there are, if there is a choice.
func (s *Source) count() {
	if s.cfg.Of != nil {
		of := s.cfg.Of()
		s.mu.Lock()
		s.of = of
		s.mu.Unlock()
	}
}

// looks looks for cameras beside all else: a driver may take seconds to answer.
func (s *Source) looks(ctx context.Context) {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for {
		s.count()
		select {
		case <-ctx.Done():
			return
		case at := <-s.asked:
			s.prefer(at)
		case <-tick.C:
		}
	}
}

// Next goes on with another camera, if several are plugged in.
func (s *Source) Next() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Next == nil || s.leave == nil || s.of < 2 {
		return
	}
	s.cfg.Next()
	s.leave()
}

// Prefer goes on with the camera in that place, if it is there: the one that ran in the last life of this program.
func (s *Source) Prefer(at string) {
	if s.cfg.Prefer == nil {
		return
	}
	for {
		select {
		case s.asked <- at:
			return
		default:
		}
		select {
		case <-s.asked:
		default:
		}
	}
}

func (s *Source) prefer(at string) {
	other := s.cfg.Prefer(at)
	s.mu.Lock()
	defer s.mu.Unlock()
	if other && s.leave != nil {
		s.leave()
	}
}

// Refocus has the camera find focus and colours anew, if it has controls for that.
func (s *Source) Refocus() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tuned != nil {
		s.tuned.Refocus()
	}
}

// down reports that there is no camera now, and why.
func (s *Source) down(err error) {
	was := s.now()
	if errors.Is(err, ErrAbsent) {
		s.set(capture.Source{State: "absent", Reason: err.Error()})
		return
	}
	s.set(capture.Source{State: "failed", Name: was.Name, Format: was.Format, Reason: err.Error()})
}

func (s *Source) now() capture.Source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// set notes a state, and reports it when it is another.
func (s *Source) set(state capture.Source) {
	s.mu.Lock()
	s.last = s.cfg.Now()
	changed := state != s.state
	s.state = state
	s.seen = s.seen || state.State == "ready"
	s.mu.Unlock()
	if changed {
		s.cfg.Report(state)
	}
}

// slates fills in while no camera gives pictures.
func (s *Source) slates(ctx context.Context) {
	tick := time.NewTicker(slateEvery)
	defer tick.Stop()
	var drawn *image.YCbCr
	var of words
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		w, wanted := s.words()
		if !wanted {
			continue
		}
		if drawn == nil || w != of {
			drawn, of = s.cfg.Slate(w.title, w.sub), w
		}
		s.cfg.Put(capture.Frame{Image: clone(drawn), At: s.cfg.Now()})
	}
}

// words are what a slate says.
type words struct{ title, sub string }

const stillBuy = "You can still buy"

func (s *Source) words() (words, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state.State {
	case "ready", "opening", "": // nothing yet: it is being opened
		return words{"The camera is slow to answer", stillBuy}, s.cfg.Now()-s.last > stallAfter
	case "failed":
		if s.seen {
			return words{"The camera has stopped", stillBuy}, true
		}
		return words{"The camera does not work", stillBuy}, true
	case "absent":
		if s.seen {
			return words{"Camera unplugged", stillBuy}, true
		}
		return words{"No camera yet", stillBuy}, true
	}
	return words{}, false
}

func clone(img *image.YCbCr) *image.YCbCr {
	c := image.NewYCbCr(img.Rect, img.SubsampleRatio) // has the same strides: slates are made the same way
	copy(c.Y, img.Y)
	copy(c.Cb, img.Cb)
	copy(c.Cr, img.Cr)
	return c
}
