//go:build lab

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal"
)

// TestLabTapBecomesASlip is the main job on the kernel's own drivers, with the very binaries of the image: vivid is the
// camera, usblp and the printer gadget the printer. A viewer receives pictures, taps, and gets its outcome; the bytes
// that reached the printer's end of the cable draw the same slip as the console shows.
func TestLabTapBecomesASlip(t *testing.T) {
	paper, err := os.OpenFile("/dev/g_printer0", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer paper.Close()
	printed := make(chan []byte, 1)
	go read(paper, printed)

	k := kittest.Start(t, "-camera", "/dev/video0", "-printer", "usb:/dev/usb/lp0", "-picture", "320x180@5")
	v := k.Watch(t)
	kittest.UntilWithin(t, "30 pictures from vivid", 2*time.Minute, func() bool { return v.Pictures.Load() >= 30 && v.Keys.Load() > 0 })
	kittest.Until(t, "prompt's area", func() bool { return len(v.Areas().Areas.Areas) > 0 })
	o, ok := v.Prompt("mug")
	if !ok {
		t.Fatal("no prompt on the data channel")
	}
	start := time.Now()
	out, err := v.TapSignal(kittest.NewTap(), "mug", o.Token)
	if err != nil || out.Outcome != "confirmed" || out.Ticket != "A-001" {
		t.Fatalf("%+v, %v", out, err)
	}
	t.Logf("confirmed in %v, on an emulated processor", time.Since(start).Round(time.Millisecond))

	var slip []byte
	select {
	case slip = <-printed:
	case <-time.After(time.Minute):
		t.Fatal("no slip at the printer")
	}
	got, report, err := thermal.Render(slip, thermal.Paper80)
	if err != nil {
		t.Fatalf("what the printer got: %v, %+v", err, report)
	}
	if want := consoleSlip(t, k.Pair(t), "A-001"); !same(got, want) {
		t.Errorf("the printer's slip is %v, the console's %v, or their dots differ", got.Bounds(), want.Bounds())
	}
}

// TestLabPlugsPulled: the camera and then the printer are pulled while the kit sells. The picture becomes a slate and
// comes back; tickets wait and come out; every tap is confirmed.
func TestLabPlugsPulled(t *testing.T) {
	paper, err := os.OpenFile("/dev/g_printer0", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer paper.Close()
	printed := make(chan []byte, 8)
	go read(paper, printed)
	k := kittest.Start(t, "-camera", "auto", "-printer", "auto", "-picture", "320x180@5")
	v, op := k.Watch(t), k.Pair(t)
	device := func(what, state string) func() bool {
		return func() bool {
			var now struct{ Devices []drivers.Status }
			if _, b, err := op.Get("/api/operator/state"); err != nil || json.Unmarshal(b, &now) != nil {
				return false
			}
			return slices.ContainsFunc(now.Devices, func(d drivers.Status) bool { return d.Device == what && string(d.State) == state })
		}
	}
	lab := func(command ...string) {
		t.Helper()
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", command, err, out)
		}
	}
	kittest.Until(t, "camera", device("camera", "ready"))
	kittest.Until(t, "printer", device("printer", "ready"))

	lab("v4l2-ctl", "-d", "/dev/video0", "-c", "disconnect=1") // as if its plug were pulled, until it is closed
	kittest.Until(t, "the console to say that the camera is gone", func() bool { return !device("camera", "ready")() })
	confirmed(t, v.Visitor, "pen")
	kittest.UntilWithin(t, "slip A-001", 2*kittest.Limit, func() bool { return slips(t, printed, "A-001") })
	n := v.Pictures.Load()
	kittest.Until(t, "camera again", device("camera", "ready"))
	kittest.UntilWithin(t, "pictures go on", 2*kittest.Limit, func() bool { return v.Pictures.Load() > n+10 })

	lab("device", "printer", "unplug")
	kittest.Until(t, "the console to say that the printer is gone", func() bool { return !device("printer", "ready")() })
	confirmed(t, v.Visitor, "pen")
	confirmed(t, v.Visitor, "set")
	lab("device", "printer", "plug")
	for _, ticket := range []string{"A-002", "A-003"} {
		kittest.UntilWithin(t, "slip "+ticket, 2*kittest.Limit, func() bool { return slips(t, printed, ticket) })
	}
}

// slips tells whether a slip with a ticket's number has come out by now; others are passed over.
func slips(t *testing.T, printed <-chan []byte, ticket string) bool {
	t.Helper()
	select {
	case b := <-printed:
		return bytes.Contains(b, []byte(ticket))
	default:
		return false
	}
}
