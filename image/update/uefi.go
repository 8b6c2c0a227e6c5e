package update

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

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
