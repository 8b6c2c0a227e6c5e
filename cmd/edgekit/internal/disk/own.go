package disk

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Own makes a data folder this process's until the file is closed, or the process ends in whatever way (flock(2)). Two
// that sell from one folder would each count the stock by itself.
func Own(dir string) (io.Closer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, errors.New(dir + " is in use: another edgekit runs on this folder")
	}
	return f, nil // a file system without locks: the control socket still tells of another
}
