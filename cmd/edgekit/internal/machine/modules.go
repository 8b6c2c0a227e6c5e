package machine

import (
	"context"
	"os"

	"edgekit.internal/drivers/kmod"
)

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
