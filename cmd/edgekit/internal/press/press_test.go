package press

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/button"
	"edgekit.internal/drivers/led"
	"edgekit.internal/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book decides as the store does, but in memory, and when gate lets it.
type book struct {
	mu      sync.Mutex
	decided map[string]pipeline.PressOutcome
	help    bool
	fail    error
	gate    chan struct{} // nil: open
}

func (b *book) Press(ctx context.Context, p pipeline.Press) (pipeline.PressOutcome, error) {
	if b.gate != nil {
		select {
		case <-b.gate:
		case <-ctx.Done():
			return pipeline.PressOutcome{}, ctx.Err()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return pipeline.PressOutcome{}, b.fail
	}
	if out, ok := b.decided[p.ID]; ok {
		out.Repeat = true
		return out, nil
	}
	out := pipeline.PressOutcome{Press: p, Reason: pipeline.Confirmed, Details: "done: " + string(p.Action), Wall: time.Now()}
	b.help = b.help != (p.Action == pipeline.CallHelp)
	b.decided[p.ID] = out
	return out, nil
}

func (b *book) Presses(context.Context, int) ([]pipeline.PressOutcome, error) {
	return []pipeline.PressOutcome{{Press: pipeline.Press{ID: "before", Action: pipeline.CallHelp}, Reason: pipeline.Confirmed, Ticket: 2}}, nil
}

func (b *book) Help() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.help
}

// bench is a desk with its buttons and lights.
type bench struct {
	*Desk
	t    *testing.T
	book *book
	twin *button.Twin

	mu   sync.Mutex
	done []pipeline.Action
	lit  []string // changes of the alert light
	slow chan error
}

func newBench(t *testing.T) *bench { return newBenchWith(t, settings.Default().Press) }

func newBenchWith(t *testing.T, set settings.Press) *bench {
	b := &bench{t: t, book: &book{decided: map[string]pipeline.PressOutcome{}}, twin: button.NewTwin(), slow: make(chan error)}
	d, _, err := New(Config{Buttons: "virtual", Lights: "virtual", Press: set, Book: b.book, Twin: b.twin, Log: slog.New(slog.DiscardHandler),
		Named: func(string) string { return "" }, Shows: func() (ready, alert led.Pattern) { return led.Live, led.Off },
		Cannot: func(a pipeline.Action) string {
			if a == pipeline.ReprintLast {
				return "Printing is switched off."
			}
			return ""
		},
		Do: func(ctx context.Context, out pipeline.PressOutcome) error {
			b.mu.Lock()
			b.done = append(b.done, out.Action)
			b.mu.Unlock()
			if out.Action == pipeline.NewSetupSlip {
				select {
				case err := <-b.slow:
					return err
				case <-ctx.Done():
				}
			}
			return nil
		},
		Lit: func(light string, on bool) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if light == alertLight {
				b.lit = append(b.lit, fmt.Sprint(on))
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	b.Desk = d
	return b
}

func (b *bench) start() {
	ctx, stop := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	b.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	})
	synctest.Wait()
}

// hold presses a button, and waits until what comes of it is done.
func (b *bench) hold(name string, held time.Duration) {
	line := slices.Index(Buttons, name)
	b.twin.Set(line, true)
	time.Sleep(held)
	b.twin.Set(line, false)
	time.Sleep(button.Settle)
	synctest.Wait()
}

func (b *bench) flashes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lit)
}

