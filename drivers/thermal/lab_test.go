//go:build lab

package thermal

import (
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These run over the kernel's own drivers, whose other ends are gadgets: usblp and cdc_acm.

func TestLabUSB(t *testing.T) {
	r, paper := labRig(t, "printer", "usb:/dev/usb/lp0", "/dev/g_printer0")
	r.paper = func(there bool) {
		const setStatus = 0xc0016722 // GADGET_SET_PRINTER_STATUS (linux/usb/g_printer.h)
		status := uintptr(0x18)
		if !there {
			status = 0x38
		}
		control(t, paper, func(fd int) error {
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), setStatus, status); errno != 0 {
				return errno
			}
			return nil
		})
	}
	testPrinter(t, r)
}

func TestLabUSBIsFound(t *testing.T) {
	r, _ := labRig(t, "printer", "auto", "/dev/g_printer0")
	testPrinter(t, r)
}

func TestLabSerial(t *testing.T) {
	r, line := labRig(t, "serial", "serial:/dev/ttyACM0", "/dev/ttyGS0")
	raw(t, line)
	r.answer = 5 * time.Second // the question that comes first after the plug is lost: nobody has opened the far end yet
	testPrinter(t, r)
}

// TestLabUSBCuts pulls the plug at each byte of a job. The gadget's kernel hands a job over in one piece, of which its far end has
// then taken some.
func TestLabUSBCuts(t *testing.T) {
	r, _ := labRig(t, "printer", "usb:/dev/usb/lp0", "/dev/g_printer0")
	testCuts(t, r, 1)
}

func TestLabSerialCuts(t *testing.T) {
	r, line := labRig(t, "serial", "serial:/dev/ttyACM0", "/dev/ttyGS0")
	raw(t, line)
	r.answer = time.Second
	testCuts(t, r, 2)
}

// labRig is a gadget's end of a cable, which stays when the plug is pulled. The printer's is kept open, as its kernel must
// not lose it while it is; the serial one is hung up, and opened anew.
func labRig(t *testing.T, device, spec, node string) (*rig, *os.File) {
	f := newFar()
	end := opened(t, node)
	plugged := make(chan *os.File, 1)
	var serving sync.WaitGroup
	serving.Go(func() {
		for end := range plugged {
			f.serve(end)
		}
	})
	do := func(what string) {
		t.Helper()
		if out, err := exec.Command("device", device, what).CombinedOutput(); err != nil {
			t.Fatalf("device %s %s: %v\n%s", device, what, err, out)
		}
	}
	r := &rig{far: f, spec: spec, paper: f.setPaper, unplug: func() { do("unplug") }}
	r.plug = func() {
		do("plug")
		if device == "serial" {
			end.Close()
			end = opened(t, node)
			raw(t, end)
		}
		plugged <- end
	}
	plugged <- end
	t.Cleanup(func() {
		r.set(r.free)
		end.Close()
		close(plugged)
		serving.Wait()
	})
	return r, end
}

func opened(t *testing.T, node string) *os.File {
	t.Helper()
	f, err := os.OpenFile(node, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
