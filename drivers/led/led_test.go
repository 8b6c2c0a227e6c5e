package led

import (
	"context"
	"errors"
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

var two = []Light{{Name: "ready"}, {Name: "alert"}}

func started(t *testing.T, c Config, change func(*Lights)) (l *Lights, stop func()) {
	t.Helper()
	c.Lights, c.Log = two, slog.New(slog.DiscardHandler)
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx) }()
	return l, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// lit is a change of the alert light.
type lit struct {
	at time.Duration
	on bool
}

// TestPatterns as they are in time: a sale is seen on a light that is on, and the rhythm goes on behind it.
func TestPatterns(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*Lights)
		want []lit
	}{
		"off":                       {func(l *Lights) {}, []lit{{0, false}}},
		"ready":                     {func(l *Lights) { l.Show("alert", Ready) }, []lit{{0, true}}},
		"live":                      {func(l *Lights) { l.Show("alert", Live) }, []lit{{0, true}, {1800, false}, {2000, true}, {3800, false}, {4000, true}}},
		"fault":                     {func(l *Lights) { l.Show("alert", Fault); time.Sleep(1700 * ms); l.Show("alert", Fault) }, []lit{{0, true}, {500, false}, {1000, true}, {1500, false}, {2000, true}, {2500, false}, {3000, true}, {3500, false}, {4000, true}}},
		"help":                      {func(l *Lights) { l.Show("alert", Help); time.Sleep(1150 * ms); l.Show("alert", Off) }, []lit{{0, true}, {100, false}, {200, true}, {300, false}, {400, true}, {500, false}}},
		"sale":                      {func(l *Lights) { l.Show("alert", Ready); l.Flash("alert", Sale) }, []lit{{0, false}, {100, true}, {200, false}, {300, true}, {400, false}, {500, true}}},
		"held, then yes":            {func(l *Lights) { l.Flash("alert", Held); time.Sleep(time.Second); l.Flash("alert", Yes) }, []lit{{0, false}, {100, true}, {180, false}, {1150, true}, {1750, false}}},
		"a light that is not there": {func(l *Lights) { l.Show("blue", Ready) }, []lit{{0, false}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				var got []lit
				l, stop := started(t, Config{Spec: "virtual", Twin: func(light string, on bool) {
					if light == "alert" {
						got = append(got, lit{time.Since(begin) / ms, on})
					}
				}}, nil)
				c.do(l)
				time.Sleep(4100*ms - time.Since(begin))
				synctest.Wait()
				var shown []lit
				for _, l := range got { // what was for no time depends on who was faster
					if n := len(shown); n > 0 && shown[n-1].at == l.at {
						shown = shown[:n-1]
					}
					if n := len(shown); n == 0 || shown[n-1].on != l.on {
						shown = append(shown, l)
					}
				}
				stop()
				if d := cmp.Diff(c.want, shown, cmp.AllowUnexported(lit{})); d != "" {
					t.Error(d)
				}
				if last := got[len(got)-1]; last.on {
					t.Error("it stays lit behind the kit")
				}
			})
		})
	}
}

// broken is a line that does not work at first.
type broken struct{ tries *int }

func (b broken) Set(bool) error {
	if *b.tries++; *b.tries < 3 {
		return errors.New("no such device")
	}
	return nil
}
func (broken) Close() error { return nil }

// TestALightThatFails is told, harms nobody, and is tried again.
func TestALightThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		l, stop := started(t, Config{Spec: "virtual"}, func(l *Lights) {
			l.open = func() ([]output, error) { return []output{broken{&tries}, broken{&tries}}, nil }
		})
		defer stop()
		synctest.Wait()
		if s, _ := l.Watch().Get(); s.State != drivers.Failed || !strings.Contains(s.Reason, "in the console too") {
			t.Errorf("%+v", s)
		}
		l.Show("ready", Live)
		l.Flash("alert", No)
		time.Sleep(2 * time.Second)
		if s, _ := l.Watch().Get(); s.State != drivers.Ready || l.Showing()["ready"] != "live" {
			t.Errorf("%+v, %v", s, l.Showing())
		}
	})
}

func TestWhatIsNoLight(t *testing.T) {
	for spec, want := range map[string]string{"": "expected auto", "gpio:/dev/gpiochip0:1": "expected 2", "gpio:/dev/gpiochip0:1,1": "expected auto"} {
		if _, err := New(Config{Spec: spec, Lights: two}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", spec, err)
		}
	}
}
