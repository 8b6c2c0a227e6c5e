package record

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Config says where recordings go. The zero value of all but Dir is usable.
type Config struct {
	Dir string       // is made if it is not there
	Log *slog.Logger // nil: the default one

	Now  func() time.Duration     // kit time, for Beginning; nil: 0
	Date func() (time.Time, bool) // wall clock, false: not known; nil: not known
	// Spare is how many bytes recordings may still fill; below 0 they stop, and go on when there are 32 MiB again. false: it is not
	// known, which stops them too, but nothing is deleted for it. nil: no bound.
	Spare func() (bytes int64, known bool)
	// Oldest has the oldest finished recordings deleted where Spare is below 0, published or not. Else they are never deleted but
	// by Delete: what an afternoon's work was is not thrown away by a machine that was not told to.
	Oldest bool
	// Length is that of one file: 1 h. Then comes the next, at a key picture.
	Length time.Duration

	WantKeyframe func(layer uint8) // asks the encoder; must not block; nil: nobody is asked
	Changed      func()            // told when a recording begins and ends; must not block; nil: nobody

	open func(path string, flag int) (file, error) // nil: the disk's
}

// file is what the recorder does with one. *os.File does it but for Sync, which is fdatasync here.
type file interface {
	Write(b []byte) (int, error)
	WriteAt(b []byte, off int64) (int, error)
	ReadAt(b []byte, off int64) (int, error)
	Seek(off int64, whence int) (int64, error)
	Truncate(size int64) error
	Sync() error
	Close() error
}

// diskFile is a file that others' syncs have little to wait for.
type diskFile struct{ *os.File }

// piece is how much is written at a time: some 10 ms on a slow card. A sale that is synced meanwhile waits for one piece, and not for
// a fragment.
const piece = 128 << 10

// Write writes in pieces, each of which is on its way to the disk before the next is begun (sync_file_range(2)). That keeps nothing:
// Sync does.
func (f diskFile) Write(b []byte) (n int, err error) {
	at, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, err
	}
	for n < len(b) {
		k, err := f.File.Write(b[n:min(n+piece, len(b))])
		if err != nil {
			return n + k, err
		}
		const through = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
		err = unix.SyncFileRange(int(f.Fd()), at+int64(n), int64(k), through)
		if err != nil && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ESPIPE) { // file systems that do not know it sync all the same
			return n + k, err
		}
		n += k
	}
	return n, nil
}

// Sync syncs what is needed to read the data again, and not the times of it (fdatasync(2)).
func (f diskFile) Sync() error { return unix.Fdatasync(int(f.Fd())) }

func openFile(path string, flag int) (file, error) {
	f, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, err
	}
	return diskFile{f}, nil
}

// whole is the configuration with defaults where nothing is said.
func (cfg Config) whole() Config {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Duration { return 0 }
	}
	if cfg.Date == nil {
		cfg.Date = func() (time.Time, bool) { return time.Time{}, false }
	}
	if cfg.Spare == nil {
		cfg.Spare = func() (int64, bool) { return resume, true }
	}
	if cfg.Length == 0 {
		cfg.Length = time.Hour
	}
	if cfg.WantKeyframe == nil {
		cfg.WantKeyframe = func(uint8) {}
	}
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.open == nil {
		cfg.open = openFile
	}
	return cfg
}
