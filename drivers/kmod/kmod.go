// Package kmod loads the kernel modules that the devices on the board's buses need, in the order in which they need one
// another, where there is neither udev nor modprobe, as on gokrazy. It looks at every bus once, then follows the kernel's
// own events, so that a camera plugged in at the stall works a moment later.
//
// The kernel sometimes asks for a module itself, such as the Wi-Fi driver for the part that is particular to its chip: it
// then runs the program named in /proc/sys/kernel/modprobe, see Serve.
package kmod

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
)

// Config says where things are. The zero value is the machine this runs on.
type Config struct {
	Sys    string                  // "": /sys
	Dir    string                  // the kernel's modules; "": /lib/modules/RELEASE
	Insert func(path string) error // loads a module's file; nil: finit_module(2)
	Log    *slog.Logger            // nil: the default one
}

// Loader loads modules. Watch may be used from any goroutine.
type Loader struct {
	cfg   Config
	watch drivers.Watch

	// Run's own.
	tables *Tables
	told   map[string]bool  // aliases whose trouble was logged
	loaded []string         // for devices, in order
	failed map[string]error // by module
}

// device is what the loader is called in the console.
const device = "kernel modules"

// maxTold bounds the memory of what was logged. Beyond it, trouble may be logged again.
const maxTold = 1024

// New prepares a loader. Run starts it.
func New(cfg Config) *Loader {
	if cfg.Sys == "" {
		cfg.Sys = "/sys"
	}
	if cfg.Dir == "" {
		cfg.Dir = modulesDir()
	}
	if cfg.Insert == nil {
		cfg.Insert = insert
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	l := &Loader{cfg: cfg, told: map[string]bool{}, failed: map[string]error{}}
	l.watch.Set(drivers.Status{Device: device, Name: cfg.Dir, State: drivers.Opening})
	return l
}

// modulesDir is where this kernel's modules are.
func modulesDir() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "/lib/modules" // cannot happen; there are no tables there, which is said
	}
	return "/lib/modules/" + unix.ByteSliceToString(u.Release[:])
}

// Needed tells whether this machine leaves the loading of modules for devices to a program such as this one, and if not,
// why: udev does it, there is nothing to load, or the program may not.
func Needed() (bool, string) {
	if _, err := os.Stat("/run/udev/control"); err == nil {
		return false, "udev loads modules here"
	}
	if _, err := os.Stat(filepath.Join(modulesDir(), "modules.dep")); err != nil {
		return false, "no modules came with this kernel"
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err != nil || data[0].Effective&(1<<unix.CAP_SYS_MODULE) == 0 {
		return false, "this program may not load modules"
	}
	return true, ""
}

// Watch is what was loaded, and what could not be.
func (l *Loader) Watch() *drivers.Watch { return &l.watch }

// Run loads what is needed now and whenever a device comes, until ctx ends. Nothing that a device or a module does ends
// it; an error is that there is no way to look for them.
func (l *Loader) Run(ctx context.Context) error {
	tables, err := ReadTables(l.cfg.Dir)
	if err != nil {
		l.unable(err)
		return err
	}
	l.tables = tables
	source, err := listen() // before the look around, so that nothing comes between the two
	if err != nil {
		err = fmt.Errorf("kmod: %w", err)
		l.unable(err)
		return err
	}
	defer source.f.Close()
	defer source.closeWith(ctx)()
	l.look()
	buf := make([]byte, 16<<10) // the kernel's longest is 2 kB and its path
	for {
		e, err := source.next(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errLost):
			l.look()
		case err != nil:
			err = fmt.Errorf("kmod: read the kernel's events: %w", err)
			l.unable(err)
			return err
		case e.Action == "add" && e.Modalias != "":
			l.device(e.Modalias)
			l.report()
		}
	}
}

// look loads what the devices that are there need.
func (l *Loader) look() {
	for _, alias := range scan(l.cfg.Sys) {
		l.device(alias)
	}
	l.report()
}

// device loads what one device needs. What fails is noted and keeps nothing else from being loaded.
func (l *Loader) device(alias string) {
	for _, m := range l.tables.For(alias) {
		if unwanted[m] != "" {
			continue
		}
		fresh, err := load(l.tables, l.cfg, m)
		l.loaded = append(l.loaded, fresh...)
		if len(fresh) > 0 {
			l.cfg.Log.Info("kernel modules loaded", "device", alias, "modules", strings.Join(fresh, " "))
		}
		if err == nil {
			delete(l.failed, m)
			continue
		}
		l.failed[m] = err
		if !l.told[alias] {
			if len(l.told) >= maxTold {
				clear(l.told)
			}
			l.told[alias] = true
			l.cfg.Log.Warn("a device's kernel module cannot be loaded, the device will not work", "device", alias, "err", err)
		}
	}
}

// unwanted are modules that nothing on a kit uses, each with the reason why it is better without.
var unwanted = map[string]string{
	"hci_uart": "Bluetooth: a radio that anybody at the market may speak to, on the band that the phones need",
	"btusb":    "Bluetooth, as above",
}

// load loads a module and what it needs. fresh are those that were not there before.
func load(t *Tables, cfg Config, module string) (fresh []string, err error) {
	order, err := t.Order(module)
	if err != nil {
		return nil, fmt.Errorf("kernel module %w", err)
	}
	for _, m := range order {
		if _, err := os.Stat(filepath.Join(cfg.Sys, "module", m, "initstate")); err == nil {
			continue // it is there; built-in ones have no state
		}
		if err := cfg.Insert(t.File(m)); err != nil {
			return fresh, fmt.Errorf("kernel module %s: %w", m, err)
		}
		fresh = append(fresh, m)
	}
	return fresh, nil
}

func (l *Loader) report() {
	s := drivers.Status{Device: device, Name: "none needed", State: drivers.Ready}
	if len(l.loaded) > 0 {
		names := slices.Clone(l.loaded)
		slices.Sort(names)
		s.Name = strings.Join(slices.Compact(names), " ")
	}
	for _, m := range slices.Sorted(maps.Keys(l.failed)) {
		s.State = drivers.Failed
		s.Reason += fmt.Sprintf("A device that is plugged in cannot be used: %v. ", l.failed[m])
	}
	s.Reason = strings.TrimSpace(s.Reason)
	l.watch.Set(s)
}

func (l *Loader) unable(err error) {
	l.watch.Set(drivers.Status{Device: device, Name: l.cfg.Dir, State: drivers.Failed,
		Reason: fmt.Sprintf("Cameras and Wi-Fi whose drivers are not part of the kernel cannot be used (%v). Flash the card again if this is one.", err)})
}
