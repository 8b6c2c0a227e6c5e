//go:build lab

package v4l2

import (
	"bytes"
	"context"
	"errors"
	"image"
	"os"
	"strings"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/v4l2/webcam"
)

// These run over the kernel's own drivers: vivid, and uvcvideo with the webcam of package webcam.

// TestLabVividInEveryFormat: each raw format of the same test picture gives the same 4:2:0 picture.
func TestLabVividInEveryFormat(t *testing.T) {
	path := find(t, "vivid")
	pictures := map[FourCC]*image.YCbCr{}
	for _, f := range []FourCC{YUYV, NV12, I420} {
		d := openAs(t, path, f)
		t.Logf("%s: %v", d.Name(), d.Mode())
		frames := film(t, d, 20)
		for i, fr := range frames {
			if fr.Image.Rect != image.Rect(0, 0, 640, 360) {
				t.Fatalf("%v: picture of %v", f, fr.Image.Rect)
			}
			if i > 0 && fr.At <= frames[i-1].At {
				t.Errorf("%v: picture %d at %v after %v", f, i, fr.At, frames[i-1].At)
			}
		}
		span := frames[len(frames)-1].At - frames[0].At
		bad, late := d.Skipped()
		t.Logf("%v: %d pictures over %v, %d broken, %d late", f, len(frames), span, bad, late)
		pictures[f] = frames[len(frames)-1].Image
	}
	// The colour bars stand still in the lower part; text and counters are at the top.
	for _, f := range []FourCC{NV12, I420} {
		differ := 0
		for y := 260; y < 340; y++ {
			for x := range 640 {
				a, b := pictures[YUYV].YCbCrAt(x, y), pictures[f].YCbCrAt(x, y)
				if far(a.Y, b.Y) || far(a.Cb, b.Cb) || far(a.Cr, b.Cr) {
					differ++
				}
			}
		}
		if differ > 80*640/50 { // edges between bars, where subsampling differs
			t.Errorf("%v differs from YUYV in %d of %d pixels", f, differ, 80*640)
		}
	}
	colours := map[byte]bool{}
	for x := range 640 {
		colours[pictures[YUYV].YCbCrAt(x, 300).Cb] = true
	}
	if len(colours) < 4 {
		t.Errorf("%d colours in the colour bars", len(colours))
	}
}

func far(a, b byte) bool { return int(a)-int(b) > 6 || int(b)-int(a) > 6 }

// TestLabUVCWebcamIsFoundPulledAndFoundAgain: MJPEG without Huffman tables through uvcvideo.
func TestLabUVCWebcamIsFoundPulledAndFoundAgain(t *testing.T) {
	photo := without(t, encodeJPEG(t, photo(image.YCbCrSubsampleRatio420, webcam.Width, webcam.Height)), markDHT)
	for round := range 2 {
		began := time.Now()
		cam, err := webcam.Plug(photo)
		if err != nil {
			t.Fatal(err)
		}
		defer cam.Unplug() // when the test ends early
		path := find(t, webcam.Name)
		t.Logf("round %d: found as %s after %v", round+1, path, time.Since(began).Round(time.Millisecond))
		d, err := new(Devices).Open(path, Want{Width: webcam.Width, Height: webcam.Height, FPS: 30})
		if err != nil {
			t.Fatal(err)
		}
		if d.Format() != "MJPEG 640x360 30/s" {
			t.Errorf("format %s", d.Format())
		}
		n := 0
		err = d.Run(t.Context(), func(f capture.Frame) {
			if n++; n == 10 {
				go cam.Unplug()
			}
			if y := f.Image.Y[180*f.Image.YStride+320]; y < 110 || y > 142 || f.Image.Rect.Dx() != webcam.Width {
				t.Errorf("picture %d: luma %d in the middle, expected about 126", n, y)
			}
			if age := capture.Monotonic() - f.At; age < 0 || age > 10*time.Second {
				t.Errorf("picture %d is %v old", n, age)
			}
		})
		if !errors.Is(err, ErrUnplugged) {
			t.Errorf("after %d pictures: %v, expected %v", n, err, ErrUnplugged)
		}
		if n < 10 {
			t.Errorf("%d pictures", n)
		}
		if err := errors.Join(d.Close(), cam.Unplug()); err != nil {
			t.Error(err)
		}
	}
}

