package scanner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// inputs is where the kernel lists its input devices.
const inputs = "/sys/class/input/event*"

// makers are those whose keyboards are scanners, by USB vendor (usb.ids).
var makers = []string{"0536", "05e0", "05f9", "065a", "0745", "0c2e", "1eab"} // Hand Held Products, Symbol, PSC, Opticon, CipherLab, Metrologic and Honeywell, Newland

// named are words in the names of scanners of others.
var named = regexp.MustCompile(`(?i)scan|bar ?code|qr ?code|honeywell|datalogic|newland|zebra|opticon|netum|inateck|eyoyo`)

// Requests of ioctl(2) (linux/input.h).
const (
	eviocgrab     = 0x40044590
	eviocsclockid = 0x400445a0
)

// keyboard is an input device with letters and an enter key.
type keyboard struct {
	path string // of its node
	name string
	id   string // VENDOR:PRODUCT
}

func (k keyboard) String() string { return fmt.Sprintf("%s (%s)", k.name, k.id) }

// keyboards are those plugged in, in the order of their numbers.
func keyboards(pattern string) (all []keyboard, err error) {
	dirs, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	for _, dir := range dirs {
		read := func(file string) string {
			b, _ := os.ReadFile(filepath.Join(dir, "device", file)) // it may be gone by now
			return strings.TrimSpace(string(b))
		}
		words := strings.Fields(read("capabilities/key"))
		if len(words) == 0 {
			continue
		}
		low, err := strconv.ParseUint(words[len(words)-1], 16, 64)
		const letters = 1<<keyEnter | 1<<30 | 1<<44 // and A and Z
		if err != nil || low&letters != letters {
			continue
		}
		all = append(all, keyboard{"/dev/input/" + filepath.Base(dir), strings.ToValidUTF8(read("name"), "?"), read("id/vendor") + ":" + read("id/product")})
	}
	return all, nil
}

// parse finds out where the scanner is to be looked for.
func (s *Scanner) parse(device string) (func() (*port, error), error) {
	path, isSerial := strings.CutPrefix(device, "serial:")
	switch {
	case device == "auto", regexp.MustCompile(`^[0-9a-f]{4}:[0-9a-f]{4}$`).MatchString(device):
		takes := s.takes(device)
		return func() (*port, error) { return s.plugged(takes) }, nil
	case isSerial && path != "":
		return s.serial(path)
	case device == "virtual" && s.config.Twin != nil:
		return func() (*port, error) { return s.config.Twin.open(s) }, nil
	case device == "virtual", device == "none":
		return func() (*port, error) { return nil, absent("") }, nil
	}
	return nil, fmt.Errorf("scanner: device %q: expected auto, VENDOR:PRODUCT such as 0c2e:0b61, serial:PATH, virtual or none", device)
}

// takes tells which keyboards are scanners. Of others it is said, once, how they could be.
func (s *Scanner) takes(device string) func(keyboard) bool {
	if device != "auto" {
		return func(k keyboard) bool { return k.id == device }
	}
	said := map[string]bool{}
	return func(k keyboard) bool {
		vendor, _, _ := strings.Cut(k.id, ":")
		is := named.MatchString(k.name) || slices.Contains(makers, vendor)
		if !is && !said[k.id] && len(said) < 100 {
			said[k.id] = true
			s.config.Log.Info("a keyboard is left alone: if it is a scanner, set it as device in [scanner]", "keyboard", k.name, "device", k.id)
		}
		return is
	}
}

// plugged opens the first keyboard that is a scanner.
func (s *Scanner) plugged(is func(keyboard) bool) (*port, error) {
	all, err := keyboards(inputs)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if is(k) {
			return s.grab(k)
		}
	}
	return nil, absent("There is no scanner. Plug one in: it is found by itself.")
}

// grab opens a scanner's node for this program alone.
func (s *Scanner) grab(k keyboard) (*port, error) {
	f, err := os.OpenFile(k.path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, absent("The scanner was pulled out.")
	}
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) {
			failed = errors.Join(os.NewSyscallError("EVIOCGRAB", unix.IoctlSetInt(int(fd), eviocgrab, 1)),
				os.NewSyscallError("EVIOCSCLOCKID", unix.IoctlSetPointerInt(int(fd), eviocsclockid, unix.CLOCK_MONOTONIC)))
		})
		err = errors.Join(err, failed)
	}
	if err != nil {
		f.Close()
		if errors.Is(err, unix.EBUSY) {
			return nil, errors.New("another program has taken it")
		}
		return nil, gone(err)
	}
	return &port{name: k.String(), id: k.id, close: f.Close, read: func(_ context.Context, tell func(Scan)) error {
		d := &decoder{}
		b := make([]byte, 64*sizeEvent)
		for {
			n, err := f.Read(b)
			if err != nil {
				return gone(err)
			}
			s.decode(d, parseEvents(b[:n]), tell)
		}
	}}, nil
}

// decode hands on the codes that end with some events.
func (s *Scanner) decode(d *decoder, events []event, tell func(Scan)) {
	for _, e := range events {
		done := d.feed(e)
		s.torn.Add(int64(d.torn))
		d.torn = 0
		if done != nil {
			if scan := s.meant(done); scan.Text != "" || scan.Lesson != nil {
				tell(scan)
			}
		}
	}
}

// gone makes an absence of what the kernel says when a plug was pulled.
func gone(err error) error {
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EIO) || errors.Is(err, unix.ENXIO) {
		return absent("The scanner was pulled out.")
	}
	return err
}
