//go:build lab

package kmod

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
)

// remove takes a module out of the kernel; one that is not there is as good.
func remove(t *testing.T, module string) {
	t.Helper()
	if err := unix.DeleteModule(module, unix.O_NONBLOCK); err != nil && !errors.Is(err, unix.ENOENT) {
		t.Fatalf("remove module %s: %v", module, err)
	}
	if there(module) {
		t.Fatalf("module %s is still there", module)
	}
}

func there(module string) bool {
	_, err := os.Stat("/sys/module/" + module + "/initstate")
	return err == nil
}

func run(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", command, err, out)
	}
}

// TestLabAPluggedPrinterBringsItsDriver: the kernel has a USB printer plugged in and no driver for it; the loader, which
// found nothing to do before, loads usblp because of it, and /dev/usb/lp0 is there.
func TestLabAPluggedPrinterBringsItsDriver(t *testing.T) {
	run(t, "device", "printer", "unplug")
	remove(t, "usblp")
	l := New(Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	await(t, l, func(s drivers.Status) bool { return s.State != drivers.Opening })
	if there("usblp") {
		t.Fatal("usblp was loaded before there was a printer")
	}
	run(t, "device", "printer", "plug") // waits for /dev/usb/lp*
	s := await(t, l, func(s drivers.Status) bool { return strings.Contains(s.Name, "usblp") })
	if !there("usblp") || s.State != drivers.Ready {
		t.Errorf("%+v", s)
	}
	t.Logf("loaded: %s", s.Name)
}

func await(t *testing.T, l *Loader, yes func(drivers.Status) bool) drivers.Status {
	t.Helper()
	for {
		s, changed := l.Watch().Get()
		if yes(s) {
			return s
		}
		if s.State == drivers.Failed {
			t.Fatalf("%+v", s)
		}
		<-changed
	}
}

// TestLabKernelAsksForAModule: with this program in the place of modprobe, the kernel gets the file system it asks for.
func TestLabKernelAsksForAModule(t *testing.T) {
	before, err := os.ReadFile(setting)
	if err != nil {
		t.Fatal(err)
	}
	defer os.WriteFile(setting, before, 0)
	if set, err := Serve("/proc/self/exe"); err != nil || set {
		t.Fatalf("took the place of a modprobe that is there: %v, %v", set, err)
	}
	if err := os.WriteFile(setting, []byte("/sbin/none"), 0); err != nil {
		t.Fatal(err)
	}
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if set, err := Serve(me); err != nil || !set {
		t.Fatalf("%v, %v", set, err)
	}
	remove(t, "vfat")
	if err := unix.Mount("/dev/null", t.TempDir(), "vfat", 0, ""); !errors.Is(err, unix.ENOTBLK) {
		t.Errorf("mount: %v, want no block device, which only a known file system says", err)
	}
	if !there("vfat") || !there("fat") {
		t.Error("vfat, which needs fat, is not there")
	}
}

// TestLabAnotherKernelsModuleIsRefusedPlainly: the kernel's own no, in words.
func TestLabAnotherKernelsModuleIsRefusedPlainly(t *testing.T) {
	path := t.TempDir() + "/torn.ko"
	if err := os.WriteFile(path, []byte("\x7fELF and no more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := insert(path); !errors.Is(err, unix.ENOEXEC) || !strings.Contains(err.Error(), "flash it again") {
		t.Error(err)
	}
}
