// Package flash writes an SD image onto a card: it refuses what is not a card, or in use, writes what a block map names,
// and reads it back.
package flash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Card is a whole disk that may be overwritten.
type Card struct {
	Device string // /dev/sdb
	Name   string // sdb
	Model  string // as its maker calls it; may be empty
	Number string // the kernel's, 8:16
	Size   int64  // bytes
}

// Refusal is why a device is not written to, and what to do. Nothing has been written.
type Refusal struct{ Why string }

func (r Refusal) Error() string { return r.Why }

func refuse(format string, args ...any) error { return Refusal{fmt.Sprintf(format, args...)} }

// Host is where the kernel tells of its disks. The zero value is this machine.
type Host struct{ Sys, Proc string }

func (h Host) sys(parts ...string) string {
	return filepath.Join(append([]string{orElse(h.Sys, "/sys")}, parts...)...)
}
func (h Host) proc(parts ...string) string {
	return filepath.Join(append([]string{orElse(h.Proc, "/proc")}, parts...)...)
}

func orElse(s, or string) string {
	if s == "" {
		return or
	}
	return s
}

// Inspect holds a device against what may be overwritten: a whole disk that is removable, or on USB or an SD slot, with a
// medium in it that is not write-protected, of which nothing is mounted, swapped to, or part of another device. An error is
// a Refusal, or says what could not be read.
func (h Host) Inspect(device string) (Card, error) {
	real := device
	if to, err := filepath.EvalSymlinks(device); err == nil { // /dev/disk/by-id/…
		real = to
	}
	c := Card{Device: real, Name: filepath.Base(real)}
	at, err := filepath.EvalSymlinks(h.sys("class/block", c.Name))
	if errors.Is(err, fs.ErrNotExist) {
		return c, refuse("%s is not a disk of this machine: `lsblk` lists them", device)
	}
	if err != nil {
		return c, fmt.Errorf("flash: %w", err)
	}
	if exists(filepath.Join(at, "partition")) {
		return c, refuse("%s is a part of a disk: name the whole one, /dev/%s", device, filepath.Base(filepath.Dir(at)))
	}
	if !removable(at) {
		return c, refuse("%s is not a removable disk, nor one on USB or in an SD slot: it is not overwritten, in case this machine needs it", device)
	}
	c.Model = strings.TrimSpace(text(at, "device/vendor") + " " + orElse(text(at, "device/model"), text(at, "device/name")))
	sectors, err := strconv.ParseInt(text(at, "size"), 10, 64) // of 512 bytes, whatever the disk's are
	if err != nil || sectors <= 0 {
		return c, refuse("%s has no card in it", device)
	}
	c.Size, c.Number = sectors*512, text(at, "dev")
	if text(at, "ro") == "1" {
		return c, refuse("%s is write-protected: slide the lock on the card's or adapter's side", device)
	}
	return c, h.inUse(c, at)
}

// Still holds a card against what Inspect says of it now, after a person was asked: cards are swapped, and names given to
// other disks.
func (h Host) Still(c Card) error {
	now, err := h.Inspect(c.Device)
	if err == nil && now != c {
		return refuse("%s is not the card any more that it was: start again", c.Device)
	}
	return err
}

// removable says whether a disk is something to pull out: by its own account, on USB, or an SD card. An MMC in such a slot
// that is no SD is soldered in.
func removable(at string) bool {
	parts := strings.Split(at, "/")
	onUSB := slices.ContainsFunc(parts, func(p string) bool { return strings.HasPrefix(p, "usb") })
	return text(at, "removable") == "1" || onUSB || slices.Contains(parts, "mmc_host") && text(at, "device/type") == "SD"
}

// inUse refuses a disk of which the system uses something.
func (h Host) inUse(c Card, at string) error {
	names, numbers := []string{c.Name}, []string{text(at, "dev")}
	parts, err := filepath.Glob(filepath.Join(at, "*", "partition"))
	if err != nil {
		return err
	}
	for _, p := range parts {
		names, numbers = append(names, filepath.Base(filepath.Dir(p))), append(numbers, text(filepath.Dir(p), "dev"))
	}
	for _, n := range names {
		held, err := os.ReadDir(h.sys("class/block", n, "holders"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("flash: %w", err)
		}
		if len(held) > 0 {
			return refuse("/dev/%s is part of /dev/%s, as of an encrypted or joined disk: close that first", n, held[0].Name())
		}
	}
	mounts, err := os.ReadFile(h.proc("self/mountinfo"))
	if err != nil {
		return fmt.Errorf("flash: what is mounted: %w", err)
	}
	for line := range strings.Lines(string(mounts)) {
		f := strings.Fields(line) // proc_pid_mountinfo(5): id, parent, major:minor, root, mount point, …, -, type, source
		dash := slices.Index(f, "-")
		if dash < 6 || len(f) < dash+3 {
			continue
		}
		if !slices.Contains(numbers, f[2]) && !slices.Contains(names, strings.TrimPrefix(f[dash+2], "/dev/")) {
			continue
		}
		if f[4] == "/" || strings.HasPrefix(f[4]+"/", "/boot/") {
			return refuse("%s is the disk that this machine runs from", c.Device)
		}
		return refuse("%s is mounted on %s: `umount %s` first", c.Device, unescape(f[4]), f[4])
	}
	swaps, err := os.ReadFile(h.proc("swaps"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without
		return fmt.Errorf("flash: swap: %w", err)
	}
	for line := range strings.Lines(string(swaps)) {
		if f := strings.Fields(line); len(f) > 0 && slices.Contains(names, strings.TrimPrefix(f[0], "/dev/")) {
			return refuse("this machine swaps to %s: `swapoff %s` first", f[0], f[0])
		}
	}
	return nil
}

// unescape reads \040 and its like in mount points.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

func text(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return "" // what the kernel does not tell is not there
	}
	return strings.TrimSpace(string(b))
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }
