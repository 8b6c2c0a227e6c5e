// Package studio is recording as a kit does it: by the settings, within the room that the disk has for it, and by what operators wish in
// the console.
package studio

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/capture"
	"edgekit.internal/capture/record"
	"edgekit.internal/cmd/edgekit/internal/disk"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/hardware/clock"
)

// Config says what is recorded, and to where.
type Config struct {
	Record string // the setting: off, ask or on
	Full   string // the setting record-full: stop or oldest
	Dir    string // of the recordings alone; nobody else writes there
	Log    *slog.Logger
	Now    func() time.Duration     // kit time
	Time   func() (clock.Fix, bool) // wall time, if it is known
	Key    func(layer uint8)        // asks for a key picture; must not block
	Told   func()                   // a recording begins or ends: visitors have to know; must not block
}

// Studio records, if it is to. Its methods are safe for concurrent use; those that take pictures and sound never block.
type Studio struct {
	cfg Config
	r   *record.Recorder // nil: recording is switched off
}

// New prepares a studio. It records nothing before Run.
func New(cfg Config) *Studio {
	s := &Studio{cfg: cfg}
	if cfg.Record == "off" {
		return s
	}
	s.r = record.New(record.Config{Dir: cfg.Dir, Log: cfg.Log, Oldest: cfg.Full == "oldest", Spare: s.spare, Now: cfg.Now, WantKeyframe: cfg.Key, Changed: cfg.Told,
		Date: func() (time.Time, bool) {
			now, known := cfg.Time()
			return now.Wall.UTC(), known
		}})
	return s
}

// Run records until ctx ends.
func (s *Studio) Run(ctx context.Context) error {
	if s.r == nil {
		return nil
	}
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return s.r.Run(ctx) })
	all.Go(func() error {
		if s.cfg.Record != "on" {
			return nil
		}
		if err := s.r.Start(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("nothing is recorded", "err", err)
		}
		return nil
	})
	return all.Wait()
}

// SetLayers takes note of a new camera program.
func (s *Studio) SetLayers(layers []capture.Layer) {
	if s.r != nil {
		s.r.SetLayers(layers)
	}
}

// Picture takes a picture.
func (s *Studio) Picture(au capture.AccessUnit) {
	if s.r != nil {
		s.r.Picture(au)
	}
}

// Sound takes a packet of sound.
func (s *Studio) Sound(p capture.Sound) {
	if s.r != nil {
		s.r.Sound(p)
	}
}

// Running tells whether the picture is being recorded, which whoever may be in it has to know.
func (s *Studio) Running() bool { return s.r != nil && s.r.Status().State == record.Running }

// Stats are the recorder's, all zero where recording is switched off.
func (s *Studio) Stats() record.Stats {
	if s.r == nil {
		return record.Stats{}
	}
	return s.r.Stats()
}

// spare is how many bytes recordings may still fill; false: the disk does not say.
func (s *Studio) spare() (bytes int64, known bool) {
	free, _, err := disk.Free(s.cfg.Dir)
	return free - disk.RecordingsNeed, err == nil
}

const off = `Recording is switched off in the settings (record = "off").`

// Now is what the console shows of it.
func (s *Studio) Now() wire.Recording {
	if s.r == nil {
		return wire.Recording{State: "off", Why: off}
	}
	is := s.r.Status()
	return wire.Recording{State: string(is.State), Why: is.Why, Released: is.Release == record.Released, Note: is.Note}
}
