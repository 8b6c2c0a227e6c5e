//go:build lab

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	usbcam "edgekit.internal/capture/v4l2/webcam"
	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/drivers"
)

// TestLabCameraBringsItsDriver: a kernel without any camera driver, a kit that sells, and then a USB camera is plugged in.
// The kit loads uvcvideo and the five modules that it needs, and the camera's picture reaches a viewer.
func TestLabCameraBringsItsDriver(t *testing.T) {
	camera := []string{"vivid", "uvcvideo", "v4l2_dv_timings", "v4l2_tpg", "videobuf2_vmalloc", "videobuf2_memops", "videobuf2_dma_contig", "videobuf2_v4l2", "videobuf2_common", "videodev", "mc"}
	t.Cleanup(func() { // as the other tests want it
		for _, c := range [][]string{{"device", "camera", "up"}, {"modprobe", "uvcvideo"}} {
			if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%v: %v %s", c, err, out)
			}
		}
	})
	for range 2 { // the second time round, what used them is gone
		for _, m := range camera {
			if err := unix.DeleteModule(m, unix.O_NONBLOCK); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EBUSY) {
				t.Fatalf("%s: %v", m, err)
			}
		}
	}
	for _, m := range camera {
		if moduleThere(m) {
			t.Fatalf("module %s cannot be removed", m)
		}
	}

	k := kittest.Start(t, "-camera", "auto", "-picture", "320x180@5")
	v, op := k.Watch(t), k.Pair(t)
	device := func(what string) (now drivers.Status) {
		var state struct{ Devices []drivers.Status }
		if _, b, err := op.Get("/api/operator/state"); err == nil && json.Unmarshal(b, &state) == nil {
			for _, d := range state.Devices {
				if d.Device == what {
					now = d
				}
			}
		}
		return now
	}
	kittest.Until(t, "kit without a camera", func() bool { return device("camera").State == drivers.Absent })
	kittest.Until(t, "slate", func() bool { return v.Pictures.Load() > 5 })
	if moduleThere("uvcvideo") {
		t.Fatal("uvcvideo was loaded before there was a camera")
	}

	plugged := time.Now()
	cam, err := usbcam.Plug(redPhoto(t))
	if err != nil {
		t.Fatal(err)
	}
	defer cam.Unplug()
	kittest.UntilWithin(t, "camera", 2*time.Minute, func() bool { return device("camera").State == drivers.Ready })
	t.Logf("ready %v after it was plugged in: %+v", time.Since(plugged).Round(time.Millisecond), device("camera"))
	if !strings.HasPrefix(device("camera").Name, usbcam.Name) {
		t.Errorf("camera %+v", device("camera"))
	}
	for _, m := range []string{"uvcvideo", "videobuf2_vmalloc", "videobuf2_memops", "videobuf2_v4l2", "videobuf2_common", "videodev", "mc"} {
		if !moduleThere(m) || !strings.Contains(device("kernel modules").Name, m) {
			t.Errorf("%s was not loaded; the console says %+v", m, device("kernel modules"))
		}
	}
	n := v.Pictures.Load()
	kittest.UntilWithin(t, "pictures of the camera", 2*time.Minute, func() bool { return v.Pictures.Load() > n+10 })
	kittest.UntilWithin(t, "a still of what the camera sees", 2*time.Minute, func() bool { return red(still(t, k)) })
}

func moduleThere(name string) bool {
	_, err := os.Stat("/sys/module/" + name + "/initstate")
	return err == nil
}

func redPhoto(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, usbcam.Width, usbcam.Height))
	for i := range img.Pix {
		img.Pix[i] = [4]byte{210, 20, 20, 255}[i%4]
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// red tells whether the middle of a picture is.
func red(img image.Image) bool {
	if img == nil {
		return false
	}
	c := color.RGBAModel.Convert(img.At(img.Bounds().Dx()/2, img.Bounds().Dy()/2)).(color.RGBA)
	return c.R > 150 && c.G < 90 && c.B < 90
}

// still is what the kit shows to pages without video; nil: nothing yet.
func still(t *testing.T, k *kittest.Kit) image.Image {
	t.Helper()
	res, err := http.Get(k.Viewer + "/api/still")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	img, err := jpeg.Decode(res.Body)
	if err != nil {
		return nil
	}
	return img
}
