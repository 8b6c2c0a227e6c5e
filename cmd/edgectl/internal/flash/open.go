package flash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/ulikunitz/xz"
	"golang.org/x/sys/unix"
)

// device is a block device that nobody else may mount meanwhile, or a plain file.
type device struct{ *os.File }

// Open opens a card for a Job, to the exclusion of mounts (open(2), O_EXCL). What opens must be the disk that was inspected,
// whatever the path is called by now.
func Open(c Card) (Target, io.Closer, error) {
	path := c.Device
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_EXCL, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return nil, nil, refuse("%s is in use by something: unmount it, and try again", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, nil, refuse("%s may only be written by root: try again with sudo", path)
	case errors.Is(err, unix.ENOMEDIUM):
		return nil, nil, refuse("%s has no card in it", path)
	case errors.Is(err, unix.EROFS):
		return nil, nil, refuse("%s is write-protected: slide the lock on the card's or adapter's side", path)
	case err != nil:
		return nil, nil, fmt.Errorf("flash: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("flash: %w", err), f.Close())
	}
	number := fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
	if c.Number != "" && st.Mode&unix.S_IFMT == unix.S_IFBLK && number != c.Number {
		return nil, nil, errors.Join(refuse("%s opens the disk %s, not the card %s that was looked at: name it as `lsblk` does", path, number, c.Number), f.Close())
	}
	return device{f}, f, nil
}

// Forget drops the kernel's memory of the disk (BLKFLSBUF); of a plain file, or for somebody who
// is not root, as far as it will.
func (d device) Forget() error {
	err := unix.IoctlSetInt(int(d.Fd()), unix.BLKFLSBUF, 0)
	if err == nil || !errors.Is(err, unix.ENOTTY) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.EPERM) {
		return err
	}
	return unix.Fadvise(int(d.Fd()), 0, 0, unix.FADV_DONTNEED)
}

// Settle has the kernel read the new partition table, and gives the disk back. It is done when a card is, and needs no
// success: pulling the card out and putting it in again does the same.
func Settle(t Target) {
	if d, ok := t.(device); ok {
		unix.IoctlSetInt(int(d.Fd()), unix.BLKRRPART, 0)
	}
}

// Image opens an image, compressed by xz or not by its name's ending.
func Image(path string) (io.Reader, io.Closer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasSuffix(path, ".xz") {
		return f, f, nil
	}
	z, err := xz.NewReader(bufio.NewReaderSize(f, 1<<20))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: not compressed by xz, or damaged: %w", path, err), f.Close())
	}
	return z, f, nil
}

// MapBeside finds the block map of an image: NAME.img.bmap beside NAME.img.xz, as `make image` leaves it, or the image's
// name with .bmap behind. It is nil when there is none.
func MapBeside(image string) (*Map, error) {
	for _, path := range []string{strings.TrimSuffix(image, ".xz") + ".bmap", image + ".bmap"} {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		defer f.Close()
		text, err := io.ReadAll(io.LimitReader(f, maxMap+1))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		m, err := ParseMap(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return m, nil
	}
	return nil, nil
}
