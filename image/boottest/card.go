package boottest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Where partitions start on every card, see image/pack.
const (
	bootAt = 4 << 20
	permAt = 1060 << 20
)

// Drop puts a file on the boot partition, as a laptop does. The machine must be off.
func (m *Machine) Drop(name, text string) error {
	c := exec.Command("mcopy", "-o", "-i", fmt.Sprintf("%s@@%d", m.Disk, bootAt), "-", "::"+name)
	c.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	c.Stdin = strings.NewReader(text)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("boottest: %s onto the boot partition: %w: %s", name, err, out)
	}
	return nil
}

// Extend makes the card as large as that, in bytes: an image that was flashed onto a larger card. The machine must be off.
func (m *Machine) Extend(size int64) error {
	if err := os.Truncate(m.Disk, size); err != nil {
		return fmt.Errorf("boottest: %w", err)
	}
	return nil
}

// Blank takes the data partition's content away. The machine must be off.
func (m *Machine) Blank() error {
	if err := os.Truncate(m.Disk, permAt); err != nil {
		return fmt.Errorf("boottest: %w", err)
	}
	return nil
}

// Overwrite puts text onto the data partition, as damage does. The machine must be off.
func (m *Machine) Overwrite(at int64, text []byte) error {
	d, err := os.OpenFile(m.Disk, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("boottest: %w", err)
	}
	_, err = d.WriteAt(text, permAt+at)
	if err = errors.Join(err, d.Close()); err != nil {
		return fmt.Errorf("boottest: overwrite: %w", err)
	}
	return nil
}

// Dropped reads a file from the boot partition, as a laptop does. The machine must be off. There may be no such file.
func (m *Machine) Dropped(name string) (text string, there bool) {
	c := exec.Command("mtype", "-i", fmt.Sprintf("%s@@%d", m.Disk, bootAt), "::"+name)
	c.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	out, err := c.Output()
	return string(out), err == nil
}

// Holds tells whether a text is anywhere on the data partition, also while the machine runs: then what it has synced is there.
func (m *Machine) Holds(text string) (bool, error) {
	if m.card != nil && !m.card.flushed() {
		return false, nil // a cut could still take it away
	}
	f, err := os.Open(m.Disk)
	if err != nil {
		return false, fmt.Errorf("boottest: %w", err)
	}
	defer f.Close()
	for at := int64(permAt); ; {
		from, err := f.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) { // nothing but holes from here on
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("boottest: look into %s: %w", m.Disk, err)
		}
		if at, err = f.Seek(from, unix.SEEK_HOLE); err != nil {
			return false, fmt.Errorf("boottest: look into %s: %w", m.Disk, err)
		}
		b := make([]byte, at-from)
		if _, err := f.ReadAt(b, from); err != nil {
			return false, fmt.Errorf("boottest: look into %s: %w", m.Disk, err)
		}
		if bytes.Contains(b, []byte(text)) {
			return true, nil
		}
	}
}

// Log is the end of what the kit wrote into its log, for a test that failed: the machine is off, and dir is empty.
func (m *Machine) Log(dir string) string {
	if err := m.Data(dir); err != nil {
		return err.Error()
	}
	if out, err := exec.Command("debugfs", "-R", "rdump /edgekit/logs "+dir, filepath.Join(dir, "perm.img")).CombinedOutput(); err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	names, err := filepath.Glob(filepath.Join(dir, "logs", "*.log")) // in order
	if err != nil {
		return err.Error()
	}
	var lines []string
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			return err.Error()
		}
		lines = append(lines, strings.Split(strings.TrimSpace(string(text)), "\n")...)
	}
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// Data copies files of the data partition, such as edgekit/kit.db, into dir. The machine must be off. The file system's
// journal is replayed, as it is when a kit mounts it; damage beyond what a cut may leave is an error. A file that is not
// there is left out.
func (m *Machine) Data(dir string, files ...string) error {
	perm := filepath.Join(dir, "perm.img")
	if out, err := exec.Command("dd", "if="+m.Disk, "of="+perm, "bs=1M", fmt.Sprint("skip=", permAt>>20), "conv=sparse", "status=none").CombinedOutput(); err != nil {
		return fmt.Errorf("boottest: data partition: %w: %s", err, out)
	}
	path := os.Getenv("PATH") + ":/usr/sbin:/sbin"
	if err := os.Setenv("PATH", path); err != nil { // e2fsprogs' place, which a Debian user's PATH lacks
		return err
	}
	// -p mends what a cut may leave, the journal and counts of free blocks, and refuses the rest; 1: mended (e2fsck(8)).
	out, err := exec.Command("e2fsck", "-fp", perm).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return fmt.Errorf("boottest: data partition: %w: %s", err, out)
	}
	for _, f := range files {
		if out, err := exec.Command("debugfs", "-R", fmt.Sprintf("dump /%s %s", f, filepath.Join(dir, filepath.Base(f))), perm).CombinedOutput(); err != nil {
			return fmt.Errorf("boottest: %s: %w: %s", f, err, out)
		}
	}
	return nil
}
