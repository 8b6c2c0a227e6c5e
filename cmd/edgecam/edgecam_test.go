package main

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/capture/h264"
	"edgekit.internal/cmd/internal/kittest"
)

// The test binary, started again with this variable set, is edgecam.
const asEdgecam = "EDGECAM_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asEdgecam) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// kit is the daemon's side: everything that comes over the link, in order, as capture.AccessUnit, capture.Areas, capture.Source or
// []capture.Layer. The oldest is dropped when a test does not look.
type kit struct {
	*camlink.Cam
	t      *testing.T
	events chan any
	cancel context.CancelFunc
	ended  chan error
}

func startKit(t *testing.T, args ...string) *kit {
	t.Helper()
	return startKitWith(t, 30*time.Second, args...) // so that a starved machine does not look like a hung encoder
}

func startKitWith(t *testing.T, silence time.Duration, args ...string) *kit {
	t.Helper()
	k := &kit{t: t, events: make(chan any, 400), ended: make(chan error, 1)}
	put := func(v any) {
		for {
			select {
			case k.events <- v:
				return
			default:
			}
			select {
			case <-k.events:
			default:
			}
		}
	}
	k.Cam = camlink.New(camlink.Config{
		Path: os.Args[0], Args: args, Env: append(os.Environ(), asEdgecam+"=1"), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		StartAllowance: time.Minute, // instrumented, on a busy machine
		Silence:        silence,
		OnHello:        func(l []capture.Layer) { put(l) },
		OnSource:       func(s capture.Source) { put(s) },
		OnAreas:        func(a capture.Areas) { put(a) },
		OnZones:        func(zs []capture.Zone) { put(zs) },
		OnSound:        func(s capture.Sound) { put(s) },
		OnMicrophone:   func(m capture.Microphone) { put(m) },
		OnCode:         func(c capture.Code) { put(c) },
		OnAccessUnit:   func(au capture.AccessUnit) { put(au) },
	})
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	go func() { k.ended <- k.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-k.ended; err != nil {
			t.Error(err)
		}
	})
	return k
}

// await takes events up to one for which yes says so. The limit is only there to end a broken test.
func await[T any](k *kit, what string, yes func(T) bool) T {
	k.t.Helper()
	limit := time.After(2 * time.Minute)
	for {
		select {
		case e := <-k.events:
			if v, ok := e.(T); ok && yes(v) {
				return v
			}
		case <-limit:
			k.t.Fatalf("%s did not come; %+v", what, k.Stats())
		}
	}
}

func any1[T any](T) bool { return true }

var small = []string{"-camera", "synthetic", "-width", "640", "-height", "360", "-layers", "640x360@30:600,320x180@30:200"}

func TestBothLayersPlayInStep(t *testing.T) {
	k := startKit(t, small...)
	want := []capture.Layer{{ID: 0, Width: 640, Height: 360, FPS: 30, Kbps: 600}, {ID: 1, Width: 320, Height: 180, FPS: 30, Kbps: 200}}
	if d := cmp.Diff(want, await(k, "hello", any1[[]capture.Layer])); d != "" {
		t.Error(d)
	}
	var rtp [2][]uint32
	for len(rtp[0]) < 20 || len(rtp[1]) < 20 {
		au := await(k, "picture", any1[capture.AccessUnit])
		l := au.Layer
		first := len(rtp[l]) == 0
		if au.RTP != capture.Timestamp(au.At) || !first && int32(au.RTP-rtp[l][len(rtp[l])-1]) <= 0 {
			t.Fatalf("layer %d: timestamp %d of a picture taken at %v after %v", l, au.RTP, au.At, rtp[l])
		}
		rtp[l] = append(rtp[l], au.RTP)
		if au.Key != h264.IsKey(au.Data) || first && !au.Key {
			t.Errorf("layer %d: picture %d, key %v", l, len(rtp[l]), au.Key)
		}
		if !first {
			continue
		}
		sps, err := h264.ParseSPS(h264.Find(au.Data, h264.SPS))
		if err != nil || sps.Width != want[l].Width || sps.Height != want[l].Height || sps.Profile != 66 || sps.Reorder != 0 {
			t.Errorf("layer %d: %+v, %v", l, sps, err)
		}
	}
	if d := cmp.Diff(rtp[0][:20], rtp[1][:20]); d != "" {
		t.Errorf("the layers show different pictures: %s", d)
	}
}

