//go:build lab

package v4l2

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

// TestLabVividsErrors: of each error that vivid can be told to make (the kernel's admin-guide/media/vivid, "Error Injection") the camera
// recovers: by itself where it only spoils pictures, by being opened again where it ends the stream.
func TestLabVividsErrors(t *testing.T) {
	path := find(t, "vivid")
	ds := &Devices{}
	press := func(name string, value int32) {
		t.Helper()
		n, err := ds.openNode(path)
		if err != nil {
			t.Fatal(err)
		}
		defer n.close()
		d := newDevice(n, Tuning{})
		for _, c := range d.controls() {
			if c.Name == name {
				if err := d.set(c, value); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				return
			}
		}
		t.Fatalf("vivid has no control %q", name)
	}
	// pictures films some, and after the first does what is to be done meanwhile.
	pictures := func(some int, then func()) (bad uint64, err error) {
		d, err := ds.Open(path, Want{Width: 320, Height: 180, FPS: 30})
		if err != nil {
			return 0, err
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		n := 0
		err = d.Run(ctx, func(capture.Frame) {
			if n++; n == 1 && then != nil {
				then()
			}
			if n == some {
				stop()
			}
		})
		if err == nil && n < some {
			err = errors.New("too few pictures")
		}
		bad, _ = d.Skipped()
		return bad, errors.Join(err, d.Close())
	}
	const broken, dropped = "Inject V4L2_BUF_FLAG_ERROR", "Percentage of Dropped Buffers"
	if bad, err := pictures(10, func() { press(broken, 0) }); err != nil || bad == 0 {
		t.Errorf("%s: %d bad, %v", broken, bad, err)
	}
	if _, err := pictures(10, func() { press(dropped, 50) }); err != nil {
		t.Errorf("%s: %v", dropped, err)
	}
	press(dropped, 0)
	for name, c := range map[string]struct {
		is     error
		before bool // pictures come, since it is about how they begin
	}{
		"Inject VIDIOC_REQBUFS Error":  {unix.EINVAL, true},
		"Inject VIDIOC_STREAMON Error": {unix.EINVAL, true},
		"Inject VIDIOC_QBUF Error":     {unix.EINVAL, false},
		"Inject Fatal Streaming Error": {unix.EIO, false},
		"Disconnect":                   {ErrUnplugged, false},
	} {
		var err error
		if c.before {
			press(name, 0)
			_, err = pictures(1, nil)
		} else {
			_, err = pictures(1<<20, func() { press(name, 0) })
		}
		if !errors.Is(err, c.is) {
			t.Errorf("%s: %v, expected %v", name, err, c.is)
		}
		find(t, "vivid")
		if _, err := pictures(5, nil); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
		t.Logf("%s: %v; the next time there are pictures", name, err)
	}
	if err := ds.Stuck(); err != nil {
		t.Error(err)
	}
}
