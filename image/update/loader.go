package update

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Slot is one of a card's two places for a system.
type Slot byte

// The slots.
const (
	SlotA Slot = 'a'
	SlotB Slot = 'b'
)

// Other is the other one.
func (s Slot) Other() Slot { return SlotA + SlotB - s }

func (s Slot) String() string { return string(s) }

// Partition is the number of the slot's root partition, 2 or 3.
func (s Slot) Partition() int { return int(s-SlotA) + 2 }

// loader is what starts the kernel. It is told by files of the boot partition, which is mounted at dir.
type loader interface {
	// usual is the slot that starts unless another is to be tried.
	usual(dir string) (Slot, error)
	// try makes the next start one of this slot, once. It returns what the restart must be called with.
	try(dir string, s Slot) (restart string, err error)
	// forget takes back what try did.
	forget(dir string) error
	// keep makes the slot the usual one, in one step: a power cut leaves the old one or the new one.
	keep(dir string, s Slot) error
}

// piLoader is the Raspberry Pi's firmware. config.txt's os_prefix names the folder that kernel, device trees, overlays
// and cmdline.txt come from. A restart called "0 tryboot" reads tryboot.txt in its place, once: the firmware clears its
// flag before it starts the kernel, so any hang, panic or power cut comes back to config.txt. (Raspberry Pi documentation,
// "config.txt": os_prefix, tryboot; all models. Ubuntu 25.10 starts its kernels the same way, its documentation "A/B boot
// on Ubuntu for Raspberry Pi".)
type piLoader struct{}

const (
	piConfig = "config.txt"
	piTry    = "tryboot.txt"
	sector   = 512
)

// kernelWatchdog lets the firmware arm the board's watchdog before it starts a kernel on trial, which then has this many
// seconds until its own watchdog driver takes over.
const kernelWatchdog = "kernel_watchdog_timeout=15\n"

// piInitrd is the line by which the firmware loads the slot's initramfs, os_prefix put before its name.
var piInitrd = regexp.MustCompile(`(?m)^initramfs ` + Initrd + ` followkernel\r?$`)

var osPrefix = regexp.MustCompile(`(?m)^os_prefix=([ab])/\r?$`)

// prefixIn finds the slot's letter in a config.txt.
func prefixIn(text []byte) (at int, err error) {
	all := osPrefix.FindAllSubmatchIndex(text, -1)
	if len(all) != 1 {
		return 0, fmt.Errorf("update: %s on the boot partition has %d lines os_prefix=a/ or os_prefix=b/: expected one; write it back as it was in the image", piConfig, len(all))
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

// uefiLoader is systemd-boot, which starts the image in QEMU. Its entries are files edgekit-N.conf, the highest N first.
// One that is called edgekit-N+1.conf has one try left: systemd-boot makes that edgekit-N+0-1.conf before it starts it,
// and after that takes it last (UAPI.1 Boot Loader Specification, "Boot counting").
type uefiLoader struct{}

const uefiEntries = "loader/entries"

var uefiEntry = regexp.MustCompile(`^edgekit-(\d{1,9})(\+\d+(-\d+)?)?\.conf$`)

type entry struct {
	name  string
	nth   int
	slot  Slot
	trial bool // it is counted: on trial, or it failed one
}

func (uefiLoader) entries(dir string) (list []entry, err error) {
	all, err := os.ReadDir(filepath.Join(dir, uefiEntries))
	if err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	for _, file := range all {
		m := uefiEntry.FindStringSubmatch(file.Name())
		if m == nil {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, uefiEntries, file.Name()))
		if err != nil {
			return nil, fmt.Errorf("update: %w", err)
		}
		e := entry{name: file.Name(), trial: m[2] != ""}
		e.nth, _ = strconv.Atoi(m[1]) // digits, see the pattern
		for _, s := range []Slot{SlotA, SlotB} {
			if strings.Contains(string(text), "linux /"+s.String()+"/") {
				e.slot = s
			}
		}
		if e.slot != 0 {
			list = append(list, e)
		}
	}
	return list, nil
}

func (u uefiLoader) usual(dir string) (s Slot, err error) {
	list, err := u.entries(dir)
	if err != nil {
		return 0, err
	}
	best := 0
	for _, e := range list {
		if !e.trial && e.nth > best {
			best, s = e.nth, e.slot
		}
	}
	if s == 0 {
		return 0, errors.New("update: the boot partition has no entry in " + uefiEntries)
	}
	return s, nil
}

// Initrd is the initramfs's name in a slot's folder, for kernels that need one.
const Initrd = "initrd"

// hasInitrd tells whether a slot's kernel needs an initramfs: it lies beside it.
func hasInitrd(dir string, s Slot) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, s.String(), Initrd))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("update: %w", err)
	}
	return true, nil
}

// uefiText is an entry. The command line is the slot's own.
func uefiText(dir string, s Slot) ([]byte, error) {
	line, err := os.ReadFile(filepath.Join(dir, s.String(), "cmdline.txt"))
	if err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	initrd, err := hasInitrd(dir, s)
	if err != nil {
		return nil, err
	}
	return UEFIEntry(s, string(line), initrd), nil
}

// UEFIEntry is systemd-boot's entry of a slot with this kernel command line, and with the slot's initramfs if it has one.
func UEFIEntry(s Slot, cmdline string, initrd bool) []byte {
	text := fmt.Appendf(nil, "title edgekit %s\nlinux /%s/vmlinuz\n", s, s)
	if initrd {
		text = fmt.Appendf(text, "initrd /%s/%s\n", s, Initrd)
	}
	return fmt.Appendf(text, "options %s\n", strings.TrimSpace(cmdline))
}

func (u uefiLoader) try(dir string, s Slot) (string, error) {
	list, err := u.entries(dir)
	if err != nil {
		return "", err
	}
	nth := 0
	for _, e := range list {
		nth = max(nth, e.nth)
	}
	text, err := uefiText(dir, s)
	if err != nil {
		return "", err
	}
	return "", writeFile(filepath.Join(dir, uefiEntries, fmt.Sprintf("edgekit-%d+1.conf", nth+1)), text)
}

// forget takes away all entries of trials.
func (u uefiLoader) forget(dir string) error {
	list, err := u.entries(dir)
	for _, e := range list {
		if e.trial {
			err = errors.Join(err, removeFile(filepath.Join(dir, uefiEntries, e.name)))
		}
	}
	return err
}

// keep writes the uncounted entry, which counts from then on, and takes the others away.
func (u uefiLoader) keep(dir string, s Slot) error {
	list, err := u.entries(dir)
	if err != nil {
		return err
	}
	nth := 0
	for _, e := range list {
		nth = max(nth, e.nth)
	}
	text, err := uefiText(dir, s)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(dir, uefiEntries, fmt.Sprintf("edgekit-%d.conf", nth+1)), text); err != nil {
		return err
	}
	for _, e := range list {
		err = errors.Join(err, removeFile(filepath.Join(dir, uefiEntries, e.name)))
	}
	return err
}
