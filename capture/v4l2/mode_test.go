package v4l2

import (
	"errors"
	"math"
	"testing"
)

func TestTheModeNearestToTheWantedIsChosen(t *testing.T) {
	webcam := []Mode{ // a common USB 2 webcam
		{YUYV, 640, 480, 30}, {YUYV, 640, 480, 15}, {YUYV, 1280, 720, 10}, {YUYV, 1280, 720, 5}, {YUYV, 1920, 1080, 5},
		{MJPG, 640, 480, 30}, {MJPG, 1280, 720, 30}, {MJPG, 1920, 1080, 30}, {MJPG, 1280, 720, 60},
	}
	want := Want{Width: 1280, Height: 720, FPS: 30}
	for name, c := range map[string]struct {
		modes []Mode
		want  Want
		get   Mode
	}{
		"MJPEG where raw is too slow":   {webcam, want, Mode{MJPG, 1280, 720, 30}},
		"raw where it is fast enough":   {append([]Mode{{YUYV, 1280, 720, 30}}, webcam...), want, Mode{YUYV, 1280, 720, 30}},
		"raw for a small picture":       {webcam, Want{Width: 640, Height: 480, FPS: 30}, Mode{YUYV, 640, 480, 30}},
		"slow on purpose":               {webcam, Want{Width: 1280, Height: 720, FPS: 10}, Mode{YUYV, 1280, 720, 10}},
		"rate before size":              {webcam[:5], want, Mode{YUYV, 640, 480, 30}},
		"larger before smaller":         {[]Mode{{MJPG, 640, 360, 30}, {MJPG, 1920, 1080, 30}}, want, Mode{MJPG, 1920, 1080, 30}},
		"shape":                         {[]Mode{{NV12, 640, 480, 30}, {NV12, 640, 360, 30}}, Want{Width: 640, Height: 400, FPS: 30}, Mode{NV12, 640, 360, 30}},
		"nothing said is not the worst": {[]Mode{{FourCC(1), 1280, 720, 30}, {I420, 320, 240, 7.5}}, want, Mode{I420, 320, 240, 7.5}},
	} {
		for _, ms := range []float64{6, 35} { // of a 1280x720 JPEG, on a laptop and on a Pi 3
			if got, err := choose(c.modes, c.want, machine(ms)); err != nil || got != c.get {
				t.Errorf("%s where a JPEG takes %v ms: %v, %v, expected %v", name, ms, got, err, c.get)
			}
		}
	}
	for _, m := range []Mode{{FourCC(0x35363248), 1280, 720, 30}, {YUYV, 0, 0, 30}, {YUYV, 1 << 20, 2, 30}, {YUYV, 640, 480, 0}, {YUYV, 640, 480, math.NaN()}} {
		if got, err := choose([]Mode{m}, want, machine(6)); !errors.Is(err, errNoMode) {
			t.Errorf("%v was chosen: %v", m, got)
		}
	}
}

// machine is one on which a JPEG of 1280x720 takes so long to read, and a raw picture a tenth of it.
func machine(ms float64) func(Mode) float64 {
	return func(m Mode) float64 {
		load := ms / 1000 * m.FPS * float64(m.Width*m.Height) / (1280 * 720)
		if !m.Format.jpeg() {
			load /= 10
		}
		return load
	}
}

// TestTheSameCameraIsRunAsTheMachineCan: what is chosen goes by what reading was measured to take, not by a list's order.
func TestTheSameCameraIsRunAsTheMachineCan(t *testing.T) {
	var none *H264
	large, small := Mode{MJPG, 1920, 1080, 30}, Mode{NV12, 640, 360, 30}
	for _, modes := range [][]Mode{{large, small}, {small, large}} {
		for ms, want := range map[float64]Mode{6: large, 35: large, 60: small} {
			if got, err := choose(modes, Want{Width: 1280, Height: 720, FPS: 30}, machine(ms)); err != nil || got != want {
				t.Errorf("%v ms a JPEG: %v, %v, expected %v", ms, got, err, want)
			}
		}
	}
	if jpeg, raw := none.load(Mode{MJPG, 1280, 720, 30}), none.load(Mode{NV12, 1280, 720, 30}); raw <= 0 || jpeg <= raw || jpeg != none.load(Mode{JPEG, 1280, 720, 30}) {
		t.Errorf("measured here: %v of a core for MJPEG, %v for NV12", jpeg, raw)
	} else {
		t.Logf("1280x720 at 30/s here: MJPEG %.2f of a core, YUYV %.2f, NV12 %.2f, I420 %.2f", jpeg, none.load(Mode{YUYV, 1280, 720, 30}), raw, none.load(Mode{I420, 1280, 720, 30}))
	}
	if twice := none.load(Mode{MJPG, 2560, 720, 30}); twice < 1.9*none.load(Mode{MJPG, 1280, 720, 30}) {
		t.Errorf("twice as much takes %v", twice)
	}
}

func TestModesReadAsPeopleWriteThem(t *testing.T) {
	for want, m := range map[string]Mode{
		"MJPEG 1280x720 30/s": {MJPG, 1280, 720, 30.0003}, "YUYV 640x480 7.5/s": {YUYV, 640, 480, 7.5},
		"I420 2x2 1/s": {I420, 2, 2, 1}, "?A?? 2x2 1/s": {FourCC('A' << 8), 2, 2, 1},
	} {
		if got := m.String(); got != want {
			t.Errorf("%q, expected %q", got, want)
		}
	}
	if got := text([]byte("Cam\x07 \xff1\x00junk")); got != "Cam ?1" {
		t.Errorf("%q", got)
	}
	if got := number("/dev/video12"); got != 12 {
		t.Error(got)
	}
}

func TestTimesAreBelievedOnlyFromTheMonotonicClock(t *testing.T) {
	const now = 1_000_000_500_000 // 1000.0005 s
	for name, c := range map[string]struct {
		b    buffer
		want int64
	}{
		"monotonic":     {buffer{flags: flagMonotonic, seconds: 999, micros: 980_000}, 999_980_000_000},
		"no clock said": {buffer{seconds: 999}, now},
		"copied":        {buffer{flags: 0x4000, seconds: 999}, now},
		"future":        {buffer{flags: flagMonotonic, seconds: 1001}, now},
		"long ago":      {buffer{flags: flagMonotonic, seconds: 3}, now},
		"absurd":        {buffer{flags: flagMonotonic, seconds: math.MaxInt64}, now},
		"negative":      {buffer{flags: flagMonotonic, seconds: -1}, now},
	} {
		if got := taken(c.b, now); int64(got) != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
