package source

import (
	"context"
	"errors"
	"fmt"
	"image"
	"strings"

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
}

// Opener gives the function by which Config opens the camera that is wanted, each time anew. Only a name of no known form is an
// error here; a camera or file that is not there is one when it is opened, since it may come.
func Opener(w Want) (func() (Camera, error), error) {
	mode := v4l2.Want{Width: w.Size.X, Height: w.Size.Y, FPS: w.FPS, Tuning: w.Tuning}
	path, isFile := strings.CutPrefix(w.Camera, "file:")
	switch {
	case w.Camera == "synthetic":
		return func() (Camera, error) { return newSynthetic(w), nil }, nil
	case isFile && path != "":
		return func() (Camera, error) { return openFile(path, w) }, nil
	case w.Camera == "auto":
		return (&finder{find: v4l2.Find, open: func(path string) (Camera, error) { return openDevice(path, mode, w.Pace) }}).next, nil
	case strings.HasPrefix(w.Camera, "/dev/"):
		return func() (Camera, error) { return openDevice(w.Camera, mode, w.Pace) }, nil
	}
	return nil, fmt.Errorf("camera %q, expected auto, synthetic, file:PATH or /dev/videoN", w.Camera)
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

func openDevice(path string, want v4l2.Want, pace *capture.Pace) (Camera, error) {
	d, err := v4l2.Open(path, want)
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

// finder opens the first camera there is. When that fails the next one is tried the next time, so that a device which only looks
// like a camera does not hide a real one.
type finder struct {
	find func() ([]v4l2.Info, error)
	open func(path string) (Camera, error)
	skip int
}

func (f *finder) next() (Camera, error) {
	found, err := f.find()
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		f.skip = 0
		return nil, ErrAbsent
	}
	cam, err := f.open(found[f.skip%len(found)].Path)
	if err != nil {
		f.skip++
		return nil, err
	}
	f.skip = 0
	return cam, nil
}
