// Package bootfs reads and writes the SD card's boot partition, the FAT that any laptop shows: settings a person put
// there, what the kit has to say about them, and the files a kit starts from. The system does not keep it mounted: it is
// mounted for as long as a piece of work takes.
package bootfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// MaxFile is the size of the largest file that is read as a whole.
const MaxFile = 1 << 20

// lock serialises all programs of a kit: one partition cannot be mounted for reading here and for writing there.
const lock = "/run/edgekit-bootfs.lock"

// With mounts the boot partition, partition 1 of the disk that / is on, for the time of work, and gives it the folder.
// Nobody else has it meanwhile; who waits for it longer than patience gets ErrBusy. What was written is on the card when it
// returns. It needs the right to mount.
func With(write bool, work func(dir string) error) (err error) {
	device, err := Partition(1)
	if err != nil {
		return err
	}
	turn, err := await(lock)
	if err != nil {
		return fmt.Errorf("bootfs: %w", err)
	}
	defer turn.Close()
	dir, err := os.MkdirTemp("", "boot")
	if err != nil {
		return fmt.Errorf("bootfs: %w", err)
	}
	defer os.Remove(dir) // an empty folder in memory, if anything
	flags := uintptr(unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME)
	if !write {
		flags |= unix.MS_RDONLY
	}
	if err := unix.Mount(device, dir, "vfat", flags, ""); err != nil {
		return fmt.Errorf("bootfs: mount %s: %w", device, err)
	}
	defer func() { err = errors.Join(err, release(func(flags int) error { return unix.Unmount(dir, flags) })) }()
	return work(dir)
}

// release unmounts, and waits while somebody has a file there open: a program that is just being started has all that this one had,
// until it runs. What stays mounted would keep everybody from mounting it otherwise, so in the end it is taken out of sight, and is gone
// with that file.
func release(unmount func(flags int) error) error {
	for waited := time.Duration(0); ; waited += pause {
		err := unmount(0)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || waited >= patience {
			unix.Sync()
			return fmt.Errorf("bootfs: unmount: %w", errors.Join(err, unmount(unix.MNT_DETACH)))
		}
		time.Sleep(pause)
	}
}

// ErrBusy is when somebody else has the boot partition, such as an update that comes over a slow network.
var ErrBusy = errors.New("the boot partition is in use, as while an update is being written")

// patience is how long a turn is waited for, and pause how often one is asked for. Settings are saved and read in a moment;
// an update may take minutes, for which nobody who waits can be left without an answer.
const (
	patience = 3 * time.Second
	pause    = 50 * time.Millisecond
)

// await locks a file, or gives up.
func await(path string) (turn *os.File, err error) {
	if turn, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, err
	}
	for waited := time.Duration(0); ; waited += pause {
		err := unix.Flock(int(turn.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return turn, nil
		}
		if errors.Is(err, unix.EWOULDBLOCK) && waited < patience {
			time.Sleep(pause)
			continue
		}
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrBusy
		}
		return nil, errors.Join(err, turn.Close())
	}
}

// Read returns a file from the top of the boot partition. An error is fs.ErrNotExist when there is no such file.
func Read(name string) (text []byte, err error) {
	err = With(false, func(dir string) error {
		f, err := os.Open(filepath.Join(dir, filepath.Base(name)))
		if err != nil {
			return fmt.Errorf("bootfs: %w", err)
		}
		defer f.Close()
		text, err = io.ReadAll(io.LimitReader(f, MaxFile+1))
		if err == nil && len(text) > MaxFile {
			err = errors.New("larger than 1 MB")
		}
		if err != nil {
			return fmt.Errorf("bootfs: %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return text, nil
}

// Write makes or replaces a file at the top of the boot partition. A power cut in it may leave a part of the text.
func Write(name string, text []byte) error {
	return With(true, func(dir string) error {
		f, err := os.Create(filepath.Join(dir, filepath.Base(name)))
		if err != nil {
			return fmt.Errorf("bootfs: %w", err)
		}
		_, err = f.Write(text)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("bootfs: %s: %w", name, err)
		}
		return nil
	})
}

// Remove takes a file from the top of the boot partition away, if it is there.
func Remove(name string) error {
	if _, err := Read(name); errors.Is(err, fs.ErrNotExist) {
		return nil // the card is not written to for nothing
	}
	return With(true, func(dir string) error {
		err := os.Remove(filepath.Join(dir, filepath.Base(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
}

// Partition is the device of partition n of the disk that / is on, such as /dev/mmcblk0p2; 0 is that of / itself.
func Partition(n int) (string, error) {
	device, err := partition("/", "/sys/dev/block", n)
	if err != nil {
		return "", fmt.Errorf("bootfs: %w", err)
	}
	return device, nil
}

// partition finds it whatever the disk is called: mmcblk0p1, sda1, nvme0n1p1. devices is sysfs's folder of block devices
// by number; a partition's folder there lies in its disk's, and has a file "partition" with its number.
func partition(path, devices string, n int) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", fmt.Errorf("stat %s: %w", path, err)
	}
	own, err := filepath.EvalSymlinks(filepath.Join(devices, fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev))))
	if err != nil {
		return "", fmt.Errorf("the disk of %s: %w", path, err)
	}
	if n == 0 {
		return "/dev/" + filepath.Base(own), nil
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
