// Package gpio reads and drives lines of the kernel's GPIO character devices (linux/gpio.h, version 2, Linux 5.10 and later).
// It is what drivers of buttons and lights have in common, and drives nothing by itself.
//
// It is an own client because a button needs what libraries leave out: periph's gpioioctl (v3.8.5) has the kernel's time stamps
// and sequence numbers in its structures, and hands neither on. Without the first a press is as long as this program was late,
// without the second nobody knows that edges were lost.
package gpio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNone says that no chip of this machine has lines of such names.
var ErrNone = errors.New("gpio: there are no such lines on this machine")

// Chips is where the kernel has its chips.
const Chips = "/dev/gpiochip*"

// Find is the chip that has all the lines of these names, and their offsets on it, in the order of the names. On a Pi the
// header's lines are named as in its documentation, "GPIO17"; which chip they are on differs between boards. The error is
// ErrNone where there are none, or what kept a chip from being asked.
func Find(names []string) (chip string, offsets []uint32, err error) {
	paths, err := filepath.Glob(Chips)
	if err != nil {
		return "", nil, err
	}
	var trouble error
	for _, path := range paths {
		have, err := lineNames(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // it may have gone
			trouble = err
			continue
		}
		offsets = offsets[:0]
		for _, n := range names {
			if i := slices.Index(have, n); i >= 0 {
				offsets = append(offsets, uint32(i))
			}
		}
		if len(offsets) == len(names) {
			return path, offsets, nil
		}
	}
	if trouble != nil {
		return "", nil, trouble
	}
	return "", nil, ErrNone
}

// Parse parts gpio:CHIP:OFFSET,…, which names lines of one chip by its own numbers: gpio:/dev/gpiochip0:5,6. ok is false when
// a text is not that, or names a line twice.
func Parse(spec string) (chip string, offsets []uint32, ok bool) {
	rest, ok := strings.CutPrefix(spec, "gpio:")
	at := strings.LastIndexByte(rest, ':')
	if !ok || at <= 0 {
		return "", nil, false
	}
	for part := range strings.SplitSeq(rest[at+1:], ",") {
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || slices.Contains(offsets, uint32(n)) || len(offsets) == maxLines {
			return "", nil, false
		}
		offsets = append(offsets, uint32(n))
	}
	return rest[:at], offsets, true
}

// lineNames are the names of a chip's lines, by offset; "" for those without.
func lineNames(path string) ([]string, error) {
	c, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("gpio: %w", err)
	}
	defer c.Close()
	info := make([]byte, sizeChipInfo)
	if err := ioctl(c.Fd(), getChipInfo, info); err != nil {
		return nil, fmt.Errorf("gpio: %s: %w", path, err)
	}
	names := make([]string, min(binary.NativeEndian.Uint32(info[64:]), maxChip))
	for i := range names {
		line := make([]byte, sizeLineInfo)
		binary.NativeEndian.PutUint32(line[infoOffset:], uint32(i))
		if err := ioctl(c.Fd(), getLineInfo, line); err != nil {
			return nil, fmt.Errorf("gpio: %s line %d: %w", path, i, err)
		}
		names[i] = text(line[:32])
	}
	return names, nil
}

// Edge is a change of a line's level.
type Edge struct {
	Line   int           // its place among those watched
	At     time.Duration // when it was, on the kernel's clock: see Now
	Active bool          // the level from then on
	Lost   bool          // edges of this line before it were lost: the kernel's buffer was full
}

// Now is the clock that edges are stamped with: CLOCK_MONOTONIC, which no setting of the wall clock moves.
func Now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic("gpio: " + err.Error()) // clock_gettime(2): it cannot fail
	}
	return time.Duration(t.Nano())
}

// buffer is how many edges of a line the kernel keeps until they are read. A worn button makes some ten a press.
const buffer = 64

// Inputs are lines of one chip that are watched. One goroutine reads; Close may be called from another.
type Inputs struct {
	file    *os.File
	offsets []uint32
	last    []uint32 // sequence number of each line's last edge
	buf     []byte
}

