package crash

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// End is how a program's last run ended.
type End string

// The ends. Killed is every end of the program alone that it had no hand in: by a crash, which leaves a report, by the
// kernel for want of memory, or by hand.
const (
	Orderly End = ""
	Killed  End = "killed or crashed"
	Reset   End = "power cut or reset"
)

// Began notes that a program runs, and tells how its last run ended. The note is a file PROGRAM.runs in the folder, which
// Ended removes: what finds one was not ended in order.
func Began(dir, program string) (last End, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Orderly, fmt.Errorf("crash: %w", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return Orderly, fmt.Errorf("crash: %w", err)
	}
	path := filepath.Join(dir, program+".runs")
	was, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return Orderly, fmt.Errorf("crash: %w", err)
	case strings.TrimSpace(string(was)) == strings.TrimSpace(string(boot)):
		last = Killed
	default:
		last = Reset
	}
	f, err := os.Create(path)
	if err != nil {
		return last, fmt.Errorf("crash: %w", err)
	}
	_, err = f.Write(boot)
	return last, errors.Join(err, f.Sync(), f.Close())
}

// Ended notes that a program ends in order.
func Ended(dir, program string) error {
	if err := os.Remove(filepath.Join(dir, program+".runs")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("crash: %w", err)
	}
	return nil
}
