// Package cable reaches printers over what they hang on: Linux' usblp, a serial line, or TCP.
package cable

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ends is a file or connection that the runtime polls.
type ends interface {
	io.Closer
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
	SyscallConn() (syscall.RawConn, error)
}

// Cable is an open way to a printer. Used by one goroutine.
type Cable struct {
	ends
	raw syscall.RawConn
}

func newCable(e ends) (Cable, error) {
	raw, err := e.SyscallConn()
	if err != nil {
		return Cable{}, errors.Join(err, e.Close())
	}
	return Cable{e, raw}, nil
}

// Write hands over what is taken at once, waiting until by for the first byte; os.ErrDeadlineExceeded when none was.
func (c Cable) Write(b []byte, by time.Time) (n int, err error) {
	return c.write(b, by, unix.Write)
}

func (c Cable) write(b []byte, by time.Time, write func(int, []byte) (int, error)) (n int, err error) {
	if err := c.SetWriteDeadline(by); err != nil {
		return 0, err
	}
	wait := c.raw.Write(func(fd uintptr) bool {
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			n, err = write(int(fd), b)
		}
		return !errors.Is(err, unix.EAGAIN)
	})
	return max(n, 0), first(wait, err)
}

// Read takes what there is, waiting for it until by; the zero time does not wait. os.ErrDeadlineExceeded when there was
// nothing, io.EOF when there will be no more.
func (c Cable) Read(b []byte, by time.Time) (n int, err error) {
	if err := c.SetReadDeadline(by); err != nil {
		return 0, err
	}
	wait := c.raw.Read(func(fd uintptr) bool {
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			n, err = unix.Read(int(fd), b)
		}
		return by.IsZero() || !errors.Is(err, unix.EAGAIN)
	})
	switch err := first(wait, err); {
	case errors.Is(err, unix.EAGAIN):
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// first is the error that matters: waiting can end without the call having been made again.
func first(wait, call error) error {
	if wait != nil {
		return wait
	}
	return call
}

// unsent is how many bytes the kernel still holds (TIOCOUTQ, which is SIOCOUTQ).
func (c Cable) unsent() (n int, err error) {
	wait := c.raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	return n, first(wait, err)
}

// state tells whether the other end has gone, and whether a byte would be taken.
func (c Cable) state() (gone, writable bool, err error) {
	fds := []unix.PollFd{{Events: unix.POLLOUT}}
	wait := c.raw.Control(func(fd uintptr) {
		fds[0].Fd = int32(fd)
		_, err = unix.Poll(fds, 0)
	})
	if err := first(wait, err); err != nil && !errors.Is(err, unix.EINTR) {
		return false, false, err
	}
	return fds[0].Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0, fds[0].Revents&unix.POLLOUT != 0, nil
}

// Port says nothing: only usblp asks printers by itself.
func (c Cable) Port() (status byte, told bool, err error) {
	gone, _, err := c.state()
	if gone {
		err = ErrGone
	}
	return 0, false, err
}

// ID says nothing: only usblp has read it.
func (c Cable) ID() string { return "" }

// ErrGone is that the printer is not at the other end any more.
var ErrGone = errors.New("the printer was unplugged or switched off")

// openNode opens a device, and says in words why it could not.
func openNode(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK|flags, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return nil, fmt.Errorf("%s is used by another program: stop it", path)
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil, ErrGone
	case errors.Is(err, unix.EACCES):
		return nil, fmt.Errorf("%s may not be used by this program: let it, for instance by its group (lp, dialout)", path)
	}
	return f, err
}

// gone makes one error of those by which Linux tells that a device was pulled out.
func gone(err error) error {
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EIO) || errors.Is(err, unix.ESHUTDOWN) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%w (%v)", ErrGone, err)
	}
	return err
}
