//go:build lab

package thermal

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal/internal/cable"
)

// These run over the kernel's own drivers, whose other ends are gadgets: usblp and cdc_acm.

func TestLabUSB(t *testing.T) {
	r, paper := labRig(t, "printer", "usb:/dev/usb/lp0", "/dev/g_printer0")
	r.be = portOf(t, paper)
	testPrinter(t, r)
}

// portOf makes the gadget's port say what is the matter.
func portOf(t *testing.T, gadget *os.File) func(condition) {
	const setStatus = 0xc0016722 // GADGET_SET_PRINTER_STATUS (linux/usb/g_printer.h)
	return func(c condition) {
		control(t, gadget, func(fd int) error {
			if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), setStatus, uintptr(c.port())); errno != 0 {
				return errno
			}
			return nil
		})
	}
}

// TestLabUSBStates asks the printer, and where it does not answer, its port (LPGETSTATUS).
func TestLabUSBStates(t *testing.T) {
	r, paper := labRig(t, "printer", "usb:/dev/usb/lp0", "/dev/g_printer0")
	t.Run("answers", func(t *testing.T) { testStates(t, r) })
	r.set(func() { r.mute = true })
	r.be, r.port, r.answer = portOf(t, paper), true, time.Second
	t.Run("port", func(t *testing.T) { testStates(t, r) })
}

func TestLabSerialStates(t *testing.T) {
	r, line := labRig(t, "serial", "serial:/dev/ttyACM0", "/dev/ttyGS0")
	raw(t, line)
	r.answer = 5 * time.Second
	testStates(t, r)
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

// TestLabSerialPrinterStopsTheLine: cdc_acm is a driver that takes XOFF and goes on, so that who writes must stop.
func TestLabSerialPrinterStopsTheLine(t *testing.T) {
	r, line := labRig(t, "serial", "serial:/dev/ttyACM0", "/dev/ttyGS0")
	raw(t, line)
	r.says = "it has stopped the line with XOFF"
	if !cable.Deaf("/dev/ttyACM0") {
		t.Error("cdc_acm is not known to be deaf")
	}
	testFlow(t, r)
}

// TestLabSerialLineIsUp: a printer that goes by the wires (DTR, RTS) sees that there is somebody, for as long as the line is open. That it may
// stop the line by a wire is not asked of it: see cable.Serial.
func TestLabSerialLineIsUp(t *testing.T) {
	raw(t, opened(t, "/dev/ttyGS0"))
	p, err := New(Config{Spec: "serial:/dev/ttyACM0", Profile: Paper58, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	p.timing.scan, p.timing.answer = 10*time.Millisecond, 10*time.Millisecond
	run(t, p)
	await(t, p, "it is ready", func(s drivers.Status) bool { return s.State == drivers.Ready })
	other := opened(t, "/dev/ttyACM0") // what the driver said to the device is the same for all who look
	defer other.Close()
	control(t, other, func(fd int) error {
		wires, err := unix.IoctlGetInt(fd, unix.TIOCMGET)
		if err == nil && wires&unix.TIOCM_DTR == 0 {
			err = fmt.Errorf("wires %#x: DTR is down", wires)
		}
		return err
	})
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

// TestLabSixtySlips brings a minute's worth of slips through usblp: all of them, in order. How long that takes is logged; the processor is
// emulated.
func TestLabSixtySlips(t *testing.T) {
	r, _ := labRig(t, "printer", "usb:/dev/usb/lp0", "/dev/g_printer0")
	r.set(func() { r.echoes = true })
	p, err := New(Config{Spec: r.spec, Profile: Paper80, Model: "epson"})
	if err != nil {
		t.Fatal(err)
	}
	run(t, p)
	start := time.Now()
	var want []byte
	for i := range 60 {
		d := NewDoc(Paper80, nil)
		d.Line(fmt.Sprintf("A-%03d", i+1), Style{Times: 4, Align: Centre})
		for range 5 {
			d.Pair("1 x Mug", "10.00", Style{})
		}
		d.QR("edgekit:A-001:01J00000000000000000000000", 6)
		d.Cut()
		if fate, err := p.Print(t.Context(), Job{Name: "A-001", Data: d.Bytes()}); fate != Printed || err != nil {
			t.Fatalf("slip %d: %v, %v", i, fate, err)
		}
		want = append(want, d.Bytes()...)
	}
	t.Logf("60 slips in %v", time.Since(start).Round(time.Millisecond))
	r.mu.Lock()
	defer r.mu.Unlock()
	got := regexp.MustCompile(`(?s)\x1d\(H\x06\x0000....`).ReplaceAll(r.got, nil)
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes came out, want %d, or they differ", len(got), len(want))
	}
}

// labRig is a gadget's end of a cable, which stays when the plug is pulled. The printer's is kept open, as its kernel must
// not lose it while it is; the serial one is hung up, and opened anew.
func labRig(t *testing.T, device, spec, node string) (*rig, *os.File) {
	f := newFar()
	end := opened(t, node)
	var served chan struct{}
	serve := func() {
		done := make(chan struct{})
		served = done
		go func() {
			f.serve(end)
			close(done)
		}()
	}
	do := func(what string) {
		t.Helper()
		if out, err := exec.Command("device", device, what).CombinedOutput(); err != nil {
			t.Fatalf("device %s %s: %v\n%s", device, what, err, out)
		}
	}
	r := &rig{far: f, spec: spec, be: f.become, unplug: func() { do("unplug") }}
	r.say = func(c byte) {
		if _, err := end.Write([]byte{c}); err != nil {
			t.Error(err)
		}
	}
	r.plug = func() {
		do("plug")
		// Who read while the plug was put in would wait for ever: only a new read lets the gadget take bytes.
		end.SetReadDeadline(time.Unix(1, 0))
		<-served
		end.SetReadDeadline(time.Time{})
		if device == "serial" {
			end.Close()
			end = opened(t, node)
			raw(t, end)
		}
		serve()
	}
	serve()
	t.Cleanup(func() {
		r.set(r.free)
		end.Close()
		<-served
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
