// Package synth is a camera that needs none: a market stall with something moving in it, the time of day for people, and
// the time of the frame for programs (see ReadClock).
package synth

import (
	"context"
	"fmt"
	"image"
	"time"

	"edgekit.internal/capture"
)

// Name is what the operator sees as the camera's name.
const Name = "synthetic"

// Camera makes frames at an even pace.
type Camera struct {
	Pace *capture.Pace // which of the frames are made; nil: all. To be set before Run.

	width, height, fps int
	now                func() time.Duration // CLOCK_MONOTONIC
}

// New makes a camera for pictures of the given size, in pixels, and rate, in frames a second. Run refuses what is out of
// range.
func New(width, height, fps int) *Camera {
	return &Camera{width: width, height: height, fps: fps, now: capture.Monotonic}
}

// Format says what the camera gives, in the form of capture.Source.Format.
func (c *Camera) Format() string {
	return fmt.Sprintf("I420 %dx%d %d/s", c.width, c.height, c.fps)
}

// Run hands frames to out, one at a time and on this goroutine, until ctx ends, and then returns nil. Frame n is due n/fps
// seconds after the first: waits are reckoned from that instant, so they do not drift. When out takes so long that frames
// are due no more, they are skipped. A frame is drawn at its time: Frame.At is the instant at which drawing began, and
// the clock strip shows that. Each has a picture of its own, which is out's to keep.
//
// Samples are BT.601, limited range. The error is for a size that is odd, below 160 × 90 or above 4096 × 4096, and for a rate that is not
// from 1 to 120.
func (c *Camera) Run(ctx context.Context, out func(capture.Frame)) error {
	if c.width < 160 || c.height < 90 || c.width > 4096 || c.height > 4096 || c.width%2 != 0 || c.height%2 != 0 {
		return fmt.Errorf("synth: picture of %d × %d: expected even numbers from 160 × 90 to 4096 × 4096", c.width, c.height)
	}
	if c.fps < 1 || c.fps > 120 {
		return fmt.Errorf("synth: %d frames a second: expected 1 to 120", c.fps)
	}
	scene := newStall(c.width, c.height)
	start := c.now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for n := int64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		if ctx.Err() != nil {
			return nil // both were ready
		}
		if c.Pace.Due() {
			at := c.now()
			img := image.NewYCbCr(image.Rect(0, 0, c.width, c.height), image.YCbCrSubsampleRatio420)
			scene.draw(img, at, time.Now())
			drawStrip(img, at)
			out(capture.Frame{Image: img, At: at})
		}
		n = next(c.now()-start, n, c.fps)
		wait.Reset(due(n, c.fps) - (c.now() - start))
	}
}

// due is when frame n is due, after the start.
func due(n int64, fps int) time.Duration {
	return time.Duration(n/int64(fps))*time.Second + time.Duration(n%int64(fps))*time.Second/time.Duration(fps)
}

// next is the first frame after n that is not due yet.
func next(elapsed time.Duration, n int64, fps int) int64 {
	if m := int64(elapsed/time.Second)*int64(fps) + int64(elapsed%time.Second)*int64(fps)/int64(time.Second); m > n {
		n = m
	}
	return n + 1
}
