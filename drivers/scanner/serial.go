package scanner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// speeds are those that serial scanners are set to.
var speeds = map[int]uint32{1200: unix.B1200, 2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600, 19200: unix.B19200, 38400: unix.B38400, 57600: unix.B57600, 115200: unix.B115200}

// serial is a scanner on a serial line, PATH or PATH@BAUD: 8 data bits, no parity, 9600 baud unless given, which USB ones ignore.
func (s *Scanner) serial(at string) (func() (*port, error), error) {
	path, rate, given := strings.Cut(at, "@")
	if path == "" {
		return nil, fmt.Errorf("scanner: device serial:%s: expected serial:PATH, such as serial:/dev/ttyACM0", at)
	}
	baud := 9600
	if given {
		var err error
		if baud, err = strconv.Atoi(rate); err != nil {
			baud = 0
		}
	}
	speed, ok := speeds[baud]
	if !ok {
		return nil, fmt.Errorf("scanner: device serial:%s: expected a speed of 1200, 2400, 4800, 9600, 19200, 38400, 57600 or 115200 baud", at)
	}
	return func() (*port, error) {
		f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, absent(fmt.Sprintf("There is no scanner at %s. Plug it in.", path))
		}
		if err == nil {
			if err = raw(f, speed); err != nil {
				f.Close()
			}
		}
		if err != nil {
			return nil, gone(err)
		}
		return &port{name: "serial:" + path, close: f.Close, read: func(_ context.Context, tell func(Scan)) error {
			var l lines
			b := make([]byte, 4096)
			for {
				n, err := f.Read(b)
				if errors.Is(err, io.EOF) {
					return absent("The scanner was pulled out.") // a line that was hung up
				}
				if err != nil {
					return gone(err)
				}
				for _, text := range l.feed(b[:n]) {
					if text == Sheet() && s.Learning() {
						s.taught.Store(nil)
						tell(Scan{Lesson: &Lesson{}})
					} else if text != "" {
						tell(Scan{Text: text})
					}
				}
				s.torn.Add(int64(l.torn))
				l.torn = 0
			}
		}}, nil
	}, nil
}

// raw has a line hand on bytes as they are (cfmakeraw(3)).
func raw(f *os.File, speed uint32) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = c.Control(func(fd uintptr) {
		var t *unix.Termios
		if t, failed = unix.IoctlGetTermios(int(fd), unix.TCGETS); failed != nil {
			return
		}
		t.Iflag, t.Oflag, t.Lflag = unix.IGNBRK, 0, 0
		t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | speed
		t.Ispeed, t.Ospeed = speed, speed
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		failed = unix.IoctlSetTermios(int(fd), unix.TCSETS, t)
	})
	return errors.Join(err, failed)
}
