//go:build lab

package source

import (
	"bytes"
	"context"
	"image"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/v4l2"
	"edgekit.internal/capture/v4l2/webcam"
	"edgekit.internal/cmd/edgecam/internal/openh264"
	"edgekit.internal/cmd/edgecam/internal/scale"
)

// TestLabAnH264CameraIsSeen: what a camera on the kernel's uvcvideo sends as H.264 is seen, in order; when one picture in its stream is torn there
// is none until the next key picture, and then there are again.
func TestLabAnH264CameraIsSeen(t *testing.T) {
	const pictures, key, torn = 30, 15, 20
	e, err := openh264.New(openh264.Config{Width: webcam.Width, Height: webcam.Height, FPS: 30, Kbps: 1000})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var units [][]byte
	for n := range pictures {
		img := scale.Black(webcam.Width, webcam.Height)
		for i := range img.Y {
			img.Y[i] = luma(n)
		}
		unit, err := e.Encode(img, n == key)
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, bytes.Clone(unit))
	}
	units[torn] = units[torn][:5]
	cam, err := webcam.PlugH264(units)
	if err != nil {
		t.Fatal(err)
	}
	defer cam.Unplug()

	takes := openh264.Takes()
	t.Logf("a picture of 640x360 takes %v to decode, on an emulated processor", takes)
	open, _, err := Opener(Want{Camera: node(t), Size: image.Pt(webcam.Width, webcam.Height), FPS: 30,
		H264: &v4l2.H264{New: func() v4l2.Decoder { return openh264.NewDecoder() }, Takes: func() time.Duration { return 1 }}})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[int]int{}
	format := ""
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	s := New(Config{Open: open, Size: image.Pt(webcam.Width, webcam.Height),
		Report: func(s capture.Source) {
			mu.Lock()
			defer mu.Unlock()
			if s.State == "ready" {
				format = s.Name + " " + s.Format
			}
		},
		Slate: func(string, string) *image.YCbCr { return scale.Black(webcam.Width, webcam.Height) },
		Put: func(f capture.Frame) {
			mu.Lock()
			defer mu.Unlock()
			n := number(f.Image.Y[100*f.Image.YStride+100])
			if n < 0 {
				return // a slate
			}
			if seen[n]++; len(seen) >= torn && seen[0] > 1 && seen[key] > 1 { // it has gone round, past the torn one
				stop()
			}
		}})
	if err := s.Run(ctx); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	t.Logf("%s: %v", format, seen)
	if !strings.HasPrefix(format, webcam.Name) || !strings.HasSuffix(format, " H.264 640x360 30/s") {
		t.Error(format)
	}
	for n := range pictures {
		if (seen[n] > 0) == (n >= torn) {
			t.Errorf("picture %d was seen %d times", n, seen[n])
		}
	}
}

// node is where the webcam is: the lab has another camera, which would be found first.
func node(t *testing.T) string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		names, _ := filepath.Glob("/sys/class/video4linux/*/name") // a good pattern
		for _, name := range names {
			of := filepath.Dir(name)
			called, _ := os.ReadFile(name)
			index, _ := os.ReadFile(filepath.Join(of, "index")) // 1 is what the camera says of its pictures
			if strings.HasPrefix(string(called), webcam.Name) && strings.TrimSpace(string(index)) == "0" {
				return filepath.Join("/dev", filepath.Base(of))
			}
		}
	}
	t.Fatal("the webcam has no node; expected it at /sys/class/video4linux")
	return ""
}

// luma is a picture's all over; number is the picture with about that luma, -1: none.
func luma(n int) byte { return byte(40 + 6*n) }

func number(l byte) int {
	n := (int(l) - 40 + 3) / 6
	if n < 0 || int(l) < 37 {
		return -1
	}
	return n
}
