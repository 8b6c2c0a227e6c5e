// Package disk watches the disk that a kit's data is on: what is written to it, and how much room it has.
package disk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"edgekit.internal/hardware/whole"
)

// wearFile is in the data folder: a running total that Wear alone writes, about hourly and at an orderly end, replaced as a
// whole. A power cut loses what came since; a lost or damaged file begins the total anew.
const wearFile = "wear.json"

// Wear counts what was written to the disk under a folder, by anybody: SD cards bear so much and no more. Where the system
// does not tell by disk, it is what this process wrote. Safe for concurrent use.
type Wear struct {
	path   string
	boot   string
	counts func() (bytes int64, ok bool)

	mu sync.Mutex
	is total
}

type total struct {
	Bytes int64  `json:"bytes"` // in all
	Boot  string `json:"boot"`  // of the count below
	Count int64  `json:"count"` // the system's, when Bytes was brought up to date
}

// sector is the unit of a block device's stat, whatever the disk's own (Documentation/block/stat.rst).
const sector = 512

// OpenWear goes on counting for a folder.
func OpenWear(dir string) *Wear {
	w := &Wear{path: filepath.Join(dir, wearFile), boot: "?"}
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		w.boot = strings.TrimSpace(string(id))
	}
	if stat, ok := statOf(dir, "/sys/dev/block"); ok {
		w.counts = func() (int64, bool) { return sectorsWritten(stat) }
	} else {
		w.boot += fmt.Sprint(" process ", os.Getpid())
		w.counts = ownWrites
	}
	b, err := os.ReadFile(w.path)
	if err != nil || json.Unmarshal(b, &w.is) != nil || w.is.Bytes < 0 {
		w.is = total{}
	}
	return w
}

// Bytes is the total so far; ok is false where nothing is known.
func (w *Wear) Bytes() (bytes int64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.update()
}

func (w *Wear) update() (bytes int64, ok bool) {
	now, ok := w.counts()
	if !ok {
		return w.is.Bytes, w.is.Bytes > 0
	}
	if w.is.Boot != w.boot || now < w.is.Count {
		w.is.Count = 0
	}
	w.is.Bytes += now - w.is.Count
	w.is.Boot, w.is.Count = w.boot, now
	return w.is.Bytes, true
}

// Keep writes the total down.
func (w *Wear) Keep() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.update()
	b, err := json.Marshal(w.is)
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	err = whole.Replace(w.path, b)
	if err != nil {
		return fmt.Errorf("disk: keep what was written: %w", err)
	}
	return nil
}

// statOf finds the stat file of the whole disk that a folder is on. devices is sysfs's folder of block devices by number.
func statOf(dir, devices string) (path string, ok bool) {
	var st unix.Stat_t
	if unix.Stat(dir, &st) != nil {
		return "", false
	}
	at, err := filepath.EvalSymlinks(filepath.Join(devices, fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))))
	if err != nil {
		return "", false // no disk: memory, an overlay, the network
	}
	if _, err := os.Stat(filepath.Join(at, "partition")); !errors.Is(err, fs.ErrNotExist) {
		at = filepath.Dir(at)
	}
	path = filepath.Join(at, "stat")
	_, ok = sectorsWritten(path)
	return path, ok
}

// sectorsWritten is the seventh number of a block device's stat, in bytes.
func sectorsWritten(path string) (bytes int64, ok bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(b))
	if len(fields) < 7 {
		return 0, false
	}
	n, err := strconv.ParseInt(fields[6], 10, 64)
	if err != nil || n < 0 || n > 1<<53 {
		return 0, false
	}
	return n * sector, true
}

// ownWrites is what this process caused to be written (proc_pid_io(5)).
func ownWrites() (bytes int64, ok bool) {
	b, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if rest, is := strings.CutPrefix(line, "write_bytes: "); is {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
