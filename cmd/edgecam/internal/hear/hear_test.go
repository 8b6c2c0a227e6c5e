package hear

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/capture"
	"edgekit.internal/capture/alsa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plug is a microphone that can be pulled. It hears a square wave, half as loud as can be, and every other half second a quarter.
type plug struct {
	name   string
	fails  error
	pulled chan struct{}
	began  time.Time
}

func newPlug(name string) *plug {
	return &plug{name: name, pulled: make(chan struct{}), began: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)} // synctest's clock begins then
}

func (p *plug) Name() string     { return p.name }
func (p *plug) Format() string   { return "48000 Hz 16-bit mono" }
func (p *plug) Overruns() uint64 { return 2 }
func (p *plug) Close() error     { return nil }

func (p *plug) Run(ctx context.Context, out func(capture.Samples)) error {
	tick := time.NewTicker(capture.SoundLen)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-tick.C:
			pcm, loud := make([]int16, capture.SoundSamples), 1<<14>>(n/levelOf%2)
			for i := range pcm {
				pcm[i] = int16(loud - i%2*2*loud)
			}
			out(capture.Samples{At: time.Hour + time.Since(p.began), PCM: pcm})
		case <-p.pulled:
			return errors.Join(ErrAbsent, errors.New("plug was pulled"), p.fails)
		case <-ctx.Done():
			return nil
		}
	}
}

// socket is where a plug goes.
type socket struct {
	mu    sync.Mutex
	plug  *plug
	fails error
}

func (s *socket) open() (Microphone, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.fails != nil:
		return nil, s.fails
	case s.plug == nil:
		return nil, ErrAbsent
	}
	return s.plug, nil
}

func (s *socket) put(p *plug, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.plug != nil && p == nil {
		close(s.plug.pulled)
	}
	s.plug, s.fails = p, err
}

// loudest is an encoder whose packets say how loud the loudest sample was.
type loudest struct{ fails error }

func (loudest) Delay() time.Duration { return 6500 * time.Microsecond }
func (loudest) Close() error         { return nil }

func (l loudest) Encode(pcm []int16) ([]byte, error) {
	return binary.BigEndian.AppendUint16(nil, uint16(max(int(slices.Max(pcm)), -int(slices.Min(pcm))))), l.fails
}

// line is a Link that keeps what is sent; of sound the newest.
type line struct {
	states chan capture.Microphone
	sounds chan capture.Sound
}

func newLine() *line {
	return &line{make(chan capture.Microphone, 1000), make(chan capture.Sound, 1)}
}

func (l *line) SendMicrophone(m capture.Microphone) error { l.states <- m; return nil }

func (l *line) SendSound(s capture.Sound) error {
	select {
	case <-l.sounds:
	default:
	}
	l.sounds <- s
	return nil
}

// until takes states up to the one that is waited for. The limit is only there to end a broken test.
func (l *line) until(t *testing.T, state string) capture.Microphone {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case m := <-l.states:
			if m.State == state {
				return m
			}
			t.Logf("%+v", m)
		case <-limit:
			t.Fatalf("the microphone did not become %s", state)
		}
	}
}

func start(t *testing.T, cfg Config) (e *Ear, l *line, stop func()) {
	t.Helper()
	l = newLine()
	cfg.Link = l
	if cfg.Encoder == nil {
		cfg.Encoder = func() (Encoder, error) { return loudest{}, nil }
	}
	e = New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- e.Run(ctx) }()
	return e, l, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// comesAndGoes is the life of a microphone that is not there at first, over twins here and over the kernel's own in the lab.
func comesAndGoes(t *testing.T, cfg Config, name string, put, pull func()) {
	e, l, stop := start(t, cfg)
	defer stop()
	e.SetMute(false)
	if m := l.until(t, "absent"); m.Name != "" || m.Reason == "" {
		t.Errorf("with none plugged in: %+v", m)
	}
	var last capture.Sound
	for round := range 2 {
		put()
		m := l.until(t, "ready")
		if m.Name != name || m.Muted || m.Level >= 0 || m.Level <= capture.QuietLevel {
			t.Errorf("round %d: %+v", round+1, m)
		}
		for range 3 {
			s := <-l.sounds
			if s.At <= last.At || s.RTP != capture.SoundTimestamp(s.At) {
				t.Errorf("round %d: sound of %v with timestamp %d after %v with %d", round+1, s.At, s.RTP, last.At, last.RTP)
			}
			if binary.BigEndian.Uint16(s.Data) < 100 {
				t.Errorf("round %d: it hears nothing", round+1)
			}
			last = s
		}
		pull()
		l.until(t, "absent")
	}
}

func TestAMicrophoneComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{}
		comesAndGoes(t, Config{Open: s.open}, "Plug", func() { s.put(newPlug("Plug"), nil) }, func() { s.put(nil, nil) })
	})
}

// TestAnAbsentMicrophoneIsNoFault: nor is one that is not wanted.
func TestAnAbsentMicrophoneIsNoFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for state, open := range map[string]func() (Microphone, error){"absent": (&socket{}).open, "off": nil} {
			_, l, stop := start(t, Config{Open: open})
			time.Sleep(time.Minute)
			synctest.Wait()
			if m := <-l.states; m.State != state {
				t.Errorf("%+v, expected %s", m, state)
			}
			if len(l.states)+len(l.sounds) != 0 {
				t.Errorf("%s: %d more states and %d packets of sound", state, len(l.states), len(l.sounds))
			}
			stop()
		}
	})
}