// Watch takes lines as inputs, for buttons that close them to ground: pulled up by the board's own resistors where it has any,
// and active when they are low.
func Watch(chip string, offsets []uint32) (*Inputs, error) {
	f, err := request(chip, offsets, flagInput|flagActiveLow|flagPullUp|flagRising|flagFalling, buffer*uint32(len(offsets)))
	if err != nil {
		return nil, err
	}
	return &Inputs{f, slices.Clone(offsets), make([]uint32, len(offsets)), make([]byte, 64*sizeEvent)}, nil
}

// Read waits for edges for so long at most, and returns those there are, in the order in which they were; none when the time is
// over. Edges that came while nobody read are there at once, and always before a wait is said to be over.
func (i *Inputs) Read(wait time.Duration) ([]Edge, error) {
	raw, err := i.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	n, failed := 0, error(nil)
	read := func(fd uintptr) bool {
		n, failed = unix.Read(int(fd), i.buf)
		return failed != unix.EAGAIN && failed != unix.EINTR
	}
	if err = raw.Control(func(fd uintptr) { read(fd) }); err == nil && failed == unix.EAGAIN && wait > 0 {
		if err = i.file.SetReadDeadline(time.Now().Add(wait)); err == nil {
			err = raw.Read(read)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = raw.Control(func(fd uintptr) { read(fd) })
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("gpio: %w", err)
	case failed == unix.EAGAIN || failed == unix.EINTR:
		return nil, nil
	case failed != nil:
		return nil, fmt.Errorf("gpio: %s: %w", i.file.Name(), failed)
	}
	return i.parse(i.buf[:n])
}

// parse takes what the kernel wrote: whole events.
func (i *Inputs) parse(b []byte) (edges []Edge, err error) {
	if len(b) == 0 || len(b)%sizeEvent != 0 {
		return nil, fmt.Errorf("gpio: the kernel wrote %d bytes: expected events of %d each", len(b), sizeEvent)
	}
	for ; len(b) > 0; b = b[sizeEvent:] {
		offset, seq := binary.NativeEndian.Uint32(b[eventOffset:]), binary.NativeEndian.Uint32(b[eventLineSeq:])
		at := slices.Index(i.offsets, offset)
		if at < 0 {
			return nil, fmt.Errorf("gpio: an edge of line %d, which is not watched", offset)
		}
		edges = append(edges, Edge{Line: at, At: time.Duration(binary.NativeEndian.Uint64(b)),
			Active: binary.NativeEndian.Uint32(b[8:]) == risingEdge, Lost: seq != i.last[at]+1})
		i.last[at] = seq
	}
	return edges, nil
}

// Levels are the lines' levels now, one bit each in their order; 1: active.
func (i *Inputs) Levels() (uint64, error) {
	all := uint64(1)<<len(i.offsets) - 1
	bits, err := values(i.file, getValues, 0, all)
	if err != nil {
		return 0, fmt.Errorf("gpio: %s: %w", i.file.Name(), err)
	}
	return bits & all, nil
}

// Close lets the lines go. A Read that waits ends with an error.
func (i *Inputs) Close() error { return i.file.Close() }

// Output is a line that is driven.
type Output struct{ file *os.File }

// Drive takes a line as an output, low at first.
func Drive(chip string, offset uint32) (*Output, error) {
	f, err := request(chip, []uint32{offset}, flagOutput, 0)
	if err != nil {
		return nil, err
	}
	return &Output{f}, nil
}

// Set drives the line high or low.
func (o *Output) Set(high bool) error {
	bits := uint64(0)
	if high {
		bits = 1
	}
	if _, err := values(o.file, setValues, bits, 1); err != nil {
		return fmt.Errorf("gpio: %s: %w", o.file.Name(), err)
	}
	return nil
}

// Close lets the line go; the board decides what level it has then.
func (o *Output) Close() error { return o.file.Close() }
