package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"slices"
	"strings"
	"sync"

	"edgekit.internal/capture"
	"edgekit.internal/capture/file"
	"edgekit.internal/capture/synth"
	"edgekit.internal/capture/v4l2"
	"edgekit.internal/cmd/edgecam/internal/scale"
)

// Want says which camera, and what of it.
type Want struct {
	Camera string      // auto, synthetic, file:PATH or /dev/videoN
	Size   image.Point // of pictures, even
	FPS    int
	Pace   *capture.Pace // which pictures are made; nil: all
	Tuning v4l2.Tuning   // of a camera's own controls
	H264   *v4l2.H264    // reads cameras' H.264; nil: it is not read
}

// Opener gives the function by which Config opens the camera that is wanted, each time anew, and the one that chooses another, where
// several may be plugged in. Only a name of no known form is an error here; a camera or file that is not there
// is one when it is opened, since it may come.
func Opener(w Want) (open func() (Camera, error), c Choice, err error) {
	devices := &v4l2.Devices{H264: w.H264}
	mode := v4l2.Want{Width: w.Size.X, Height: w.Size.Y, FPS: w.FPS, Tuning: w.Tuning}
	path, isFile := strings.CutPrefix(w.Camera, "file:")
	switch {
	case w.Camera == "synthetic":
		return func() (Camera, error) { return newSynthetic(w), nil }, Choice{}, nil
	case isFile && path != "":
		return func() (Camera, error) { return openFile(path, w) }, Choice{}, nil
	case w.Camera == "auto":
		f := &finder{find: devices.Find, nodes: v4l2.Nodes, stuck: devices.Stuck, open: func(path string) (Camera, error) { return openDevice(devices, path, mode, w.Pace) }}
		return f.camera, Choice{Next: f.next, Prefer: f.prefer, Of: f.of}, nil
	case strings.HasPrefix(w.Camera, "/dev/"):
		return func() (Camera, error) { return openDevice(devices, w.Camera, mode, w.Pace) }, Choice{}, nil
	}
	return nil, Choice{}, fmt.Errorf("camera %q, expected auto, synthetic, file:PATH or /dev/videoN", w.Camera)
}

// synthetic is the camera for which nothing need be closed.
type synthetic struct{ *synth.Camera }

func newSynthetic(w Want) Camera {
	c := synth.New(w.Size.X, w.Size.Y, w.FPS)
	c.Pace = w.Pace
	return synthetic{c}
}

func (synthetic) Name() string { return synth.Name }
func (synthetic) Close() error { return nil }

func openFile(path string, w Want) (Camera, error) {
	c, err := file.Open(file.Config{Path: path, FPS: w.FPS, Pace: w.Pace, DecodeJPEG: v4l2.DecodeJPEG, FromRGB: v4l2.FromRGB,
		Fit: scale.NewFitter(w.Size.X, w.Size.Y).Fit})
	if err != nil {
		return nil, err
	}
	return c, nil
}

// device is a camera whose unplugging is an absence, not a fault.
type device struct{ *v4l2.Device }

func openDevice(devices *v4l2.Devices, path string, want v4l2.Want, pace *capture.Pace) (Camera, error) {
	d, err := devices.Open(path, want)
	if err != nil {
		return nil, gone(err)
	}
	d.Pace = pace
	return device{d}, nil
}

func (d device) Run(ctx context.Context, out func(capture.Frame)) error {
	return gone(d.Device.Run(ctx, out))
}

func gone(err error) error {
	if errors.Is(err, v4l2.ErrUnplugged) {
		return fmt.Errorf("%w (%w)", ErrAbsent, err)
	}
	return err
}

// finder opens one of the cameras that are plugged in: the first, until another is chosen, and that again when it comes back, by where it is
// plugged in. Cameras that cannot be opened are passed over, so that a device which only looks like one hides no real one.
type finder struct {
	find  func() []v4l2.Info
	nodes func() []string // what there is to find cameras in: cheap to look at
	stuck func() error    // why a camera that is there is not found
	open  func(path string) (Camera, error)

	mu   sync.Mutex
	at   string // the bus of the camera that runs, or ran last
	turn int    // how many places further on the next one is to be
	seen []string
	many int // cameras among those that were seen
}

// next has another camera opened the next time.
func (f *finder) next() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn++
}

// prefer has the camera in a place opened the next time, if it is there.
func (f *finder) prefer(at string) (other bool) {
	there := slices.ContainsFunc(f.find(), func(i v4l2.Info) bool { return i.Bus == at })
	f.mu.Lock()
	defer f.mu.Unlock()
	if !there || at == f.at {
		return false
	}
	f.at, f.turn = at, 0
	return true
}

// of is how many cameras are plugged in.
func (f *finder) of() int {
	now := f.nodes()
	f.mu.Lock()
	same, many := slices.Equal(now, f.seen), f.many
	f.mu.Unlock()
	if same {
		return many
	}
	many = len(f.find())
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.many = now, many
	return many
}

// camera opens the chosen camera.
func (f *finder) camera() (Camera, error) {
	found := f.find()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(found) == 0 {
		return nil, cmp.Or(f.stuck(), ErrAbsent)
	}
	var err error
	first := max(slices.IndexFunc(found, func(i v4l2.Info) bool { return i.Bus == f.at }), 0) + f.turn
	f.turn = 0
	for i := range found {
		info := found[(first+i)%len(found)]
		cam, e := f.open(info.Path)
		if e == nil {
			f.at = info.Bus
			return cam, nil
		}
		err = cmp.Or(err, e)
	}
	return nil, err
}
