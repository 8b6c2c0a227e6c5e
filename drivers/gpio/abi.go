package gpio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The kernel's structures, by their sizes and the places of their fields (linux/gpio.h, version 2 of the interface). All are
// in the machine's own byte order, and the same on 32 and 64 bits.
const (
	sizeLineInfo = 256 // gpio_v2_line_info: name [32]byte, consumer [32]byte, …
	sizeRequest  = 592 // gpio_v2_line_request
	sizeEvent    = 48  // gpio_v2_line_event

	requestConsumer = 256 // after offsets [64]uint32
	requestFlags    = 288 // config.flags
	requestLines    = 560 // num_lines
	requestBuffer   = 564 // event_buffer_size
	requestFD       = 588

	infoOffset = 64

	eventOffset  = 12
	eventLineSeq = 20
)

// Requests of ioctl(2).
const (
	getChipInfo  = 0x8044b401 // gpiochip_info: name [32]byte, label [32]byte, lines uint32
	getLineInfo  = 0xc100b405
	getLine      = 0xc250b407
	getValues    = 0xc010b40e // gpio_v2_line_values: bits, mask uint64
	setValues    = 0xc010b40f
	sizeChipInfo = 68
)

// Flags of a line.
const (
	flagActiveLow = 1 << 1
	flagInput     = 1 << 2
	flagOutput    = 1 << 3
	flagRising    = 1 << 4
	flagFalling   = 1 << 5
	flagPullUp    = 1 << 8
)

const (
	risingEdge = 1
	maxLines   = 64 // of a request
	maxChip    = 4096
)

func ioctl(fd, request uintptr, arg []byte) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(unsafe.Pointer(&arg[0]))); errno != 0 {
		return errno
	}
	return nil
}

// request takes lines of a chip for this program alone. They are let go when the file is closed.
func request(chip string, offsets []uint32, flags uint64, buffer uint32) (*os.File, error) {
	if len(offsets) == 0 || len(offsets) > maxLines {
		return nil, fmt.Errorf("gpio: %d lines asked for, expected 1 to %d", len(offsets), maxLines)
	}
	c, err := os.Open(chip)
	if err != nil {
		return nil, fmt.Errorf("gpio: %w", err)
	}
	defer c.Close()
	arg := make([]byte, sizeRequest)
	for i, o := range offsets {
		binary.NativeEndian.PutUint32(arg[4*i:], o)
	}
	copy(arg[requestConsumer:], "edgekit")
	binary.NativeEndian.PutUint64(arg[requestFlags:], flags)
	binary.NativeEndian.PutUint32(arg[requestLines:], uint32(len(offsets)))
	binary.NativeEndian.PutUint32(arg[requestBuffer:], buffer)
	if err := ioctl(c.Fd(), getLine, arg); err != nil {
		return nil, fmt.Errorf("gpio: lines %v of %s: %w", offsets, chip, err)
	}
	fd := int(int32(binary.NativeEndian.Uint32(arg[requestFD:])))
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("gpio: lines %v of %s: %w", offsets, chip, err)
	}
	unix.CloseOnExec(fd) // the kernel does it already (gpiolib-cdev.c); a child must never keep the lines
	return os.NewFile(uintptr(fd), chip+" lines"), nil
}

// values reads or writes the levels of a request's lines, one bit each in their order.
func values(f *os.File, how uintptr, bits, mask uint64) (uint64, error) {
	arg := make([]byte, 16)
	binary.NativeEndian.PutUint64(arg, bits)
	binary.NativeEndian.PutUint64(arg[8:], mask)
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = ioctl(fd, how, arg) }); err != nil {
		return 0, err
	}
	return binary.NativeEndian.Uint64(arg), failed
}

// text is a fixed field's, up to its first zero.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}
