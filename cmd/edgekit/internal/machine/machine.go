// Package machine looks after the board that the kit runs on, beside the selling: drivers for what is plugged in, heat and
// power, and the wall clock. Nothing here is needed for a sale, and nothing that fails here ends the kit.
package machine

import (
	"context"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/kmod"
)

// Config says what is looked after.
type Config struct {
	Modules string // auto: load kernel modules where nobody else does; none
	Log     *slog.Logger
}

// Machine looks after the board. Its methods are safe for concurrent use.
type Machine struct {
	cfg     Config
	modules *kmod.Loader // nil: somebody else's matter
}

// New prepares it; Run starts it.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg}
	if cfg.Modules == "auto" {
		if needed, why := kmod.Needed(); needed {
			m.modules = kmod.New(kmod.Config{Log: cfg.Log})
		} else {
			cfg.Log.Debug("kernel modules are left alone", "why", why)
		}
	}
	return m
}

// Run looks after the board until ctx ends.
func (m *Machine) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	if m.modules != nil {
		all.Go(func() error { m.load(ctx); return nil })
	}
	return all.Wait()
}

// load has kernel modules loaded: for devices, and for the kernel itself where it finds no modprobe.
func (m *Machine) load(ctx context.Context) {
	if me, err := os.Executable(); err != nil {
		m.cfg.Log.Warn("the kernel cannot ask for modules", "err", err)
	} else if set, err := kmod.Serve(me); err != nil {
		m.cfg.Log.Warn("the kernel cannot ask for modules", "err", err)
	} else if set {
		m.cfg.Log.Info("the kernel asks this program for modules")
	}
	if err := m.modules.Run(ctx); err != nil {
		m.cfg.Log.Error("kernel modules are not loaded, what needs one does not work", "err", err)
	}
}

// Devices are what there is to say of the board.
func (m *Machine) Devices() (list []drivers.Status) {
	if m.modules != nil {
		s, _ := m.modules.Watch().Get()
		list = append(list, s)
	}
	return list
}