// TestWhatButtonsDo where nothing is set: each has its action, a short press of Sold out has none and says how, and each has an
// answer by the light and in the console.
func TestWhatButtonsDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		for _, c := range []struct {
			button string
			held   time.Duration
			want   pipeline.Action
			says   string
			ok     bool
		}{
			{"start-drop", 100 * time.Millisecond, pipeline.StartNextDrop, "done: start-next-drop", true},
			{"start-drop", 4 * time.Second, pipeline.StartNextDrop, "done: start-next-drop", true},
			{"sold-out", 100 * time.Millisecond, "", "A short press of sold-out does nothing: hold it for 1 s to mark the offer as sold out, and let go.", false},
			{"sold-out", 1100 * time.Millisecond, pipeline.MarkSoldOut, "done: sold-out", true},
			{"reprint", 100 * time.Millisecond, pipeline.ReprintLast, "Printing is switched off.", false},
			{"reprint", 3100 * time.Millisecond, pipeline.ShutDown, "done: shut-down", true},
			{"call-help", 100 * time.Millisecond, pipeline.CallHelp, "done: call-help", true},
			{"call-help", 100 * time.Millisecond, pipeline.CallHelp, "done: call-help", true},
		} {
			before := b.flashes()
			b.hold(c.button, c.held)
			got := b.Recent()[0]
			if got.Button != c.button || got.Action != string(c.want) || got.Detail != c.says || got.OK != c.ok || got.Via != "button" {
				t.Errorf("%s held %v: %+v", c.button, c.held, got)
			}
			time.Sleep(2 * time.Second)
			if n := b.flashes() - before; n < 2 {
				t.Errorf("%s: the light changed %d times", c.button, n)
			}
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		want := []pipeline.Action{pipeline.StartNextDrop, pipeline.StartNextDrop, pipeline.MarkSoldOut, pipeline.ShutDown, pipeline.CallHelp, pipeline.CallHelp}
		if d := cmp.Diff(want, b.done); d != "" {
			t.Error(d)
		}
	})
}

// TestAButtonThatRepeats does what it is for again and again while it is down, each time as a press of its own; no longer than a finger
// would be on it; and a tap of it is still one.
func TestAButtonThatRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := settings.Default().Press
		set.StartDrop.Repeat = string(pipeline.StartNextDrop)
		set.Reprint.Hold, set.Reprint.Repeat = "none", string(pipeline.ReprintLast)
		b := newBenchWith(t, set)
		b.start()
		for held, want := range map[time.Duration]int{100 * time.Millisecond: 1, button.RepeatFrom + 2*button.RepeatEvery + 1: 3, time.Hour: 1 + int((button.StuckFrom-button.RepeatFrom-1)/button.RepeatEvery)} {
			b.mu.Lock()
			b.done = nil
			b.mu.Unlock()
			b.hold("start-drop", held)
			b.mu.Lock()
			if len(b.done) != want {
				t.Errorf("held for %v: done %d times, want %d", held, len(b.done), want)
			}
			b.mu.Unlock()
		}
		time.Sleep(time.Minute)
		before := b.flashes()
		b.hold("reprint", button.RepeatFrom+2*button.RepeatEvery+1) // which cannot be done
		time.Sleep(time.Minute)
		if got := b.Recent(); got[2].Gesture != "repeat" || got[2].OK || b.flashes() != before {
			t.Errorf("the light flashed %d times; %+v", b.flashes()-before, got)
		}
	})
}

func TestLightsShowTheKit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		if d := cmp.Diff(map[string]string{"ready-light": "live", "alert-light": "off"}, b.Showing()); d != "" {
			t.Error(d)
		}
		b.hold("call-help", 50*time.Millisecond)
		if d := cmp.Diff(map[string]string{"ready-light": "live", "alert-light": "help"}, b.Showing()); d != "" {
			t.Error(d)
		}
		b.hold("call-help", 50*time.Millisecond)
		if got := b.Showing()["alert-light"]; got != "off" {
			t.Error(got)
		}
	})
}

const id = "01J0000000000000000000000"

// TestARepeatIsDoneOnce.
func TestARepeatIsDoneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		var first wire.Press
		for i := range 3 {
			out, err := b.Press(t.Context(), wire.PressRequest{ID: id + "A", Button: "start-drop", Gesture: "short"}, pipeline.ViaConsole)
			if err != nil || !out.OK || i > 0 && out != first {
				t.Errorf("%+v, %v; first %+v", out, err, first)
			}
			first = out
		}
		if len(b.done) != 1 || len(b.Recent()) != 2 || b.Recent()[1].ID != "before" || b.Recent()[1].Ticket != "A-002" {
			t.Errorf("%v, %+v", b.done, b.Recent())
		}
	})
}

