// Package firmware chooses between the two firmwares of the 43455, which is the Wi-Fi chip of a Pi 3B+, 4B and 5 (brcmfmac). Whose they are,
// and what they lack, is in the files' own last line, a list of features: the standard one has dfsradar, and, of some versions, sae; the
// minimal one has maxclients, and neither of these. So it carries 19 stations instead of 7 to 10 (raspberrypi/documentation#2520),
// speaks no WPA3, and keeps off channels that are shared with radar.
//
// The root file system, in which both are, is read-only, and the driver asks for one name. But the kernel looks for firmware in a folder
// of one's choice first (Documentation/driver-api/firmware/fw_search_path.rst), where that name can lead to the other file. It looks
// when the driver is loaded: what is chosen later counts from the next time that the board is switched on.
package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Kind is one of them.
type Kind string

// The two kinds.
const (
	Standard Kind = "standard"
	Minimal  Kind = "minimal"
)

// ErrMissing is when the system has no minimal firmware, and ErrLater when another kind runs until the board is switched on again.
var (
	ErrMissing = errors.New("there is no minimal Wi-Fi firmware in this system")
	ErrLater   = errors.New("the Wi-Fi chip runs another firmware until the kit is switched off and on")
)

// Where things are, below the root.
const (
	driver  = "sys/module/brcmfmac"
	search  = "sys/module/firmware_class/parameters/path"
	names   = "lib/firmware/brcm/brcmfmac43455-sdio*.bin"
	name    = "brcmfmac43455-sdio.bin"
	minimal = "lib/firmware/cypress/cyfmac43455-sdio-minimal.bin"
	feature = "-maxclients-"
)

// folder is where the kernel is to look first. It is in memory: made here before the driver is loaded, and gone with the power.
const folder = "run/edgekit-firmware"

// maxFile is the size of the largest file, in bytes; in use are up to 640 kB.
const maxFile = 2 << 20

// Choose has the driver, when it is loaded, take a kind of firmware. root is "/" but in tests. An error other than ErrLater leaves the
// standard one. It is to be called before anything loads the driver, and harms nothing on a board with another chip.
func Choose(root string, k Kind) error {
	if _, err := os.Stat(filepath.Join(root, driver)); err == nil {
		if Running(root) != k {
			return ErrLater
		}
		return nil
	}
	in := filepath.Join(root, folder)
	if err := os.RemoveAll(in); err != nil || k != Minimal {
		return err // without the folder the kernel looks where it always does
	}
	if err := check(filepath.Join(root, minimal)); err != nil {
		return err
	}
	all, err := filepath.Glob(filepath.Join(root, names)) // some are for one board, and are asked for first
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(in, "brcm"), 0o755); err != nil {
		return fmt.Errorf("firmware: %w", err)
	}
	for _, path := range append(all, filepath.Join(in, "brcm", name)) {
		err := os.Symlink("/"+minimal, filepath.Join(in, "brcm", filepath.Base(path)))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("firmware: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, search), []byte("/"+folder), 0o644); err != nil { // a line's end would be taken for part of it
		return errors.Join(fmt.Errorf("firmware: the kernel does not look elsewhere: %w", err), os.RemoveAll(in))
	}
	return nil
}

// Running is the kind that the driver has taken, or will take.
func Running(root string) Kind {
	is, err := os.ReadFile(filepath.Join(root, search))
	if err != nil || string(bytes.TrimSpace(is)) != "/"+folder {
		return Standard
	}
	if _, err := os.Lstat(filepath.Join(root, folder, "brcm", name)); err != nil {
		return Standard
	}
	return Minimal
}

// check refuses a file that is not what its name says: the chip would not start, and the kit have no Wi-Fi.
func check(path string) error {
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrMissing
	}
	if err == nil && st.Size() > maxFile {
		err = fmt.Errorf("it has %d bytes, expected at most %d", st.Size(), maxFile)
	}
	var b []byte
	if err == nil {
		b, err = os.ReadFile(path)
	}
	if err == nil && !bytes.Contains(b, []byte(feature)) {
		err = fmt.Errorf("it does not say %q of itself, as the minimal firmware does", feature)
	}
	if err != nil {
		return fmt.Errorf("firmware: %s: %w", filepath.Base(path), err)
	}
	return nil
}