// TestLabPresets: what a preset sets is in the camera at the other end of the cable, and so is what it holds later, and finds anew.
func TestLabPresets(t *testing.T) {
	cam, err := webcam.Plug(encodeJPEG(t, photo(image.YCbCrSubsampleRatio420, webcam.Width, webcam.Height)))
	if err != nil {
		t.Fatal(err)
	}
	defer cam.Unplug()
	path := find(t, webcam.Name)
	is := func(when string, want map[webcam.Control]int) {
		t.Helper()
		for c, v := range want {
			if got := cam.Value(c); got != v {
				t.Errorf("%s: control %v is %d, want %d", when, c, got, v)
			}
		}
	}
	open := func(tuning Tuning) *Device {
		t.Helper()
		d, err := new(Devices).Open(path, Want{Width: webcam.Width, Height: webcam.Height, FPS: 30, Tuning: tuning})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	d := open(Tuning{PresetFace, 50})
	if got := d.Tuned(); got != "lamps at 50 Hz, focus, exposure, white balance, backlight, zoom" {
		t.Errorf("%s", got)
	}
	is("a face", map[webcam.Control]int{webcam.Mains: 1, webcam.FocusAuto: 1, webcam.ExposureMode: 8, webcam.WhiteBalanceAuto: 1, webcam.Backlight: 2, webcam.Zoom: 100, webcam.Focus: 40})
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	d = open(Tuning{PresetProduct, 60})
	defer d.Close()
	is("goods", map[webcam.Control]int{webcam.Mains: 2, webcam.FocusAuto: 1, webcam.WhiteBalanceAuto: 1, webcam.Backlight: 1})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	stage := 0
	err = d.Run(ctx, func(capture.Frame) {
		held := d.Held()
		if held != (d.Tuned() == "focus held, white balance held") {
			t.Errorf("held %v: %s", held, d.Tuned())
		}
		switch {
		case stage == 0 && held:
			is("held", map[webcam.Control]int{webcam.FocusAuto: 0, webcam.WhiteBalanceAuto: 0, webcam.ExposureMode: 8})
			d.Refocus()
			stage++
		case stage == 1 && !held:
			is("found anew", map[webcam.Control]int{webcam.FocusAuto: 1, webcam.WhiteBalanceAuto: 1})
			stage++
		case stage == 2 && held:
			is("held again", map[webcam.Control]int{webcam.FocusAuto: 0, webcam.WhiteBalanceAuto: 0})
			stage++
			stop()
		}
	})
	if err != nil || stage != 3 {
		t.Errorf("%v, after step %d", err, stage)
	}
	vivid, err := new(Devices).Open(find(t, "vivid"), Want{Width: 640, Height: 360, FPS: 30, Tuning: Tuning{PresetProduct, 50}})
	if err != nil {
		t.Fatal(err)
	}
	defer vivid.Close()
	if got := vivid.Tuned(); !strings.Contains(got, "cannot be set here: ") || !strings.Contains(got, "zoom") {
		t.Errorf("of a camera without a lens: %q", got)
	}
}

func TestLabSecondOpenerIsToldThatTheCameraIsInUse(t *testing.T) {
	path := find(t, "vivid")
	d := openAs(t, path, YUYV)
	second, err := new(Devices).Open(path, Want{Width: 640, Height: 360, FPS: 30})
	if err == nil {
		second.Close()
	}
	if err == nil || !bytes.Contains([]byte(err.Error()), []byte("another program")) {
		t.Errorf("%v", err)
	}
	film(t, d, 1)
	if _, err := new(Devices).Open("/dev/null", Want{Width: 640, Height: 360, FPS: 30}); err == nil {
		t.Error("/dev/null is a camera")
	}
	if _, err := os.Stat("/dev/video-none"); err == nil {
		t.Fatal("unexpected device")
	}
	if _, err := new(Devices).Open("/dev/video-none", Want{Width: 640, Height: 360, FPS: 30}); !errors.Is(err, ErrUnplugged) {
		t.Errorf("no device: %v", err)
	}
}

// openAs opens a camera with one format only.
func openAs(t *testing.T, path string, f FourCC) *Device {
	t.Helper()
	n, err := new(Devices).openNode(path)
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice(n, Tuning{})
	if d.info, err = n.query(); err != nil {
		t.Fatal(err)
	}
	if err := d.setFormat(Mode{f, 640, 360, 30}); err != nil {
		t.Fatal(err)
	}
	d.setRate(30)
	if err := d.mapBuffers(); err != nil {
		t.Fatal(err)
	}
	return d
}

// film takes n pictures and closes the camera.
func film(t *testing.T, d *Device, n int) (frames []capture.Frame) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := d.Run(ctx, func(f capture.Frame) {
		if frames = append(frames, f); len(frames) == n {
			cancel()
		}
	})
	if err != nil || len(frames) < n {
		t.Fatalf("%d pictures of %d: %v", len(frames), n, err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	return frames
}

// find waits for a camera to appear among those that Find lists.
func find(t *testing.T, name string) string {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	var devices Devices
	for {
		found := devices.Find()
		for _, c := range found {
			if bytes.HasPrefix([]byte(c.Name), []byte(name)) {
				return c.Path
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no camera %q among %+v", name, found)
		}
	}
}
