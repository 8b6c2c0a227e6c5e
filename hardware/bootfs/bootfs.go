// Package bootfs reads files that a person put on the SD card's boot partition, the FAT that any laptop shows. The
// system does not keep it mounted: it is mounted, read-only, for as long as a read takes.
package bootfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxFile is the size of the largest file that is read.
const MaxFile = 1 << 20

// Read returns a file from the top of the boot partition: partition 1 of the disk that / is on. An error is
// fs.ErrNotExist when there is no such file. It needs the right to mount, and one caller at a time.
func Read(name string) (text []byte, err error) {
	device, err := partition("/", "/sys/dev/block", 1)
	if err != nil {
		return nil, fmt.Errorf("bootfs: %w", err)
	}
	dir, err := os.MkdirTemp("", "boot")
	if err != nil {
		return nil, fmt.Errorf("bootfs: %w", err)
	}
	defer os.Remove(dir) // an empty folder in memory, if anything
	if err := unix.Mount(device, dir, "vfat", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return nil, fmt.Errorf("bootfs: mount %s: %w", device, err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(dir, 0)) }()
	f, err := os.Open(filepath.Join(dir, filepath.Base(name)))
	if err != nil {
		return nil, fmt.Errorf("bootfs: %w", err)
	}
	defer f.Close()
	text, err = io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err == nil && len(text) > MaxFile {
		err = errors.New("larger than 1 MB")
	}
	if err != nil {
		return nil, fmt.Errorf("bootfs: %s: %w", name, err)
	}
	return text, nil
}

// partition is the device of partition n of the disk that path is on, whatever the disk is called: mmcblk0p1, sda1,
// nvme0n1p1. devices is sysfs's folder of block devices by number; a partition's folder there lies in its disk's, and
// has a file "partition" with its number.
func partition(path, devices string, n int) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", fmt.Errorf("stat %s: %w", path, err)
	}
	own, err := filepath.EvalSymlinks(filepath.Join(devices, fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))))
	if err != nil {
		return "", fmt.Errorf("the disk of %s: %w", path, err)
	}
	all, err := filepath.Glob(filepath.Join(filepath.Dir(own), "*", "partition"))
	if err != nil {
		return "", err
	}
	for _, file := range all {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		if strings.TrimSpace(string(text)) == fmt.Sprint(n) {
			return "/dev/" + filepath.Base(filepath.Dir(file)), nil
		}
	}
	return "", fmt.Errorf("no partition %d on the disk of %s", n, path)
}
