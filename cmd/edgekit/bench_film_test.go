//go:build bench

package main

import (
	"context"
	"encoding/gob"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/cmd/internal/kittest"
)

// film is what the camera program has made once. Shown again and again it is the same stream for every server in every
// round, and no encoder has the processors' time meanwhile. Each moment has a picture of every layer; those of the first are
// key pictures.
type film struct {
	Layers  []capture.Layer
	Moments [][]capture.AccessUnit

	projector string  // a program that shows it in the camera program's place
	edgecam   float64 // MB of memory that the real one took
}

// begins says whether a film can begin at a moment, with a key picture in each layer.
func (f *film) begins(at int) bool {
	return len(f.Moments[at]) == len(f.Layers) && !slices.ContainsFunc(f.Moments[at], func(u capture.AccessUnit) bool { return !u.Key })
}

// show puts a moment every thirtieth of a second, over and over, until ctx ends; from the beginning too when anew says so,
// but not twice in half a second.
func (f *film) show(ctx context.Context, anew func() bool, put func([]capture.AccessUnit)) {
	tick := time.NewTicker(time.Second / 30)
	defer tick.Stop()
	for at, begun := 0, time.Now(); ; at++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if at == len(f.Moments) || time.Since(begun) > time.Second/2 && anew() {
			at, begun = 0, time.Now()
		}
		put(f.Moments[at])
	}
}

// shootFilm has the camera program make 720p30 at 1.5 Mbit/s and a smaller layer, for some seconds.
func shootFilm(t *testing.T) *film {
	t.Helper()
	const before, length = 60, 90 // moments
	dir := t.TempDir()
	f := &film{}
	from := 0 // where it begins; 0: it has not yet
	full, stop := context.WithCancel(context.Background())
	defer stop()
	var cam *camlink.Cam
	cam = camlink.New(camlink.Config{
		Path: filepath.Join(kittest.Programs(t), "edgecam"), Log: slog.New(slog.DiscardHandler),
		Args:    []string{"-camera", "file:" + webcam(t, dir), "-width", "1280", "-height", "720", "-fps", "30", "-layers", "1280x720@30:1500,640x360@30:500"},
		OnHello: func(l []capture.Layer) { *f, from = film{Layers: l}, 0 },
		OnAccessUnit: func(u capture.AccessUnit) {
			if full.Err() != nil {
				return
			}
			n := len(f.Moments)
			if n == 0 || f.Moments[n-1][0].RTP != u.RTP {
				if from > 0 && n-from == length {
					f.Moments, f.edgecam = f.Moments[from:], memoryOf(t, cam.Stats().PID, "Rss")
					stop()
					return
				}
				f.Moments, n = append(f.Moments, nil), n+1
			}
			f.Moments[n-1] = append(f.Moments[n-1], u)
			switch {
			case n == before: // the slate is over, and the encoder has found its quality
				cam.WantKeyframe(0)
				cam.WantKeyframe(1)
			case n > before && from == 0 && f.begins(n-1):
				from = n - 1
			}
		},
	})
	var all errgroup.Group
	all.Go(func() error { return cam.Run(full) })
	kittest.Until(t, "a film", func() bool { return full.Err() != nil })
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
	reel, err := os.Create(filepath.Join(dir, "film"))
	if err != nil {
		t.Fatal(err)
	}
	defer reel.Close()
	if err := gob.NewEncoder(reel).Encode(f); err != nil {
		t.Fatal(err)
	}
	f.projector = filepath.Join(dir, "projector")
	script := fmt.Sprintf("#!/bin/sh\nEDGEKIT_BENCH_FILM='%s' exec '%s' -test.run='^TestProjector$'\n", reel.Name(), os.Args[0])
	if err := os.WriteFile(f.projector, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestProjector is the process that shows a film, in the camera program's place. Who wants a key picture has the film begin
// anew.
func TestProjector(t *testing.T) {
	path := os.Getenv("EDGEKIT_BENCH_FILM")
	if path == "" {
		t.Skip("only as the bench's child")
	}
	reel, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var f film
	if err := gob.NewDecoder(reel).Decode(&f); err != nil {
		t.Fatal(err)
	}
	link, err := camlink.Inherit(3)
	if err != nil {
		t.Fatal(err)
	}
	if err := link.SendHello(f.Layers); err != nil {
		t.Fatal(err)
	}
	var anew atomic.Bool
	all, ctx := errgroup.WithContext(t.Context())
	all.Go(func() error {
		f.show(ctx, func() bool { return anew.Swap(false) }, func(moment []capture.AccessUnit) {
			now := capture.Monotonic()
			for _, u := range moment {
				u.RTP, u.At = capture.Timestamp(now), now
				if _, err := link.SendAccessUnit(u); err != nil {
					panic(err)
				}
			}
			if err := link.SendBeat(camlink.Beat{}); err != nil {
				panic(err)
			}
		})
		return nil
	})
	all.Go(func() error {
		defer os.Exit(0) // the kit has gone
		return link.Run(ctx, camlink.Orders{Keyframe: func(uint8) { anew.Store(true) }})
	})
	if err := all.Wait(); err != nil {
		t.Fatal(err)
	}
}
