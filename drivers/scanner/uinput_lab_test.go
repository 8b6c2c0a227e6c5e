//go:build lab

package scanner

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Requests of ioctl(2) (linux/uinput.h).
const (
	uiDevCreate = 0x5501
	uiSetEvBit  = 0x40045564
	uiSetKeyBit = 0x40045565

	busBluetooth = 0x05 // linux/input.h
)

// uinput makes a keyboard of the kernel's whose keys a program presses, until it is closed: as a scanner by Bluetooth is, with no USB
// in it. What is written is a struct uinput_user_dev: a name, a struct input_id, and what is of no interest.
func uinput(t *testing.T, vendor, product uint16) *os.File {
	t.Helper()
	f, err := os.OpenFile("/dev/uinput", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(request uint, value int) {
		t.Helper()
		if err := unix.IoctlSetInt(int(f.Fd()), request, value); err != nil {
			t.Fatal(os.NewSyscallError("uinput", err))
		}
	}
	ask(uiSetEvBit, evKey)
	for key := 1; key < 128; key++ {
		ask(uiSetKeyBit, key)
	}
	is := make([]byte, 80+8+4+4*64*4)
	copy(is, "Lab keyboard")
	for i, id := range []uint16{busBluetooth, vendor, product, 1} {
		binary.NativeEndian.PutUint16(is[80+2*i:], id)
	}
	if _, err := f.Write(is); err != nil {
		t.Fatal(err)
	}
	ask(uiDevCreate, 0)
	return f
}

// TestLabAKeyboardByItsNumber is a scanner that nobody would know for one by its name, set in the settings, behind the kernel's uinput: it
// presses keys one by one, as no USB report does, and its modifiers are keys too.
func TestLabAKeyboardByItsNumber(t *testing.T) {
	const vendor, product, id = 0x1209, 0xed6e, "1209:ed6e"
	var far *os.File
	t.Cleanup(func() {
		if far != nil {
			far.Close()
		}
	})
	press := func(key uint16, value int32) {
		t.Helper()
		var b []byte
		for _, e := range []event{{kind: evKey, code: key, value: value}, {}} { // and SYN_REPORT
			b = append(b, make([]byte, sizeTime)...)
			b = binary.NativeEndian.AppendUint16(b, e.kind)
			b = binary.NativeEndian.AppendUint16(b, e.code)
			b = binary.NativeEndian.AppendUint32(b, uint32(e.value))
		}
		if _, err := far.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	testScanner(t, &rig{
		config: Config{Device: id, Layout: "auto"}, tears: true,
		plug: func() { far = uinput(t, vendor, product) },
		pull: func() { far.Close(); far = nil },
		scan: func(strokes []stroke) {
			for _, s := range append(strokes, stroke{key: keyEnter}) {
				var held []uint16
				if s.shift {
					held = append(held, keyLeftShift)
				}
				if s.altGr {
					held = append(held, keyRightAlt)
				}
				time.Sleep(10 * time.Millisecond) // a scanner's own pace
				for _, key := range append(held, s.key) {
					press(key, 1)
				}
				for _, key := range append([]uint16{s.key}, held...) {
					press(key, 0)
				}
			}
		},
	})
}
