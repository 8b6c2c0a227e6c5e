//go:build lab

package scanner

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// usages are the keyboard page's (HID Usage Tables, 10) of the keys that differ between layouts, in their order; then space, enter.
var usages = map[uint16]byte{41: 0x35, 11: 0x27, 12: 0x2d, 13: 0x2e, 26: 0x2f, 27: 0x30, 39: 0x33, 40: 0x34, 43: 0x31, 86: 0x64, 51: 0x36, 52: 0x37, 53: 0x38, keySpace: 0x2c, keyEnter: 0x28}

func init() {
	for i := range byte(9) {
		usages[2+uint16(i)] = 0x1e + i
	}
	for first, row := range map[uint16]string{16: "qwertyuiop", 30: "asdfghjkl", 44: "zxcvbnm"} {
		for i, c := range row {
			usages[first+uint16(i)] = 4 + byte(c-'a')
		}
	}
}

// device does something with one of the lab's.
func device(t *testing.T, name, do string) {
	t.Helper()
	if out, err := exec.Command("device", name, do).CombinedOutput(); err != nil {
		t.Fatalf("device %s %s: %v\n%s", name, do, err, out)
	}
}

// TestLabKeyboard is a scanner behind the kernel's usbhid and evdev: a gadget sends its reports.
func TestLabKeyboard(t *testing.T) {
	hid, err := os.OpenFile("/dev/hidg0", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer hid.Close()
	out := true
	device(t, "keyboard", "unplug")
	testScanner(t, &rig{
		config: Config{Device: "auto", Layout: "auto"}, tears: true,
		plug: func() { device(t, "keyboard", "plug"); out = false },
		pull: func() { device(t, "keyboard", "unplug"); out = true },
		scan: func(strokes []stroke) {
			for _, s := range append(strokes, stroke{key: keyEnter}) {
				mods := byte(0)
				if s.shift {
					mods |= 0x02
				}
				if s.altGr {
					mods |= 0x40
				}
				time.Sleep(10 * time.Millisecond) // a scanner's own pace
				for _, report := range [][]byte{{mods, 0, usages[s.key], 0, 0, 0, 0, 0}, make([]byte, 8)} {
					if _, err := hid.Write(report); err != nil {
						t.Fatal(err)
					}
				}
			}
		},
	})
	if out {
		device(t, "keyboard", "plug")
	}
}

// TestLabAScannerIsGrabbed: nothing else gets its keys, and only as long as it is read.
func TestLabAScannerIsGrabbed(t *testing.T) {
	all, err := keyboards(inputs)
	i := slices.IndexFunc(all, func(k keyboard) bool { return named.MatchString(k.name) })
	if err != nil || i < 0 {
		t.Fatal(all, err)
	}
	s, err := New(Config{Device: all[i].id, Layout: "us"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.find()
	if err != nil {
		t.Fatal(err)
	}
	other, err := os.Open(all[i].path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := unix.IoctlSetInt(int(other.Fd()), eviocgrab, 1); err != unix.EBUSY {
		t.Errorf("another program takes it as well: %v", err)
	}
	if _, err := s.find(); err == nil || err.Error() != "another program has taken it" {
		t.Error(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(other.Fd()), eviocgrab, 1); err != nil {
		t.Errorf("it stays taken: %v", err)
	}
}

// TestLabSerial is a scanner on a line of the kernel's cdc_acm, unplugged and plugged in again.
func TestLabSerial(t *testing.T) {
	s, err := New(Config{Device: "serial:/dev/ttyACM0@115200", Layout: "us"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		far, err := os.OpenFile("/dev/ttyGS0", os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := raw(far, unix.B115200); err != nil {
			t.Fatal(err)
		}
		p, err := s.find()
		if err != nil {
			t.Fatal(err)
		}
		got, ended := make(chan Scan, 2), make(chan error, 1)
		go func() { ended <- p.read(t.Context(), func(scan Scan) { got <- scan }) }()
		for _, code := range []string{ticket, "4006381333931"} {
			if _, err := far.WriteString(code + "\r\n"); err != nil {
				t.Fatal(err)
			}
			if scan := <-got; scan.Text != code {
				t.Errorf("%+v", scan)
			}
		}
		device(t, "serial", "unplug")
		if err := <-ended; err == nil || err.Error() != "The scanner was pulled out." {
			t.Error(err)
		}
		p.close()
		far.Close()
		device(t, "serial", "plug")
	}
}