// TestABusyDiskRefusesWhatIsTooMuch, and does the others in their order once it is free.
func TestABusyDiskRefusesWhatIsTooMuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.book.gate = make(chan struct{})
		b.start()
		var all sync.WaitGroup
		for i := range maxQueue + 1 {
			all.Go(func() {
				if _, err := b.Press(t.Context(), wire.PressRequest{ID: id + string("0123456789"[i]), Action: "clear-help"}, pipeline.ViaConsole); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if _, err := b.Press(t.Context(), wire.PressRequest{ID: id + "X", Action: "clear-help"}, pipeline.ViaConsole); !errors.Is(err, ErrBusy) {
			t.Error(err)
		}
		b.hold("start-drop", 50*time.Millisecond)
		if b.Dropped() != 2 {
			t.Errorf("%d dropped", b.Dropped())
		}
		close(b.book.gate)
		all.Wait()
		synctest.Wait()
		if len(b.done) != maxQueue+1 {
			t.Error(b.done)
		}
	})
}

// TestWhatCannotBeRecordedIsNotDone, and is said.
func TestWhatCannotBeRecordedIsNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.book.fail = errors.New("disk full")
		b.start()
		b.hold("start-drop", 50*time.Millisecond)
		if got := b.Recent()[0]; got.OK || !strings.Contains(got.Detail, "did nothing") || len(b.done) > 0 {
			t.Errorf("%+v, %v", got, b.done)
		}
	})
}

// TestADiskThatHangs is told, and what it takes in the end is done, once.
func TestADiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.book.gate = make(chan struct{})
		b.start()
		b.hold("start-drop", 50*time.Millisecond)
		time.Sleep(patience)
		synctest.Wait()
		if got := b.Recent()[0]; got.OK || !strings.Contains(got.Detail, "do not press again") || len(b.done) > 0 {
			t.Errorf("%+v, %v", got, b.done)
		}
		close(b.book.gate)
		synctest.Wait()
		if got := b.Recent(); len(got) != 2 || !got[0].OK || len(b.done) != 1 {
			t.Errorf("%+v, %v", got, b.done)
		}
	})
}

// TestASlipThatTakesItsTimeHoldsUpNothing, and that it did not come is said when that is known.
func TestASlipThatTakesItsTimeHoldsUpNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		b.hold("call-help", 3500*time.Millisecond)
		if got := b.Recent()[0]; !got.OK || !strings.Contains(got.Detail, "being made") {
			t.Errorf("%+v", got)
		}
		b.hold("start-drop", 50*time.Millisecond)
		if got := b.Recent()[0]; got.Action != "start-next-drop" || !got.OK {
			t.Errorf("%+v", got)
		}
		b.slow <- errors.New("The printer is out of paper.")
		synctest.Wait()
		if got := b.Recent(); got[0].OK || got[0].Detail != "The printer is out of paper." || got[0].Action != "setup-slip" || len(got) != 3 {
			t.Errorf("%+v", got)
		}
	})
}

func TestWhatIsNoPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.start()
		h := b.Handler(pipeline.ViaConsole)
		for body, want := range map[string]int{
			"": 400, `{"id":"1","button":"start-drop","gesture":"short"}`: 400, `{"id":"` + id + `A","button":"big","gesture":"short"}`: 400,
			`{"id":"` + id + `A","button":"reprint","gesture":"triple"}`: 400, `{"id":"` + id + `A","action":"sell"}`: 400,
			`{"id":"` + id + `A","button":"reprint","gesture":"short","action":"shut-down"}`: 400, `{"id":"` + id + `A","action":"call-help"}`: 200,
			`{"id":"` + id + `A","action":"show-offer"}`: 400, `{"id":"` + id + `A","action":"call-help","offer":"mug"}`: 400,
			`{"id":"` + id + `A","button":"reprint","gesture":"short","action":"show-offer","offer":"mug"}`: 400,
			`{"id":"` + id + `A","action":"show-offer","offer":"` + strings.Repeat("x", 65) + `"}`:          400, `{"id":"` + id + `B","action":"show-offer","offer":"mug"}`: 200,
		} {
			rw := httptest.NewRecorder()
			h.ServeHTTP(rw, httptest.NewRequest(http.MethodPost, "/press", strings.NewReader(body)))
			if rw.Code != want {
				t.Errorf("%s: %d %s", body, rw.Code, rw.Body)
			}
		}
		if len(b.done) != 2 || b.book.decided[id+"B"].Offer != "mug" {
			t.Error(b.done, b.book.decided)
		}
	})
}
