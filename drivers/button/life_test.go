package button

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/drivers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is buttons' contacts, virtual ones or the kernel's.
type rig struct {
	spec string
	twin *Twin
	set  func(line int, down ...bool) // as fast as it goes
	wait func(time.Duration)          // as a finger does
}

var four = []Button{{Name: "one"}, {Name: "two", Bound: Bound{Double: true, Long: true, Hold: true}}, {Name: "three", Bound: Bound{Repeat: true}}, {Name: "four", Bound: Bound{Double: true}}}

// started runs four buttons.
func started(t *testing.T, r *rig) (*Buttons, <-chan Event) {
	t.Helper()
	events := make(chan Event, 256)
	b, err := New(Config{Spec: r.spec, Buttons: four, Twin: r.twin, Log: slog.New(slog.DiscardHandler), Tell: func(e Event) { events <- e }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return b, events
}

// state waits for a state, and returns its reason.
func state(t *testing.T, b *Buttons, want drivers.State) string {
	t.Helper()
	for {
		s, next := b.Watch().Get()
		if s.State == want {
			return s.Reason
		}
		select {
		case <-next:
		case <-time.After(time.Minute):
			t.Fatalf("%+v, want %s", s, want)
		}
	}
}

// testButtons is the life of four buttons on any rig: 1 is stuck at the start, all chatter, one floods the kernel's buffer.
func testButtons(t *testing.T, r *rig) {
	r.set(0, true)
	for line := 1; line < 4; line++ {
		r.set(line, false)
	}
	b, events := started(t, r)
	state(t, b, drivers.Ready)
	next := func(want ...Event) {
		t.Helper()
		for _, w := range want {
			select {
			case got := <-events:
				if got.Button != w.Button || got.Gesture != w.Gesture || got.Reached != w.Reached {
					t.Fatalf("%+v, want %+v", got, w)
				}
			case <-time.After(time.Minute):
				t.Fatalf("%+v is not told", w)
			}
		}
	}
	press := func(line int, held time.Duration) {
		r.set(line, true, false, true, false, false, true)
		r.wait(held)
		r.set(line, false, true, false)
	}
	press(3, 60*ms)
	next(Event{Button: "four", Gesture: Short})
	press(3, 60*ms)
	r.wait(100 * ms)
	press(3, 60*ms)
	next(Event{Button: "four", Gesture: Double})
	press(1, LongFrom+400*ms)
	next(Event{Button: "two", Gesture: Long, Reached: true}, Event{Button: "two", Gesture: Long})
	press(1, HoldFrom+400*ms)
	next(Event{Button: "two", Gesture: Long, Reached: true}, Event{Button: "two", Gesture: Hold, Reached: true}, Event{Button: "two", Gesture: Hold})
	press(2, RepeatFrom+RepeatEvery/2)
	next(Event{Button: "three", Gesture: Repeat})

	if why := state(t, b, drivers.Failed); !strings.Contains(why, "Pressed all the time: one.") {
		t.Error(why)
	}
	r.set(0, false)
	if why := state(t, b, drivers.Ready); why != "" {
		t.Error(why)
	}
	var flood []bool
	for range 200 {
		flood = append(flood, true, false)
	}
	r.set(0, append(flood, true)...)
	r.wait(100 * ms)
	r.set(0, append(flood, false)...)
	next(Event{Button: "one", Gesture: Short})
	r.wait(StuckFrom)
	select {
	case e := <-events:
		t.Errorf("nobody did that: %+v", e)
	default:
	}
}

func twinRig() *rig {
	twin := NewTwin()
	return &rig{spec: "virtual", twin: twin, wait: time.Sleep, set: func(line int, down ...bool) {
		for _, d := range down {
			twin.Set(line, d)
		}
	}}
}

func TestTwin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { testButtons(t, twinRig()) })
}

// TestAShortPressIsKnownWithinItsWindow of the last edge, on the clock of the edges.
func TestAShortPressIsKnownWithinItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := twinRig()
		_, events := started(t, r)
		synctest.Wait()
		r.set(0, true)
		r.wait(80 * ms)
		begin := time.Now()
		r.set(0, false)
		e := <-events
		if d := cmp.Diff(Event{Button: "one", Gesture: Short, Held: 80 * ms, At: e.At}, e); d != "" || time.Since(begin) != Settle {
			t.Errorf("after %v\n%s", time.Since(begin), d)
		}
	})
}

// TestLinesThatFailComeBack, and what is held down then is not a press.
func TestLinesThatFailComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := twinRig()
		b, events := started(t, r)
		state(t, b, drivers.Ready)
		r.twin.Pull()
		if why := state(t, b, drivers.Failed); !strings.Contains(why, "in the console too") {
			t.Error(why)
		}
		r.set(0, true)
		state(t, b, drivers.Ready)
		r.set(0, false)
		r.wait(time.Second)
		r.set(0, true)
		r.wait(100 * ms)
		r.set(0, false)
		if e := <-events; e.Gesture != Short || e.Held != 100*ms {
			t.Errorf("%+v", e)
		}
	})
}

// TestNoiseCostsLittle: a wire that catches it is read a few times a second, is told, and is a button again when it is quiet.
func TestNoiseCostsLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := twinRig()
		b, events := started(t, r)
		state(t, b, drivers.Ready)
		for range 4000 {
			r.set(0, true, false)
			r.wait(ms)
		}
		if why := state(t, b, drivers.Failed); !strings.Contains(why, "Noise on the wire of: one.") {
			t.Error(why)
		}
		state(t, b, drivers.Ready)
		r.set(0, true)
		r.wait(100 * ms)
		r.set(0, false)
		if e := <-events; e.Gesture != Short {
			t.Errorf("%+v", e)
		}
	})
}

func TestWhatIsNoButton(t *testing.T) {
	for spec, want := range map[string]string{"": "expected auto", "gpio:/dev/gpiochip0:1,2": "expected 4", "gpio:/dev/gpiochip0:1,2,3,3": "expected auto", "gpio::1,2,3,4": "expected auto", "gpio:/dev/gpiochip0:1,2,3,-4": "expected auto"} {
		if _, err := New(Config{Spec: spec, Buttons: four}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", spec, err)
		}
	}
	if _, err := New(Config{Spec: "virtual", Buttons: []Button{{Bound: Bound{Repeat: true, Hold: true}}}}); err == nil {
		t.Error("one that repeats and is held")
	}
	if _, err := New(Config{Spec: "virtual"}); err == nil {
		t.Error("no button at all")
	}
}
