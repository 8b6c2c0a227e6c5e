package cable

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Line is a serial line: a UART, or one behind USB (ttyUSB, ttyACM).
type Line struct{ Cable }

// Serial opens a line: 8 bits, no parity, no translation. DTR is up while it is open. The printer may stop it with XOFF, and go on with
// XON, unless its driver is Deaf: none of its answers that are read here has these bytes. Wires for flow control are not relied on: many cables lack them, and
// would stop for ever.
func Serial(path string, baud int) (*Line, error) {
	f, err := openNode(path, unix.O_NOCTTY)
	if err != nil {
		return nil, err
	}
	c, err := newCable(f)
	if err != nil {
		return nil, err
	}
	var set error
	if err := c.raw.Control(func(fd uintptr) { set = makeRaw(int(fd), uint32(baud)) }); err != nil {
		set = err
	}
	if set != nil {
		return nil, errors.Join(fmt.Errorf("set %s to %d baud: %w", path, baud, set), c.Close())
	}
	return &Line{c}, nil
}

// makeRaw sets a line up as cfmakeraw (termios(3)) does, with any rate (TCSETS2).
func makeRaw(fd int, baud uint32) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS2)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = unix.IGNPAR|unix.IXON, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.BOTHER
	t.Ispeed, t.Ospeed = baud, baud
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	t.Cc[unix.VSTART], t.Cc[unix.VSTOP] = 0x11, 0x13 // XON, XOFF
	if err := unix.IoctlSetTermios(fd, unix.TCSETS2, t); err != nil {
		return err
	}
	return unix.IoctlSetInt(fd, unix.TCXONC, unix.TCOON) // whatever stopped it before
}

// Write hands over what fits in the driver's queue.
func (l *Line) Write(b []byte, by time.Time) (int, error) {
	n, err := l.Cable.Write(b, by)
	return n, gone(err)
}

// Read takes what the printer said.
func (l *Line) Read(b []byte, by time.Time) (int, error) {
	n, err := l.Cable.Read(b, by)
	return n, gone(err)
}

// Sent tells whether the driver's queue is empty.
func (l *Line) Sent() (bool, error) {
	if _, _, err := l.Port(); err != nil {
		return false, err
	}
	n, err := l.unsent()
	return n == 0, gone(err)
}

// Close drops what has not left: the kernel would wait half a minute for a printer that takes nothing.
func (l *Line) Close() error {
	var flush error
	if n, err := l.unsent(); err == nil && n > 0 {
		wait := l.raw.Control(func(fd uintptr) { flush = unix.IoctlSetInt(int(fd), unix.TCFLSH, unix.TCOFLUSH) })
		flush = first(wait, flush)
	}
	return errors.Join(flush, l.Cable.Close())
}

// End waits until the last bytes have left the hardware too (TCSBRK 1, which is tcdrain): its few, as the queue is empty.
func (l *Line) End() (err error) {
	wait := l.raw.Control(func(fd uintptr) {
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			err = unix.IoctlSetInt(int(fd), unix.TCSBRK, 1)
		}
	})
	return gone(first(wait, err))
}
