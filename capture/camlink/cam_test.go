package camlink

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

// harness is a Cam over a real child, with all that comes out of it on channels.
type harness struct {
	*Cam
	t      *testing.T
	hellos chan []capture.Layer
	areas  chan capture.Areas
	units  chan capture.AccessUnit // the newest only
	keys   chan capture.AccessUnit
	seen   chan capture.Source
	mics   chan capture.Microphone
	sounds chan capture.Sound
	cancel context.CancelFunc
	ended  chan error
}

// start1 gives a child time that a race-enabled binary has on a busy machine.
func start1(t *testing.T, as string) *harness { return startWith(t, as, 30*time.Second) }

func startWith(t *testing.T, as string, allowance time.Duration) *harness {
	h := &harness{t: t, hellos: make(chan []capture.Layer, 100), areas: make(chan capture.Areas, 100),
		units: make(chan capture.AccessUnit, 1), keys: make(chan capture.AccessUnit, 100), seen: make(chan capture.Source, 100), mics: make(chan capture.Microphone, 100), sounds: make(chan capture.Sound, 100), ended: make(chan error, 1)}
	h.Cam = New(Config{
		Path: os.Args[0], Env: append(os.Environ(), role+"="+as), Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		StartAllowance: allowance,
		OnHello:        func(l []capture.Layer) { h.hellos <- l },
		OnAreas:        func(a capture.Areas) { h.areas <- a },
		OnSource:       func(s capture.Source) { h.seen <- s },
		OnMicrophone:   func(m capture.Microphone) { h.mics <- m },
		OnSound:        func(s capture.Sound) { h.sounds <- s },
		OnAccessUnit: func(au capture.AccessUnit) {
			if au.Key {
				h.keys <- au
			}
			select {
			case <-h.units:
			default:
			}
			h.units <- au
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	h.cancel = cancel
	go func() { h.ended <- h.Run(ctx) }()
	t.Cleanup(h.stop)
	return h
}

func (h *harness) stop() {
	h.cancel()
	if err := wait(h.t, h.ended, "the end of Run"); err != nil {
		h.t.Error(err)
	}
	h.ended <- nil
}

// wait takes the next thing of a channel. The time is there only so that a broken test ends with a word.
func wait[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(60 * time.Second):
		t.Fatalf("%s did not come", what)
		panic("not reached")
	}
}

func TestPicturesFlowAndOrdersAreAnswered(t *testing.T) {
	h := start1(t, "camera")
	if l := wait(t, h.hellos, "hello"); len(l) != 1 || l[0].Width != 16 {
		t.Errorf("layers %v", l)
	}
	h.SetScene(capture.Scene{Rev: 5})
	if a := wait(t, h.areas, "areas"); a.Rev != 5 {
		t.Errorf("areas of scene %d", a.Rev)
	}
	wait(t, h.keys, "the first picture")
	h.WantKeyframe(doKey)
	wait(t, h.keys, "a key picture")
	if s := h.Stats(); s.Starts != 1 || s.Units == 0 || s.Bytes == 0 || s.PID == 0 || s.Exits+s.Hangs+s.Garbage != 0 {
		t.Errorf("%+v", s)
	}
}

func TestChildIsBackAfterEveryKindOfEnd(t *testing.T) {
	signal := func(sig syscall.Signal) func(*harness) {
		return func(h *harness) {
			if err := syscall.Kill(h.Stats().PID, sig); err != nil {
				h.t.Fatal(err)
			}
		}
	}
	order := func(what uint8) func(*harness) { return func(h *harness) { h.WantKeyframe(what) } }
	for name, c := range map[string]struct {
		end  func(*harness)
		want Stats
	}{
		"killed":      {signal(syscall.SIGKILL), Stats{Exits: 1}},
		"stopped":     {signal(syscall.SIGSTOP), Stats{Hangs: 1}},
		"crashed":     {order(doCrash), Stats{Exits: 1}},
		"exit 0":      {order(doExit), Stats{Exits: 1}},
		"hangs":       {order(doHang), Stats{Hangs: 1}},
		"no message":  {order(doTalkNonsense), Stats{Garbage: 1}},
		"wrong layer": {order(doSpeakWrongly), Stats{Garbage: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			h := start1(t, "camera")
			h.SetScene(capture.Scene{Rev: 9})
			wait(t, h.hellos, "first hello")
			wait(t, h.areas, "first areas")
			wait(t, h.keys, "first picture")
			place := wait(t, h.seen, "first camera").At
			began := time.Now()
			c.end(h)
			wait(t, h.hellos, "second hello")
			wait(t, h.keys, "key picture of the second life")
			t.Logf("%s: picture back after %v", name, time.Since(began).Round(time.Millisecond))
			if a := wait(t, h.areas, "areas of the second life"); a.Rev != 9 {
				t.Errorf("the new child draws scene %d, expected the latest", a.Rev)
			}
			if wait(t, h.seen, "camera of the second life"); wait(t, h.seen, "the camera that was").At != place {
				t.Errorf("the new child was not told that the camera at %s ran", place)
			}
			got := h.Stats()
			if got.Starts != 2 || got.Exits != c.want.Exits || got.Hangs != c.want.Hangs || got.Garbage != c.want.Garbage {
				t.Errorf("%+v, expected 2 starts and %+v", got, c.want)
			}
		})
	}
}

// TestEveryChildIsToldWhetherItIsMuted: the first too, as it sends silence until then; and one that starts anew stays muted.
func TestEveryChildIsToldWhetherItIsMuted(t *testing.T) {
	h := start1(t, "camera")
	if wait(t, h.mics, "what the first child was told").Muted {
		t.Error("muted, and nobody asked for it")
	}
	wait(t, h.sounds, "sound")
	h.SetMute(true)
	if !wait(t, h.mics, "muting").Muted {
		t.Error("it was not muted")
	}
	h.WantKeyframe(doCrash)
	if !wait(t, h.mics, "what the second child was told").Muted {
		t.Error("the second child is not muted")
	}
	if s := h.Stats(); s.Sounds < 2 {
		t.Errorf("%d packets of sound counted", s.Sounds)
	}
}

// TestASlowStartIsGivenMoreTime: a child that needs longer than the allowance is killed, and the next one has twice as
// long, until it comes up.
func TestASlowStartIsGivenMoreTime(t *testing.T) {
	h := startWith(t, "slow", 10*time.Millisecond)
	wait(t, h.units, "a picture")
	if s := h.Stats(); s.Hangs == 0 || s.Starts != s.Hangs+1 {
		t.Errorf("%+v, expected some lives that were too slow and then a good one", s)
	}
}

// TestASluggishChildIsGivenMoreTime: one whose beats come late, as on a processor that has too much to do, is killed once or twice and then
// left to do what it can, however long.
func TestASluggishChildIsGivenMoreTime(t *testing.T) {
	h := start1(t, "sluggish")
	frames := func() uint64 { return h.Stats().Beat.Frames }
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(60 * time.Second); frames() < 10; <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%+v: no life has ten beats", h.Stats())
		}
	}
	if s := h.Stats(); s.Hangs == 0 || s.Starts != s.Hangs+1 {
		t.Errorf("%+v, expected some lives that were too sluggish and then a good one", s)
	}
}

