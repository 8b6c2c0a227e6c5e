package v4l2

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrStuck is why a camera was given up whose driver did not come back from a call.
var ErrStuck = errors.New("the camera's driver does not answer; pull the camera's plug, and plug it in again")

const (
	answers = 2 * time.Second // for what is done with each picture
	setsUp  = 6 * time.Second // for all else: uvcvideo itself gives a transfer up after 5 s (UVC_CTRL_STREAMING_TIMEOUT)

	// maxStuck is how many calls may be stuck at a time. A driver's end comes with the camera's, so that there are hardly ever more than
	// one; what each holds is a goroutine, a thread, an open file and its buffers.
	maxStuck = 4
)

// driver is what can be done with an open device node.
type driver interface {
	ioctl(req uintptr, arg unsafe.Pointer) error
	poll(limit time.Duration) (events int16, err error)
	mmap(offset int64, length int) ([]byte, error)
	munmap([]byte) error
	close() error
}

// file is the kernel's driver.
type file int

func openFile(path string) (driver, error) {
	st, err := os.Stat(path)
	if err == nil && st.Mode()&fs.ModeCharDevice == 0 {
		err = errors.New("not a device")
	}
	if err != nil {
		return nil, err
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return file(fd), nil
}

// ioctl is made again when a signal comes between.
func (f file) ioctl(req uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(f), req, uintptr(arg))
		if errno == 0 {
			return nil
		}
		if errno != unix.EINTR {
			return errno
		}
	}
}

func (f file) poll(limit time.Duration) (int16, error) {
	fds := []unix.PollFd{{Fd: int32(f), Events: unix.POLLIN}}
	_, err := unix.Poll(fds, int(limit/time.Millisecond))
	if errors.Is(err, unix.EINTR) {
		return 0, nil
	}
	return fds[0].Revents, err
}

func (f file) mmap(offset int64, length int) ([]byte, error) {
	return unix.Mmap(int(f), offset, length, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

func (f file) munmap(b []byte) error { return unix.Munmap(b) }
func (f file) close() error          { return unix.Close(int(f)) }

// node is an open device, for one goroutine at a time. Another one makes its calls, so that one from which the driver does not come back
// in time can be given up; should it ever come back, that goroutine closes the device. O_NONBLOCK is no help there: a driver may wait for
// a lock, or for a USB device that is silent.
type node struct {
	path  string
	lost  func(*node) // told once, of a call that was given up
	calls chan func()
	ended chan struct{} // the device is closed
	stuck bool

	// These belong to the goroutine that makes the calls, until it has ended.
	driver driver
	mapped [][]byte
	err    error // of closing
}

// openNode opens a device, unless an earlier call to it is stuck, or too many are to others.
func (ds *Devices) openNode(path string) (*node, error) {
	open := ds.open
	if open == nil {
		open = openFile
	}
	if err := ds.answers(path); err != nil {
		return nil, err
	}
	n := &node{path: path, lost: ds.lost, calls: make(chan func()), ended: make(chan struct{})}
	go n.work()
	err := n.do(setsUp, func() (err error) { n.driver, err = open(path); return err })
	if err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

// answers tells why a device is not to be tried now.
func (ds *Devices) answers(path string) error {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.stuck = slices.DeleteFunc(ds.stuck, (*node).over)
	if len(ds.stuck) >= maxStuck || slices.ContainsFunc(ds.stuck, func(n *node) bool { return n.path == path }) {
		return ErrStuck
	}
	return nil
}

func (ds *Devices) lost(n *node) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.stuck = append(ds.stuck, n)
}

// Stuck is ErrStuck while a driver has not come back from a call that was given up.
func (ds *Devices) Stuck() error {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.stuck = slices.DeleteFunc(ds.stuck, (*node).over); len(ds.stuck) > 0 {
		return ErrStuck
	}
	return nil
}

func (n *node) over() bool {
	select {
	case <-n.ended:
		return true
	default:
		return false
	}
}

func (n *node) work() {
	defer close(n.ended)
	for call := range n.calls {
		call()
	}
	var errs []error
	for _, m := range n.mapped {
		errs = append(errs, n.driver.munmap(m))
	}
	if n.driver != nil {
		errs = append(errs, n.driver.close())
	}
	n.err = errors.Join(errs...)
}

// do makes a call and waits for it, but not beyond limit: then it and all later ones are ErrStuck, and what it would have written is not
// to be looked at.
func (n *node) do(limit time.Duration, call func() error) error {
	if n.stuck {
		return ErrStuck
	}
	done := make(chan error, 1)
	n.calls <- func() { done <- call() }
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		n.giveUp()
		close(n.calls)
		return ErrStuck
	}
}

func (n *node) giveUp() {
	n.stuck = true
	n.lost(n)
}

// close is to be called once.
func (n *node) close() error {
	if n.stuck {
		return nil // it was said
	}
	close(n.calls)
	t := time.NewTimer(setsUp)
	defer t.Stop()
	select {
	case <-n.ended:
		return n.err
	case <-t.C:
		n.giveUp()
		return ErrStuck
	}
}

// ioctl passes a structure to the driver.
func ioctl[T any](n *node, req uintptr, arg *T) error {
	limit := setsUp
	if req == vidiocDQBuf || req == vidiocQBuf {
		limit = answers
	}
	return n.do(limit, func() error { return n.driver.ioctl(req, unsafe.Pointer(arg)) })
}

// wait waits for a picture, a while.
func (n *node) wait(limit time.Duration) (int16, error) {
	return got(n, answers, func() (int16, error) { return n.driver.poll(limit) })
}

// mmap maps a buffer until the node is closed.
func (n *node) mmap(offset int64, length int) ([]byte, error) {
	return got(n, setsUp, func() ([]byte, error) {
		m, err := n.driver.mmap(offset, length)
		if err == nil {
			n.mapped = append(n.mapped, m)
		}
		return m, err
	})
}

// got is do for a call that gives something.
func got[T any](n *node, limit time.Duration, call func() (T, error)) (T, error) {
	var none T
	v := new(T)
	if err := n.do(limit, func() (err error) { *v, err = call(); return err }); err != nil {
		return none, err // v may still be written
	}
	return *v, nil
}
