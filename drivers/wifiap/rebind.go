package wifiap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A driver takes its time to let go, and a controller to be ready for the next one.
const (
	bindTries = 5
	bindPause = time.Second
)

// chip is what a radio is on, as the kernel's folders: the device that has to be bound anew for it, which is there as long as the radio is
// plugged in, and that device's driver. Bound to none it is offered to that one all the same.
type chip struct{ device, driver string }

func (kernel) chip(phy string) (chip, error) { return chipOf("/", phy) }
func (kernel) rebind(c chip) error           { return c.bindAnew(time.Sleep) }
func (kernel) plugged(c chip) bool           { _, err := os.Stat(c.device); return err == nil }

// chipOf is a radio's, below root, which is "/" but in tests.
func chipOf(root, phy string) (c chip, err error) {
	sys := filepath.Join(root, "sys")
	if c.device, err = filepath.EvalSymlinks(filepath.Join(sys, "class/ieee80211", phy, "device")); err != nil {
		return chip{}, fmt.Errorf("wifiap: find the device of %s: %w", phy, err)
	}
	if c.device, err = controller(sys, c.device); err != nil {
		return chip{}, fmt.Errorf("wifiap: device of %s: %w", phy, err)
	}
	if c.driver, err = filepath.EvalSymlinks(filepath.Join(c.device, "driver")); err != nil {
		return chip{}, fmt.Errorf("wifiap: %s has no driver: %w", c.device, err)
	}
	return c, nil
}

// controller is the device that has to be bound anew for another one: of an SDIO card the host that it is on, which switches its power;
// of a USB interface the whole device; else the device itself. It is none that carries a disk.
func controller(sys, device string) (string, error) {
	is := device
	switch bus(device) {
	case "sdio": // …/fe300000.mmcnr/mmc_host/mmc1/mmc1:0001/mmc1:0001:1
		at := strings.LastIndex(device, "/mmc_host/")
		if at < len(sys) {
			return "", fmt.Errorf("%s is on no host that is known: expected .../mmc_host/... in its path", device)
		}
		is = device[:at]
	case "usb": // …/1-1.2/1-1.2:1.0
		if strings.Contains(filepath.Base(device), ":") {
			is = filepath.Dir(device)
		}
	}
	disk := errors.New("a disk")
	err := filepath.WalkDir(is, func(path string, d fs.DirEntry, err error) error { // follows no links
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went meanwhile
			return nil
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "block":
			return disk
		}
		return nil
	})
	if errors.Is(err, disk) {
		return "", fmt.Errorf("%s carries a disk too, which would be lost", is)
	}
	return is, err
}

// bus is the one that a device is on; "": none.
func bus(device string) string {
	link, err := os.Readlink(filepath.Join(device, "subsystem"))
	if err != nil {
		return ""
	}
	return filepath.Base(link)
}

// bindAnew takes the device from its driver and gives it back, so that the chip is switched off and on and gets its firmware again: the
// device's name goes into its driver's files (Documentation/ABI/testing/sysfs-bus-platform and its like). The driver is asked a
// few times: without one there would be no radio. That comes back by itself, after this has returned, with another number.
func (c chip) bindAnew(pause func(time.Duration)) error {
	name := filepath.Base(c.device)
	if _, err := os.Lstat(filepath.Join(c.device, "driver")); err == nil {
		if err := tell(filepath.Join(c.driver, "unbind"), name); err != nil {
			return fmt.Errorf("wifiap: take %s from its driver: %w", name, err)
		}
	}
	var err error
	for n := range bindTries {
		if n > 0 {
			pause(bindPause)
		}
		if err = tell(filepath.Join(c.driver, "bind"), name); err == nil {
			return nil
		}
	}
	return fmt.Errorf("wifiap: give %s back to its driver: %w", name, err)
}

// tell writes to a file of the kernel's, which is there or is not.
func tell(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
