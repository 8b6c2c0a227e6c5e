package cable

import (
	"errors"
	"io"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Printer is a printer of the kernel's usblp (/dev/usb/lpN, drivers/usb/class/usblp.c).
//
// usblp takes a block of up to 8 KiB, is writable again when the printer has it, and kills what has not left when it is
// closed: so Sent must be waited for. To a writer that does not block it does not tell when a transfer fails that it has
// taken, unless the printer is gone; the printer's answers and the plug are all that is known then.
type Printer struct{ Cable }

// USB opens a printer, which takes one opener.
func USB(path string) (*Printer, error) {
	f, err := openNode(path, 0)
	if err != nil {
		return nil, err
	}
	c, err := newCable(f)
	if err != nil {
		return nil, err
	}
	return &Printer{c}, nil
}

// Write hands over a block. When a signal comes, usblp says EINTR after it has given the block to the controller, and
// who tries again prints it twice; so none may come.
func (p *Printer) Write(b []byte, by time.Time) (int, error) {
	n, err := p.write(b, by, func(fd int, b []byte) (n int, err error) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var all, before unix.Sigset_t
		for i := range all.Val {
			all.Val[i] = ^all.Val[i]
		}
		if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
			return 0, err
		}
		n, err = unix.Write(fd, b)
		return n, errors.Join(err, unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil))
	})
	return n, gone(err)
}

// Read takes what the printer said. An empty transfer is nothing said. A printer that cannot say anything (EINVAL: it has
// no endpoint for it; EIO: it has, but it does not work) says nothing until by, as one that will not.
func (p *Printer) Read(b []byte, by time.Time) (int, error) {
	n, err := p.Cable.Read(b, by)
	switch {
	case errors.Is(err, io.EOF):
		return 0, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EIO):
		if away, _, _ := p.state(); !away {
			return 0, os.ErrDeadlineExceeded
		}
	}
	return n, gone(err)
}

// Sent tells whether the printer has the last block.
func (p *Printer) Sent() (bool, error) {
	away, writable, err := p.state()
	if away {
		err = ErrGone
	}
	return writable, err
}

// lpGetStatus is LPGETSTATUS (linux/lp.h): GET_PORT_STATUS of the USB printer class.
const lpGetStatus = 0x060b

// Port asks for the port's status. Printers that do not have it are asked in vain; only the plug is looked at then.
func (p *Printer) Port() (status byte, told bool, err error) {
	if _, _, err := p.Cable.Port(); err != nil {
		return 0, false, err
	}
	var n uint32
	wait := p.raw.Control(func(fd uintptr) { n, err = unix.IoctlGetUint32(int(fd), lpGetStatus) })
	switch err := first(wait, err); {
	case err == nil:
		return byte(n), true, nil
	case errors.Is(err, unix.ENODEV), errors.Is(err, os.ErrClosed):
		return 0, false, gone(err)
	}
	return 0, false, nil
}

// getDeviceID is LPIOC_GET_DEVICE_ID (drivers/usb/class/usblp.c) of so many bytes: _IOC(_IOC_READ, 'P', 1, n).
func getDeviceID(n int) uint { return 2<<30 | uint(n)<<16 | 'P'<<8 | 1 }

// ID is the printer's IEEE 1284 device ID, as usblp has read it, at most 1 KB; "" where it has none.
func (p *Printer) ID() string {
	text := make([]byte, 1024) // the first two bytes are its length
	var errno unix.Errno
	wait := p.raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, uintptr(getDeviceID(len(text))), uintptr(unsafe.Pointer(&text[0])))
	})
	if wait != nil || errno != 0 {
		return ""
	}
	n := int(text[0])<<8 | int(text[1])
	return string(text[2:max(2, min(n, len(text)))])
}

// End has nothing to add: what is sent is sent.
func (p *Printer) End() error { return nil }
