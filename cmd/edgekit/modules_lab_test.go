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

	"edgekit.internal/capture/alsa/usbmic"
	usbcam "edgekit.internal/capture/v4l2/webcam"
	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
)

// TestLabCameraBringsItsDriver: a kernel without any camera driver, a kit that sells, and then a USB camera is plugged in.
// The kit loads uvcvideo and the five modules that it needs, and the camera's picture reaches a viewer.
func TestLabCameraBringsItsDriver(t *testing.T) {
	// A microphone's driver uses the last one too.
	camera := []string{"snd_usb_audio", "vivid", "uvcvideo", "v4l2_dv_timings", "v4l2_tpg", "videobuf2_vmalloc", "videobuf2_memops", "videobuf2_dma_contig", "videobuf2_v4l2", "videobuf2_common", "videodev", "mc"}
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
	device := func(what string) drivers.Status { return deviceOf(op, what) }
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

// TestLabOneOfTwoCameras: another camera is chosen from the console and by a button, is gone on without when it is pulled, and is found
// again; while none of it is any sale's business.
func TestLabOneOfTwoCameras(t *testing.T) {
	cam, err := usbcam.Plug(redPhoto(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { cam.Unplug() }()
	k := kittest.Start(t, "-camera", "auto", "-picture", "320x180@5", "-buttons", "virtual", "-framing", "product", "-mains", "50",
		"-config", kittest.File(t, "edgekit.toml", "[press.call-help]\nshort = \"next-camera\"\n"))
	op := k.Pair(t)
	is := func(what, name string) time.Duration {
		t.Helper()
		began := time.Now()
		kittest.UntilWithin(t, what, 2*time.Minute, func() bool {
			d := deviceOf(op, "camera")
			return d.State == drivers.Ready && strings.HasPrefix(d.Name, name)
		})
		return time.Since(began).Round(time.Millisecond)
	}
	post := func(path string, body any) {
		t.Helper()
		if status, b, err := op.Do("POST", path, body); err != nil || status/100 != 2 {
			t.Fatalf("%s: %d %s %v", path, status, b, err)
		}
	}
	is("the first camera", "vivid")
	post("/api/operator/camera/next", nil)
	t.Logf("the other one after %v", is("the other one", usbcam.Name))
	kittest.UntilWithin(t, "its picture", 2*time.Minute, func() bool { return red(still(t, k)) })
	if got := cam.Value(usbcam.Mains); got != 1 {
		t.Errorf("lamps are set to %d in the camera", got)
	}
	kittest.UntilWithin(t, "its focus to be held", 2*time.Minute, func() bool { return cam.Value(usbcam.FocusAuto) == 0 })
	if out := pressing(t, op, wire.PressRequest{ID: kittest.NewTap(), Button: "call-help", Gesture: "short"}); !out.OK {
		t.Errorf("%+v", out)
	}
	is("the first one again, by a button", "vivid")
	post("/api/operator/camera/next", nil)
	is("the other one again", usbcam.Name)
	confirmed(t, k.Visit(t), "pen")
	if err := cam.Unplug(); err != nil {
		t.Fatal(err)
	}
	t.Logf("gone on with the first %v after the other was pulled", is("the first one, as the other is pulled", "vivid"))
	confirmed(t, k.Visit(t), "pen")
	if cam, err = usbcam.Plug(redPhoto(t)); err != nil {
		t.Fatal(err)
	}
	kittest.UntilWithin(t, "two cameras to choose from", 2*time.Minute, func() bool {
		post("/api/operator/camera/next", nil) // of one that is alone there is no next
		d := deviceOf(op, "camera")
		return d.State == drivers.Ready && strings.HasPrefix(d.Name, usbcam.Name)
	})
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

// TestLabMicrophoneBringsItsDriver: a kernel without any sound, a kit whose microphone is no trouble, and then a USB microphone is plugged in. The kit
// loads snd-usb-audio and what it needs, and hears; pulled, it is no trouble again.
func TestLabMicrophoneBringsItsDriver(t *testing.T) {
	sound := []string{"snd_aloop", "snd_usb_audio", "snd_usbmidi_lib", "snd_hwdep", "snd_rawmidi", "snd_seq_device", "snd_pcm", "snd_timer", "snd"}
	for range 2 { // the second time round, what used them is gone
		for _, m := range sound {
			if err := unix.DeleteModule(m, unix.O_NONBLOCK); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EBUSY) {
				t.Fatalf("%s: %v", m, err)
			}
		}
	}
	if moduleThere("snd_usb_audio") {
		t.Fatal("snd_usb_audio cannot be removed")
	}
	k := kittest.Start(t, "-camera", "/dev/video0", "-picture", "320x180@5")
	op := k.Pair(t)
	there := func() bool { return deviceOf(op, "microphone").Device != "" }
	kittest.UntilWithin(t, "the camera", 2*time.Minute, func() bool { return deviceOf(op, "camera").State == drivers.Ready })
	if there() {
		t.Errorf("a kit without a microphone lists %+v", deviceOf(op, "microphone"))
	}
	mic, err := usbmic.Plug(usbmic.Config{Rate: 16000, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer mic.Unplug()
	kittest.UntilWithin(t, "the microphone", 2*time.Minute, func() bool { return deviceOf(op, "microphone").State == drivers.Ready })
	if d := deviceOf(op, "microphone"); d.Name != usbmic.Name+" 16000 Hz 16-bit mono" {
		t.Errorf("%+v", d)
	}
	if !moduleThere("snd_usb_audio") || !strings.Contains(deviceOf(op, "kernel modules").Name, "snd_usb_audio") {
		t.Errorf("the console says %+v", deviceOf(op, "kernel modules"))
	}
	var c wire.Camera
	kittest.UntilWithin(t, "the tone's level", 2*time.Minute, func() bool {
		status, body, err := op.Get("/api/operator/camera")
		return err == nil && status == http.StatusOK && json.Unmarshal(body, &c) == nil && c.Microphone.Level > -15 && c.Microphone.Level < -5
	})
	t.Logf("%+v", c.Microphone)
	if err := mic.Unplug(); err != nil {
		t.Error(err)
	}
	kittest.UntilWithin(t, "no microphone", 2*time.Minute, func() bool { return !there() })
}