// TestProductsHeldUpAreSeen, and what is drawn over the picture is not; also by the next child after one that was killed. Pictures come
// all the while, and without -look nothing is read.
func TestProductsHeldUpAreSeen(t *testing.T) {
	stall := kittest.NewStall(t)
	number, ean := kittest.EAN("400638133393")
	stall.Hold(ean)
	args := []string{"-camera", "file:" + stall.Path, "-width", "640", "-height", "360", "-layers", "640x360@30:600"}
	k := startKit(t, append(args, "-look", "10")...)
	seen := func(what capture.Code) {
		t.Helper()
		await(k, what.Text, func(c capture.Code) bool { return c == what })
	}
	seen(capture.Code{Kind: "ean-13", Text: number})
	await(k, "picture", any1[capture.AccessUnit])
	stall.Hold(kittest.QR(t, "MUG-03"))
	seen(capture.Code{Kind: "qr", Text: "MUG-03"})
	if err := syscall.Kill(k.Stats().PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(k, "hello of the next child", any1[[]capture.Layer])
	seen(capture.Code{Kind: "qr", Text: "MUG-03"})

	k = startKit(t, args...)
	pictures := 0
	await(k, "pictures", func(e any) bool {
		if c, ok := e.(capture.Code); ok {
			t.Errorf("%+v is read without -look", c)
		}
		if _, ok := e.(capture.AccessUnit); ok {
			pictures++
		}
		return pictures > 40
	})
}

func TestKeyPicturesComeOnDemandToTheLayerThatWantsOne(t *testing.T) {
	k := startKit(t, small...)
	seen := 0
	await(k, "pictures", func(au capture.AccessUnit) bool { seen++; return seen > 40 }) // more than half a second: see the throttle
	k.WantKeyframe(1)
	await(k, "key picture", func(au capture.AccessUnit) bool {
		if au.Key && au.Layer == 0 {
			t.Error("layer 0 made a key picture nobody asked for")
		}
		return au.Key && au.Layer == 1
	})
}

// TestLessWorkWithoutABreak: the daemon orders every second and every fourth picture, and all again; the rate follows, by the
// pictures' own times, without a new start or a key picture.
func TestLessWorkWithoutABreak(t *testing.T) {
	k := startKit(t, "-camera", "synthetic", "-width", "320", "-height", "180", "-fps", "10", "-layers", "320x180@10:200,160x90@10:100")
	rate := func(n int) float64 {
		var first, last capture.AccessUnit
		for i := 0; i <= n; {
			au := await(k, "picture", any1[capture.AccessUnit])
			switch {
			case au.Layer != 0:
				continue
			case i == 0:
				first = au
			case au.Key:
				t.Error("a key picture nobody asked for")
			}
			last = au
			i++
		}
		return float64(n) / (last.At - first.At).Seconds()
	}
	await(k, "first key picture", any1[capture.AccessUnit])
	for _, step := range []struct {
		every     int
		low, high float64
	}{{1, 7.5, 10.5}, {2, 0, 5.5}, {4, 0, 2.75}, {1, 7.5, 10.5}} {
		k.SetPace(step.every)
		rate(3) // those on their way
		got := rate(10)
		t.Logf("one of %d: %.1f pictures a second", step.every, got)
		if got < step.low || got > step.high {
			t.Errorf("one of %d: %.2f pictures a second, want %v to %v", step.every, got, step.low, step.high)
		}
	}
	if s := k.Stats(); s.Starts != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWhatThePictureIsLikeIsTold(t *testing.T) {
	k := startKit(t, small...)
	for range 2 {
		zs := await(k, "zones", any1[[]capture.Zone])
		if len(zs) != 2 || zs[0].Name != "face" || zs[0].Light < 10 || zs[1].Sharp < 1 {
			t.Errorf("%+v", zs)
		}
	}
}

// TestAreasComeAPictureBeforeTheOneThatShowsThem, and hold from after that one.
func TestAreasComeAPictureBeforeTheOneThatShowsThem(t *testing.T) {
	k := startKit(t, small...)
	await(k, "picture", any1[capture.AccessUnit])
	k.SetScene(scene(7))
	var before uint32
	var areas capture.Areas
	await(k, "areas", func(e any) bool {
		switch e := e.(type) {
		case capture.AccessUnit:
			before = e.RTP
		case capture.Areas:
			areas = e
			return e.Rev == 7
		}
		return false
	})
	next := await(k, "picture", any1[capture.AccessUnit])
	if areas.RTP != next.RTP+1 || before != 0 && int32(areas.RTP-before) <= 0 {
		t.Errorf("areas from %d, picture before %d, after %d", areas.RTP, before, next.RTP)
	}
	if len(areas.Areas) != 1 || areas.Areas[0].Offer != "mug" || areas.Areas[0].W <= 0 || areas.Areas[0].H <= 0 {
		t.Errorf("%+v", areas)
	}
}

func scene(rev uint64) capture.Scene {
	return capture.Scene{Rev: rev, Prompts: []capture.Prompt{{Offer: "mug", Title: "Mug", Price: "€ 10.00", Left: 3, Of: 5, State: capture.PromptLive}}}
}

func TestPictureComesBackWithTheScene(t *testing.T) {
	for name, sig := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "stopped": syscall.SIGSTOP, "told to go": syscall.SIGTERM} {
		t.Run(name, func(t *testing.T) {
			k := startKitWith(t, 0, small...) // the kit's own patience
			k.SetScene(scene(3))
			await(k, "first areas", func(a capture.Areas) bool { return a.Rev == 3 })
			last := await(k, "first pictures", any1[capture.AccessUnit])
			began := time.Now()
			if err := syscall.Kill(k.Stats().PID, sig); err != nil {
				t.Fatal(err)
			}
			await(k, "second hello", any1[[]capture.Layer])
			var again capture.AccessUnit
			prompts := false
			await(k, "key picture and prompts", func(e any) bool {
				switch e := e.(type) {
				case capture.AccessUnit:
					if e.Key && e.Layer == 0 && again.Data == nil {
						again = e
						t.Logf("edgecam %s: picture back after %v", name, time.Since(began).Round(time.Millisecond))
					}
				case capture.Areas:
					prompts = prompts || e.Rev == 3 && len(e.Areas) == 1
				}
				return prompts && again.Data != nil
			})
			if int32(again.RTP-last.RTP) <= 0 {
				t.Errorf("timestamps went back from %d to %d", last.RTP, again.RTP)
			}
		})
	}
}

func TestSlateTakesTheMissingCamerasPlace(t *testing.T) {
	k := startKit(t, "-camera", "/dev/video-none", "-width", "320", "-height", "180")
	k.SetScene(scene(4))
	s := await(k, "camera's state", any1[capture.Source])
	if s.State != "absent" || !strings.Contains(s.Reason, "plug one in") {
		t.Errorf("%+v", s)
	}
	await(k, "prompts on the slate", func(a capture.Areas) bool { return a.Rev == 4 && len(a.Areas) == 1 })
	await(k, "picture of the slate", any1[capture.AccessUnit])
	if s := k.Stats(); s.Starts != 1 {
		t.Errorf("%+v", s)
	}
}

func TestFileIsTheCamera(t *testing.T) {
	path := filepath.Join(t.TempDir(), "still.png")
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 100, 100))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	k := startKit(t, "-camera", "file:"+path, "-width", "320", "-height", "180", "-fps", "10")
	s := await(k, "camera's state", func(s capture.Source) bool { return s.State == "ready" })
	if s.Name != "file still.png" || s.Format != "PNG 100x100 10/s" {
		t.Errorf("%+v", s)
	}
	await(k, "picture", any1[capture.AccessUnit])
}

func TestBadFlagIsOneLineAndExitStatus2(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-camera", "webcam")
	cmd.Env = append(os.Environ(), asEdgecam+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 2 || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v: %s", err, out)
	}
}
