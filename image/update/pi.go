package update

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// piLoader is the Raspberry Pi's firmware. config.txt's os_prefix names the folder that kernel, device trees, overlays
// and cmdline.txt come from. A restart called "0 tryboot" reads tryboot.txt in its place, once: the firmware clears its
// flag before it starts the kernel, so any hang, panic or power cut comes back to config.txt. (Raspberry Pi documentation,
// "config.txt": os_prefix, tryboot; all models. Ubuntu 25.10 starts its kernels the same way, its documentation "A/B boot
// on Ubuntu for Raspberry Pi".)
type piLoader struct{}

const (
	piConfig = "config.txt"
	piTry    = "tryboot.txt"
)

// kernelWatchdog lets the firmware arm the board's watchdog before it starts a kernel on trial, which then has this many
// seconds until its own watchdog driver takes over.
const kernelWatchdog = "kernel_watchdog_timeout=15\n"

// piInitrd is the line by which the firmware loads the slot's initramfs, os_prefix put before its name.
var piInitrd = regexp.MustCompile(`(?m)^initramfs ` + Initrd + ` followkernel\r?$`)

// osPrefix is the line as it is here; anyPrefix is whatever the firmware might take for one.
var (
	osPrefix  = regexp.MustCompile(`(?m)^os_prefix=([ab])/\r?$`)
	anyPrefix = regexp.MustCompile(`(?im)^[ \t]*os_prefix[ \t]*=`)
)

// prefixIn finds the slot's letter in a config.txt.
func prefixIn(text []byte) (at int, err error) {
	all, any := osPrefix.FindAllSubmatchIndex(text, -1), len(anyPrefix.FindAllIndex(text, -1))
	if len(all) != 1 || any != 1 {
		return 0, fmt.Errorf("update: %s on the boot partition has %d lines os_prefix=, of which %d are os_prefix=a/ or os_prefix=b/: expected one; write it back as it was in the image", piConfig, any, len(all))
	}
	return all[0][2], nil
}

func (piLoader) usual(dir string) (Slot, error) {
	text, err := os.ReadFile(filepath.Join(dir, piConfig))
	if err != nil {
		return 0, fmt.Errorf("update: %w", err)
	}
	at, err := prefixIn(text)
	if err != nil {
		return 0, err
	}
	return Slot(text[at]), nil
}

func (piLoader) try(dir string, s Slot) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, piConfig))
	if err != nil {
		return "", fmt.Errorf("update: %w", err)
	}
	at, err := prefixIn(text)
	if err != nil {
		return "", err
	}
	initrd, err := hasInitrd(dir, s)
	if err != nil {
		return "", err
	}
	if initrd && !piInitrd.Match(text) {
		return "", fmt.Errorf("update: this update has another kernel, which cannot start from this card: %s, which updates do not touch, has no line \"initramfs %s followkernel\". Flash a card with an image that has that kernel", piConfig, Initrd)
	}
	text[at] = byte(s)
	text = append(bytes.TrimRight(text, "\r\n"), "\n[all]\n"+kernelWatchdog...)
	return "0 tryboot", writeFile(filepath.Join(dir, piTry), text)
}

func (piLoader) forget(dir string) error { return removeFile(filepath.Join(dir, piTry)) }

// keep changes one letter in place: no entry of a folder or of the FAT changes, and one sector of data.
func (p piLoader) keep(dir string, s Slot) error {
	f, err := os.OpenFile(filepath.Join(dir, piConfig), os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("update: %w", err)
	}
	defer f.Close()
	text := make([]byte, 64<<10)
	n, err := f.ReadAt(text, 0)
	if n == 0 {
		return fmt.Errorf("update: %s: %w", piConfig, err)
	}
	at, err := prefixIn(text[:n])
	if err != nil {
		return err
	}
	if _, err := f.WriteAt([]byte{byte(s)}, int64(at)); err != nil {
		return fmt.Errorf("update: %s: %w", piConfig, err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("update: %s: %w", piConfig, err)
	}
	return p.forget(dir)
}
