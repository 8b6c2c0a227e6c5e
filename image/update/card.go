package update

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"edgekit.internal/hardware/bootfs"
)

// Card is the SD card a kit runs from. Its methods may be used by one goroutine at a time.
type Card struct {
	Running Slot
	boot    func(write bool, work func(dir string) error) error // the boot partition, mounted for a piece of work
	root    func(Slot) (device string, err error)
	loader  loader
}

// ThisCard is the card this system runs from.
func ThisCard() (*Card, error) {
	board, err := Board()
	if err != nil {
		return nil, err
	}
	c := &Card{boot: bootfs.With, root: func(s Slot) (string, error) { return bootfs.Partition(s.Partition()) }, loader: uefiLoader{}}
	for _, w := range board {
		if strings.HasPrefix(w, "raspberrypi,") {
			c.loader = piLoader{}
		}
	}
	own, err := bootfs.Partition(0)
	if err != nil {
		return nil, err
	}
	for _, s := range []Slot{SlotA, SlotB} {
		if device, err := c.root(s); err == nil && device == own {
			c.Running = s
		}
	}
	if c.Running == 0 {
		return nil, fmt.Errorf("update: the system runs from %s: expected partition 2 or 3 of a card with two slots", own)
	}
	return c, nil
}

// Usual is the slot that starts unless another is to be tried. In a trial it is not the one that runs.
func (c *Card) Usual() (s Slot, err error) {
	err = c.boot(false, func(dir string) error {
		s, err = c.loader.usual(dir)
		return err
	})
	return s, err
}

// keep makes the running slot the usual one.
func (c *Card) keep() error {
	return c.boot(true, func(dir string) error { return c.loader.keep(dir, c.Running) })
}

// forget takes back that another slot is to be tried.
func (c *Card) forget() error { return c.boot(true, c.loader.forget) }

// Restart ends this run of the machine and starts the next. Whoever calls it has written what matters. The argument is
// what Install returned, or "".
func Restart(argument string) error {
	unix.Sync()
	if argument == "" {
		return os.NewSyscallError("reboot", unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
	}
	arg, err := unix.BytePtrFromString(argument)
	if err != nil {
		return err
	}
	_, _, e := unix.Syscall6(unix.SYS_REBOOT, unix.LINUX_REBOOT_MAGIC1, unix.LINUX_REBOOT_MAGIC2, unix.LINUX_REBOOT_CMD_RESTART2, uintptr(unsafe.Pointer(arg)), 0, 0)
	return os.NewSyscallError("reboot", e)
}

// PowerOff ends this run of the machine. Whoever calls it has written what matters.
func PowerOff() error {
	unix.Sync()
	return os.NewSyscallError("reboot", unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

// writeFile writes a whole file, and returns when it is on the card. A power cut in it may leave a part.
func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("update: %s: %w", filepath.Base(path), err)
	}
	return nil
}

func removeFile(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err = errors.Join(err, syncDir(filepath.Dir(path))); err != nil {
		return fmt.Errorf("update: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
