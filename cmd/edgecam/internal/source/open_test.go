package source

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/capture/v4l2"
)

func TestFirstCameraThatOpensIsTakenUnderAnyNumber(t *testing.T) {
	var found []v4l2.Info
	bad := map[string]bool{}
	var tried []string
	looks := 0
	var stuck error
	f := &finder{
		stuck: func() error { return stuck },
		find:  func() []v4l2.Info { looks++; return found },
		nodes: func() (paths []string) {
			for _, i := range found {
				paths = append(paths, i.Path)
			}
			return paths
		},
		open: func(path string) (Camera, error) {
			tried = append(tried, path)
			if bad[path] {
				return nil, errors.New("no")
			}
			return &plug{}, nil
		},
	}
	plugged := func(numbers ...int) {
		found = nil
		for _, n := range numbers {
			found = append(found, v4l2.Info{Path: fmt.Sprint("video", n), Bus: fmt.Sprint("port ", n%10)})
		}
	}
	open := func(want bool) {
		t.Helper()
		if cam, err := f.camera(); (err == nil) != want || (cam != nil) != want {
			t.Errorf("%v, %v", cam, err)
		}
	}
	if _, err := f.camera(); !errors.Is(err, ErrAbsent) {
		t.Errorf("without a camera: %v", err)
	}
	stuck = v4l2.ErrStuck
	if _, err := f.camera(); !errors.Is(err, v4l2.ErrStuck) {
		t.Errorf("with one that does not answer: %v", err)
	}
	plugged(0, 2)
	open(true)
	bad["video0"] = true
	open(true) // the other one
	bad["video2"] = true
	open(false)
	clear(bad)
	open(true) // the one that ran last, though it is not the first
	plugged(0, 12)
	open(true) // the same by another number
	f.next()
	open(true)
	f.next()
	f.next()
	open(true) // all the way round
	plugged(5)
	open(true)
	f.next()
	open(true) // there is no other
	plugged(5, 6)
	if f.prefer("port 9") || f.prefer("port 5") || !f.prefer("port 6") {
		t.Error("which camera is preferred that was not, and is there")
	}
	open(true)
	before := looks
	if a, b := f.of(), f.of(); a != 2 || b != 2 || looks != before+1 {
		t.Errorf("%d and %d cameras, in %d looks", a, b, looks-before)
	}
	if d := cmp.Diff([]string{"video0", "video0", "video2", "video2", "video0", "video2", "video12", "video0", "video0", "video5", "video5", "video6"}, tried); d != "" {
		t.Error(d)
	}
}

func TestOpenersTellWhatIsMissing(t *testing.T) {
	want := func(name string) Want { return Want{Camera: name, Size: image.Pt(640, 360), FPS: 30} }
	open := func(name string) (Camera, error) {
		t.Helper()
		o, _, err := Opener(want(name))
		if err != nil {
			t.Fatal(err)
		}
		return o()
	}
	if _, err := open("/dev/video-none"); !errors.Is(err, ErrAbsent) {
		t.Errorf("a device that is not there: %v", err)
	}
	if _, err := open("file:" + filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if c, err := open("synthetic"); err != nil || c.Name() != "synthetic" || c.Close() != nil {
		t.Errorf("%v, %v", c, err)
	}
	for _, name := range []string{"", "webcam", "file:", "tcp:1"} {
		if _, _, err := Opener(want(name)); err == nil {
			t.Errorf("%q is a camera", name)
		}
	}
}
