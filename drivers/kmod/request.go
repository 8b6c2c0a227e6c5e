package kmod

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// setting names the program by which the kernel asks for modules (kernel/module/kmod.c, Documentation/admin-guide/sysctl
// "modprobe").
const setting = "/proc/sys/kernel/modprobe"

// Serve makes program the one that the kernel runs when it wants a module, if the one that it would run is not there. The
// program must hand arguments that IsRequest knows to Request. Brcmfmac cannot do without: it asks for brcmfmac-wcc or
// brcmfmac-cyw, which no device names, when it has found its chip, and gives the chip up when it is told no.
func Serve(program string) (set bool, err error) {
	now, err := os.ReadFile(setting)
	if err != nil {
		return false, fmt.Errorf("kmod: read who loads modules for the kernel: %w", err)
	}
	if there := strings.TrimSpace(string(now)); there != "" && there != program {
		if _, err := os.Stat(there); err == nil {
			return false, nil
		}
	}
	if err := os.WriteFile(setting, []byte(program), 0); err != nil {
		return false, fmt.Errorf("kmod: have the kernel ask this program for modules: %w", err)
	}
	return true, nil
}

// IsRequest tells whether a program was started by the kernel for a module, and for which: its arguments are then
// -q -- NAME (call_modprobe in kernel/module/kmod.c).
func IsRequest(args []string) (name string, ok bool) {
	if len(args) == 3 && args[0] == "-q" && args[1] == "--" {
		return args[2], true
	}
	return "", false
}

// Request loads a module by name or alias, with all that it needs, for the kernel. An error: it is not there, or refused.
func Request(cfg Config, name string) error {
	cfg = New(cfg).cfg
	t, err := ReadTables(cfg.Dir)
	if err != nil {
		return err
	}
	if t.builtin[normal(name)] {
		return nil
	}
	modules := t.For(name)
	if len(modules) == 0 {
		return fmt.Errorf("kmod: %s: %w", name, errMissing)
	}
	var errs []error
	for _, m := range modules {
		if _, err := load(t, cfg, m); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
