package main

import (
	"context"

	"edgekit.internal/capture"
	"edgekit.internal/capture/vision"
)

// look has the codes of products read, within so many percent of a core, in what comes by on its way to put: before anything is drawn
// over it, so that the kit's own codes are none. At 0 all goes by as before.
func look(percent int, put func(capture.Frame), setPace func(int), saw func(capture.Code)) (_ func(capture.Frame), _ func(int), run func(context.Context) error) {
	if percent == 0 {
		return put, setPace, func(context.Context) error { return nil }
	}
	eye := vision.NewEye(vision.Config{Share: float64(percent) / 100, Saw: saw})
	return func(f capture.Frame) { eye.Show(f); put(f) }, func(every int) { setPace(every); eye.SetPace(every) }, eye.Run
}
