package cable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// deaf are the kernel's drivers of serial lines that take a printer's XOFF and go on: they have no way to stop (tty_operations.stop in
// linux/tty_driver.h), nor has the chip been told to. UARTs stop in the kernel, and the chips of ftdi_sio, cp210x and pl2303 by themselves.
var deaf = []string{"cdc_acm", "ch341-uart"}

// Deaf tells whether a line's driver is one that does not stop.
func Deaf(path string) bool {
	var is unix.Stat_t
	if unix.Stat(path, &is) != nil {
		return false
	}
	driver, err := filepath.EvalSymlinks(fmt.Sprintf("/sys/dev/char/%d:%d/device/driver", unix.Major(is.Rdev), unix.Minor(is.Rdev)))
	return err == nil && slices.Contains(deaf, filepath.Base(driver))
}

// XON and XOFF (DC1 and DC3 of ASCII).
const (
	xon  = 0x11
	xoff = 0x13
)

const (
	// burst is what is on its way at once to a printer that may say XOFF: it has room for 128 bytes when it does (Citizen CL series, user's
	// manual, "XON/XOFF Protocol"). One that has less (Epson TM-T88 with its small buffer: 16, Technical Manual, appendix A) is not for
	// such a line: its chip alone holds more.
	burst = 64
	// pace is between looks whether a burst has left.
	pace = 250 * time.Microsecond
	// mostHeard bounds what a printer has said and nobody has read. The oldest goes.
	mostHeard = 1024
)

// Patient is a line whose driver is deaf: here it is who writes that stops for XOFF. Little is on its way at a time, as that cannot be
// called back.
type Patient struct {
	*Line
	heard   []byte
	stopped bool
}

// PatientSerial opens a line as Serial does, but for XON and XOFF, which are bytes here.
func PatientSerial(path string, baud int) (*Patient, error) {
	l, err := Serial(path, baud)
	if err != nil {
		return nil, err
	}
	var set error
	wait := l.raw.Control(func(fd uintptr) {
		var t *unix.Termios
		if t, set = unix.IoctlGetTermios(int(fd), unix.TCGETS2); set == nil {
			t.Iflag &^= unix.IXON
			set = unix.IoctlSetTermios(int(fd), unix.TCSETS2, t)
		}
	})
	if err := first(wait, set); err != nil {
		return nil, errors.Join(fmt.Errorf("set %s: %w", path, err), l.Close())
	}
	return &Patient{Line: l}, nil
}

// ErrStopped is an os.ErrDeadlineExceeded that says why.
var ErrStopped = fmt.Errorf("it has stopped the line with XOFF: %w", os.ErrDeadlineExceeded)

// Write hands over a burst when the one before has left and the printer has not stopped the line.
func (p *Patient) Write(b []byte, by time.Time) (int, error) { return p.write(b, by, false) }

// Urge is Write, though the printer has stopped the line: of a question that printers take then too. It stops the line also when its cover is
// open (Epson TM-T88, Technical Manual, appendix A).
func (p *Patient) Urge(b []byte, by time.Time) (int, error) { return p.write(b, by, true) }

func (p *Patient) write(b []byte, by time.Time, urgent bool) (int, error) {
	for {
		if err := p.listen(time.Time{}); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, err
		}
		sent, err := p.Sent()
		switch {
		case err != nil:
			return 0, err
		case sent && (urgent || !p.stopped):
			return p.Line.Write(b[:min(len(b), burst)], by)
		case p.stopped && !urgent:
			if err := p.listen(by); errors.Is(err, os.ErrDeadlineExceeded) {
				return 0, ErrStopped
			} else if err != nil {
				return 0, err
			}
		case !time.Now().Before(by):
			return 0, os.ErrDeadlineExceeded
		default:
			time.Sleep(pace)
		}
	}
}

// Read takes what the printer said, but for XON and XOFF.
func (p *Patient) Read(b []byte, by time.Time) (int, error) {
	for len(p.heard) == 0 {
		if err := p.listen(by); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.heard)
	p.heard = p.heard[n:]
	return n, nil
}

// listen waits until by for the printer to say something, and takes it.
func (p *Patient) listen(by time.Time) error {
	b := make([]byte, 256)
	n, err := p.Line.Read(b, by)
	for _, c := range b[:n] {
		switch c {
		case xon, xoff:
			p.stopped = c == xoff
		default:
			p.heard = append(p.heard, c)
		}
	}
	p.heard = p.heard[max(0, len(p.heard)-mostHeard):]
	return err
}