// TestNothingIsHeardUntilMutingIsKnown: and nothing while it is on, but packets of silence, which go on in their rhythm.
func TestNothingIsHeardUntilMutingIsKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, l, stop := start(t, Config{Open: (&socket{plug: newPlug("Plug")}).open})
		defer stop()
		for _, mute := range []bool{true, false, true, false} {
			if !mute || e.open.Load() {
				e.SetMute(mute)
			}
			synctest.Wait()
			time.Sleep(100 * time.Millisecond)
			synctest.Wait()
			before := <-l.sounds
			after := <-l.sounds
			if after.RTP-before.RTP != uint32(capture.SoundSamples) {
				t.Errorf("muted %v: timestamps %d and %d", mute, before.RTP, after.RTP)
			}
			if loud := binary.BigEndian.Uint16(after.Data); mute != (loud == 0) {
				t.Errorf("muted %v: %d goes out", mute, loud)
			}
			var m capture.Microphone
			for len(l.states) > 0 {
				m = <-l.states
			}
			if m.Muted != mute {
				t.Errorf("%+v is told, expected muted %v", m, mute)
			}
		}
	})
}

func TestTheLevelIsToldTwiceASecondAlsoWhileMuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, stop := start(t, Config{Open: (&socket{plug: newPlug("Plug")}).open})
		defer stop()
		if m := l.until(t, "ready"); m.Level != -6 || !m.Muted || m.Lost != 2 {
			t.Errorf("%+v, expected half of full scale, -6 dB", m)
		}
		time.Sleep(5*time.Second + 10*time.Millisecond)
		synctest.Wait()
		levels := map[int]int{}
		for len(l.states) > 0 {
			levels[(<-l.states).Level]++
		}
		if d := cmp.Diff(map[int]int{-6: 4, -12: 5}, levels); d != "" {
			t.Errorf("levels told in 5 s, where only another is told: %s", d)
		}
	})
	for power, want := range map[float64]int{0: capture.QuietLevel, 1: -90, 1 << 30: 0, 1 << 40: 0, 1 << 28: -6, math.NaN(): capture.QuietLevel} {
		if got := decibels(power); got != want {
			t.Errorf("a mean square of %g is %d dB, expected %d", power, got, want)
		}
	}
}

// now is the state as it was told last.
func (l *line) now(t *testing.T) (m capture.Microphone) {
	t.Helper()
	time.Sleep(5 * time.Second)
	synctest.Wait()
	for len(l.states) > 0 {
		m = <-l.states
	}
	return m
}

// TestAFaultIsToldAndTriedAgain: of a microphone that cannot be opened, and of an encoder that cannot encode.
func TestAFaultIsToldAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &socket{fails: errors.New("another program uses it")}
		enc := loudest{}
		_, l, stop := start(t, Config{Open: s.open, Encoder: func() (Encoder, error) { return enc, enc.fails }})
		defer stop()
		if m := l.until(t, "failed"); m.Reason != "another program uses it" {
			t.Errorf("%+v", m)
		}
		s.put(newPlug("Plug"), nil)
		l.until(t, "ready")
		synctest.Wait()
		enc.fails = errors.New("no memory")
		s.put(nil, nil)
		l.until(t, "absent")
		s.put(newPlug("Plug"), nil)
		if m := l.until(t, "failed"); m.Reason != "no memory" {
			t.Errorf("%+v", m)
		}
	})
}

func TestABetterMicrophoneTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		camera, usb := alsa.Info{Path: "/dev/snd/pcmC0D0c", Name: "Camera"}, alsa.Info{Path: "/dev/snd/pcmC1D0c", Name: "USB"}
		found := []alsa.Info{camera}
		var mu sync.Mutex
		f := &finder{
			find: func() []alsa.Info { mu.Lock(); defer mu.Unlock(); return slices.Clone(found) },
			nodes: func() (out []string) {
				mu.Lock()
				defer mu.Unlock()
				for _, i := range found {
					out = append(out, i.Path)
				}
				return out
			},
			open: func(path string) (Microphone, error) {
				if strings.Contains(path, "C2") {
					return nil, errors.New("in use")
				}
				return newPlug(path), nil
			},
		}
		_, l, stop := start(t, Config{Open: f.microphone, Better: f.better})
		defer stop()
		if m := l.until(t, "ready"); m.Name != camera.Path {
			t.Errorf("%+v", m)
		}
		mu.Lock()
		found = []alsa.Info{usb, camera}
		mu.Unlock()
		if m := l.until(t, "opening"); m.Name != usb.Path {
			t.Errorf("%+v", m)
		}
		if m := l.now(t); m.State != "ready" || m.Name != usb.Path {
			t.Errorf("%+v", m)
		}
		mu.Lock()
		found = []alsa.Info{{Path: "/dev/snd/pcmC2D0c"}, usb, camera}
		mu.Unlock()
		if m := l.now(t); m.State != "ready" || m.Name != usb.Path {
			t.Errorf("with a likelier one that is in use: %+v", m)
		}
	})
}

func TestNamesThatAreNoneAreRefused(t *testing.T) {
	for _, name := range []string{"auto", "none", "synthetic", "hw:1,0"} {
		if open, _, err := Opener(name); err != nil || (open == nil) != (name == "none") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "default", "hw:x", "plughw:0,0"} {
		if _, _, err := Opener(name); err == nil || !strings.Contains(err.Error(), "expected") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if d := cmp.Diff("48000 Hz 16-bit mono", synthetic{}.Format()); d != "" {
		t.Error(d)
	}
}
