// Package whole replaces files so that whoever reads one, also after a power cut at any moment, finds the old text or the
// new one, and nothing between.
package whole

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Replace puts a text in a file's place, mode 0600, and returns when it is on the disk. The file PATH.part is its own. An
// error leaves the old file. One caller for a path at a time.
func Replace(path string, text []byte) error {
	part := path + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("whole: %w", err)
	}
	_, err = f.Write(text)
	// Renamed before it is synced, it could be empty after a power cut; renamed although that failed, it would be.
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("whole: %s: %w", filepath.Base(path), errors.Join(err, os.Remove(part)))
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("whole: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("whole: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("whole: %s: %w", filepath.Base(path), err)
	}
	return nil
}