func TestStubbornChildIsGoneWhenRunReturns(t *testing.T) {
	h := start1(t, "stubborn")
	wait(t, h.units, "a picture")
	pid := h.Stats().PID
	h.stop()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v, expected none", pid, err)
	}
}

func TestChildDiesWithAKilledDaemon(t *testing.T) {
	cmd, stderr := run(t, "daemon")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("%v: %s", err, stderr)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed", as wanted
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Errorf("camera program %d outlives its daemon: %v", pid, err)
		}
		return
	}
}

func TestProgramThatCannotStartIsTriedUntilTheEnd(t *testing.T) {
	starts := make(chan slog.Record, 1000)
	cam := New(Config{Path: filepath.Join(t.TempDir(), "none"), MaxBackoff: time.Millisecond,
		Log: slog.New(records{slog.NewTextHandler(io.Discard, nil), starts})})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cam.Run(ctx) }()
	for _, want := range []string{"1", "2", "4", "8"} {
		r := wait(t, starts, "a word in the log")
		var got []string
		r.Attrs(func(a slog.Attr) bool { got = append(got, a.Value.String()); return true })
		if !strings.Contains(got[0], "start the camera program") || got[2] != want {
			t.Errorf("%s %v, expected failure %s", r.Message, got, want)
		}
	}
	cancel()
	if err := wait(t, ended, "the end"); err != nil {
		t.Error(err)
	}
}

// records is a log handler that also hands records on.
type records struct {
	slog.Handler
	out chan<- slog.Record
}

func (r records) Handle(_ context.Context, rec slog.Record) error {
	r.out <- rec
	return nil
}

func TestBackoffRisesFromNothing(t *testing.T) {
	var got []time.Duration
	for i := range 8 {
		got = append(got, backoff(i, time.Second)/time.Millisecond)
	}
	for i, want := range []time.Duration{0, 50, 100, 200, 400, 800, 1000, 1000} {
		if got[i] != want {
			t.Errorf("after %d failures %v ms, expected %v", i+1, got[i], want)
		}
	}
	if backoff(1<<40, time.Second) != time.Second {
		t.Error("overflow")
	}
}

func TestBeatsThatWaitedWhileTheDaemonSleptAreSeen(t *testing.T) {
	ours, file, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer file.Close()
	b, err := Append(nil, Beat{Frames: 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(b); err != nil {
		t.Fatal(err)
	}
	watch := &beatWatch{link: ours, grace: time.Minute}
	watch.expect(-time.Hour) // long overdue
	if m, err := NewReader(watch).Read(); err != nil || m.(Beat).Frames != 1 {
		t.Fatalf("%v, %v", m, err)
	}
	watch.grace = 0
	watch.expect(-time.Hour)
	if _, err := NewReader(watch).Read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
}
