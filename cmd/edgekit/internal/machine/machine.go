// Package machine looks after the board that the kit runs on, beside the selling: drivers for what is plugged in, heat and
// power, and the wall clock. Nothing here is needed for a sale, and nothing that fails here ends the kit.
package machine

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/kmod"
	"edgekit.internal/drivers/wifiap/firmware"
	"edgekit.internal/hardware/board"
	"edgekit.internal/hardware/clock"
	"edgekit.internal/pipeline"
)

// Config says what is looked after.
type Config struct {
	Modules string                                    // auto: load kernel modules where nobody else does; none
	Wifi    firmware.Kind                             // of the board's own Wi-Fi chip; where modules are loaded
	Root    string                                    // where the board's files are; "": /
	SetPace func(every int)                           // has one of every so many pictures worked on
	Kit     func() time.Duration                      // kit time
	Boot    func() uint32                             // the kit's boot
	Record  func(context.Context, pipeline.Fix) error // puts a fix of the wall clock into the journal
	Log     *slog.Logger
}

// Machine looks after the board. Its methods are safe for concurrent use.
type Machine struct {
	cfg     Config
	modules *kmod.Loader // nil: somebody else's matter
	chip    error        // why the Wi-Fi chip has another firmware than asked for
	board   *board.Monitor
	wall    *clock.Wall
	fixes   chan clock.Fix
}

// New prepares it; Run starts it.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, fixes: make(chan clock.Fix, maxFixes)}
	m.wall = clock.NewWall(clock.WallConfig{Kit: cfg.Kit, Battery: clock.Battery(), Restored: clock.Restored(ntpSaved), Found: m.found})
	m.board = board.New(board.Config{Root: cfg.Root, Changed: m.tell})
	if cfg.Modules == "auto" {
		if needed, why := kmod.Needed(); needed {
			m.modules = kmod.New(kmod.Config{Log: cfg.Log})
			m.chip = firmware.Choose(cmp.Or(cfg.Root, "/"), cmp.Or(cfg.Wifi, firmware.Standard)) // before its driver is loaded
		} else {
			cfg.Log.Debug("kernel modules are left alone", "why", why)
		}
	}
	return m
}

// Run looks after the board until ctx ends.
func (m *Machine) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return m.board.Run(ctx) })
	all.Go(func() error { m.keepTime(ctx); return nil })
	all.Go(func() error { m.record(ctx); return nil })
	if m.modules != nil {
		all.Go(func() error { m.load(ctx); return nil })
	}
	return all.Wait()
}

// Devices are what there is to say of the board, for people.
func (m *Machine) Devices() (list []drivers.Status) {
	if s := m.board.Snapshot(); s.Name != "" {
		d := drivers.Status{Device: "board", Name: s.String(), State: drivers.Ready, Reason: s.Trouble()}
		if d.Reason != "" {
			d.State = drivers.Failed
		}
		list = append(list, d)
	}
	if _, known := m.wall.Now(); !known {
		list = append(list, drivers.Status{Device: "clock", Name: "date not known", State: drivers.Opening,
			Reason: "Everything is sold and counted all the same, and dated later. Pair a phone, or plug in a network cable, and the kit knows the date."})
	}
	if m.modules != nil {
		s, _ := m.modules.Watch().Get()
		list = append(list, s)
	}
	if m.chip != nil {
		list = append(list, drivers.Status{Device: "Wi-Fi chip", Name: string(m.cfg.Wifi) + " firmware", State: drivers.Failed, Reason: chipText(m.chip)})
	}
	return list
}

// chipText is why the firmware is not the one that was asked for.
func chipText(err error) string {
	switch {
	case errors.Is(err, firmware.ErrLater):
		return "The Wi-Fi chip runs another firmware than the settings ask for. Switch the kit off and on."
	case errors.Is(err, firmware.ErrMissing):
		return "The settings ask for the minimal Wi-Fi firmware, which this card's system lacks, so fewer phones find room. Make the card with the firmware of a Raspberry Pi OS card."
	}
	return "The Wi-Fi chip keeps its standard firmware, so fewer phones find room: " + err.Error() + "."
}

// Board is the latest look at the board.
func (m *Machine) Board() board.Snapshot { return m.board.Snapshot() }
