// Package ladder finds out how large a picture a board can make: once, at the kit's first start, by making some of each size with
// the camera program itself. What came out is kept in DIR/picture.json, and found out again when that program is another.
package ladder

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"edgekit.internal/capture/camlink"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/hardware/whole"
)

// Rungs are the pictures that are tried, the best first. The last is made by any board.
var Rungs = []string{"1280x720@30", "960x540@30", "640x360@30", "640x360@15"}

// share is how much of the time between two pictures one may take to be drawn and encoded in all its layers. The rest is for viewers,
// codes, a hot day, and a scene that is harder than the one that was measured.
const share = 0.5

// Bounds of what measuring takes: pictures, and time for those of one rung.
const (
	enough   = 30
	patience = 4 * time.Second
)

// Config says what is measured, and where that is kept.
type Config struct {
	Program string // the camera program
	Fonts   string // for it, with commas between
	Dir     string // the kit's data folder
	Log     *slog.Logger

	patience time.Duration // for the pictures of one rung; 0: patience

	measure func(ctx context.Context, picture string) (time.Duration, error) // nil: with the program
}

// kept is the file. Written once a program, whole; without it, or with one that cannot be read, all is measured again.
type kept struct {
	Program  string             `json:"program"` // its size and date
	Picture  string             `json:"picture"`
	Measured map[string]float64 `json:"measured"` // ms that one picture took, by rung
}

func (c Config) path() string { return filepath.Join(c.Dir, "picture.json") }

// Choose is the picture that this board makes. It takes seconds when it measures. A fault of the disk or of the program is logged, and
// never in the way of a picture.
func (c Config) Choose(ctx context.Context) string {
	program, err := c.program()
	if err != nil {
		c.Log.Warn("it is not known which picture this board can make", "err", err)
		return Rungs[len(Rungs)-1]
	}
	var k kept
	if text, err := os.ReadFile(c.path()); err == nil && json.Unmarshal(text, &k) == nil && k.Program == program {
		s := settings.Settings{Picture: k.Picture}
		if _, _, err := s.PictureSize(); err == nil {
			return k.Picture
		}
	}
	k = kept{Program: program, Picture: Rungs[len(Rungs)-1], Measured: map[string]float64{}}
	for _, rung := range Rungs {
		fits, err := c.try(ctx, rung, &k)
		if err != nil {
			if ctx.Err() == nil {
				c.Log.Warn("it is not known which picture this board can make", "err", err)
			}
			return k.Picture // and it is tried again at the next start
		}
		if fits {
			k.Picture = rung
			break
		}
	}
	c.Log.Info("this board was measured", "picture", k.Picture, "ms", k.Measured)
	c.keep(k)
	return k.Picture
}

// try measures a rung, if it is not the last, which has to do.
func (c Config) try(ctx context.Context, rung string, k *kept) (fits bool, err error) {
	_, rate, err := settings.Settings{Picture: rung}.PictureSize()
	if err != nil || rung == Rungs[len(Rungs)-1] {
		return true, err
	}
	measure := c.measure
	if measure == nil {
		measure = c.run
	}
	took, err := measure(ctx, rung)
	k.Measured[rung] = math.Round(float64(took)/float64(time.Millisecond)*10) / 10
	return float64(took) <= share*float64(time.Second)/float64(rate), err
}

// run has the camera program make pictures of what it makes up, for a second or so.
func (c Config) run(ctx context.Context, rung string) (time.Duration, error) {
	limit := cmp.Or(c.patience, patience)
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	s := settings.Settings{Picture: rung}
	size, rate, err := s.PictureSize()
	if err != nil {
		return 0, err
	}
	layers, err := s.Encodings()
	if err != nil {
		return 0, err
	}
	cam := camlink.New(camlink.Config{Path: c.Program, Log: slog.New(slog.DiscardHandler), StartAllowance: limit, Silence: limit, Args: []string{
		"-camera", "synthetic", "-width", fmt.Sprint(size.X), "-height", fmt.Sprint(size.Y), "-fps", fmt.Sprint(rate), "-layers", layers, "-fonts", c.Fonts}})
	ended := make(chan error, 1)
	go func() { ended <- cam.Run(ctx) }()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		select {
		case err := <-ended:
			tick.Stop()
			b := cam.Stats().Beat
			if b.Frames == 0 {
				return 0, errors.Join(fmt.Errorf("ladder: %s: no picture within %v", rung, limit), err)
			}
			return mean(b), err
		case <-tick.C:
			if b := cam.Stats().Beat; b.Frames >= enough {
				stop()
			}
		}
	}
}

// mean is what a picture took. The program tells of a running mean that began at nothing, 15 parts old to one new.
func mean(b camlink.Beat) time.Duration {
	return time.Duration(float64(b.Mean) / (1 - math.Pow(15.0/16, float64(b.Frames))))
}

// program tells one build of the camera program from another.
func (c Config) program() (string, error) {
	is, err := os.Stat(c.Program)
	if err != nil {
		return "", fmt.Errorf("ladder: %w", err)
	}
	return fmt.Sprintf("%d %s", is.Size(), is.ModTime().UTC().Format(time.RFC3339)), nil
}

func (c Config) keep(k kept) {
	text, err := json.Marshal(k)
	if err == nil {
		err = whole.Replace(c.path(), append(text, '\n'))
	}
	if err != nil {
		c.Log.Warn("which picture this board makes is found out again at the next start", "err", err)
	}
}
