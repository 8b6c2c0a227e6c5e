// Package led shows states by lights that are wired to the board's pins. Nothing waits for a light, and nothing depends on one:
// where there is none, or it fails, that is told, and all else goes on.
package led

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/gpio"
)

// Light is one of the lights.
type Light struct {
	Name string // for who shows something: "ready"
	Line string // its line's name as the kernel has it, for Config.Spec auto: "GPIO16"
}

// Config says which lights there are.
type Config struct {
	Spec   string // auto, gpio:CHIP:OFFSET,… (in the order of Lights), virtual or none
	Lights []Light
	// Twin is told each change of a virtual light, from Run's goroutine; nil: nobody.
	Twin func(light string, on bool)
	Log  *slog.Logger
}

// Lights are the lights of one kit. Safe for concurrent use. They can be told what to show at any time, also before Run, and
// while there are none.
type Lights struct {
	config Config
	open   func() ([]output, error)
	timing timing
	watch  drivers.Watch
	start  time.Time
	wake   chan struct{}

	mu    sync.Mutex
	shown []shown
}

type timing struct{ scan, retry, most time.Duration }

var usual = timing{scan: 10 * time.Second, retry: time.Second, most: 30 * time.Second}

// New makes the lights; Run drives them. The error is for a Spec that cannot be.
func New(c Config) (*Lights, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	l := &Lights{config: c, timing: usual, start: time.Now(), wake: make(chan struct{}, 1), shown: make([]shown, len(c.Lights))}
	for i := range l.shown {
		l.shown[i].base = Off
	}
	switch chip, offsets, isGPIO := gpio.Parse(c.Spec); {
	case isGPIO && len(offsets) != len(c.Lights):
		return nil, fmt.Errorf("led: lights %q: %d lines, expected %d: one for each light", c.Spec, len(offsets), len(c.Lights))
	case isGPIO:
		l.open = func() ([]output, error) { return drive(chip, offsets) }
	case c.Spec == "auto":
		l.open = l.find
	case c.Spec == "virtual":
		l.open = l.twins
	case c.Spec == "none":
		l.open = func() ([]output, error) { return nil, gpio.ErrNone }
	default:
		return nil, fmt.Errorf("led: lights %q: expected auto, virtual, none or gpio:CHIP:OFFSET,…, such as gpio:/dev/gpiochip0:16,20", c.Spec)
	}
	l.tell(drivers.Absent, "The lights are being looked for.", time.Time{})
	return l, nil
}

// Watch is where the lights' state is told.
func (l *Lights) Watch() *drivers.Watch { return &l.watch }

// Show has a light show a pattern from now on. One that it shows already goes on in its rhythm. It never blocks.
func (l *Lights) Show(light string, p Pattern) { l.change(light, (*shown).show, p) }

// Flash has a light show a pattern once, in place of what it shows. It never blocks.
func (l *Lights) Flash(light string, p Pattern) { l.change(light, (*shown).flash, p) }

func (l *Lights) change(light string, how func(*shown, Pattern, time.Duration), p Pattern) {
	i := slices.IndexFunc(l.config.Lights, func(c Light) bool { return c.Name == light })
	if i < 0 {
		return // a kit with fewer lights
	}
	l.mu.Lock()
	how(&l.shown[i], p, time.Since(l.start))
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Showing is what each light shows, by its name.
func (l *Lights) Showing() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[string]string{}
	for i, c := range l.config.Lights {
		all[c.Name] = l.shown[i].base.Name
	}
	return all
}

// Run drives the lights, and opens them anew when they failed, until ctx ends, which returns nil. Then they are dark. To be
// called once.
func (l *Lights) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		err := l.session(ctx, &failures)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, gpio.ErrNone):
			failures = 0
			l.tell(drivers.Absent, "This machine has no pins for lights. What they say is in the console too.", time.Time{})
			drivers.Pause(ctx, l.timing.scan)
		default:
			wait := min(l.timing.retry<<min(failures, 16), l.timing.most)
			failures++
			l.config.Log.Warn("lights failed", "err", err, "retry", wait)
			why := fmt.Sprintf("The lights stay as they are (%v). What they say is in the console too.", err)
			if errors.Is(err, unix.EBUSY) {
				why = "The lights stay dark: another program, or the board's own settings, have taken their pins. What they say is in the console too."
			}
			l.tell(drivers.Failed, why, time.Now().Add(wait))
			drivers.Pause(ctx, wait)
		}
	}
	return nil
}

func (l *Lights) session(ctx context.Context, failures *int) (err error) {
	l.tell(drivers.Opening, "", time.Time{})
	out, err := l.open()
	if err != nil {
		return err
	}
	defer func() {
		for _, o := range out {
			o.Set(false) // an error is the one that ended the session, or one that nobody can mend now
		}
		err = errors.Join(err, closeAll(out))
	}()
	l.tell(drivers.Ready, "", time.Time{})
	*failures = 0
	now := make([]int, len(out)) // 1: dark, 2: lit; 0: not set yet
	for {
		next, err := l.set(out, now)
		if err != nil {
			return err
		}
		again := time.NewTimer(next)
		select {
		case <-l.wake:
		case <-again.C:
		case <-ctx.Done():
		}
		again.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// rest is how long nothing is looked at when no light changes by itself.
const rest = time.Hour

// set brings the lights to what they are to be now, and says after how long they are to be looked at again.
func (l *Lights) set(out []output, now []int) (next time.Duration, err error) {
	next = rest
	for i, o := range out {
		l.mu.Lock()
		on, after := l.shown[i].at(time.Since(l.start))
		l.mu.Unlock()
		if after > 0 {
			next = min(next, after)
		}
		want := 1
		if on {
			want = 2
		}
		if now[i] == want {
			continue
		}
		if err := o.Set(on); err != nil {
			return 0, err
		}
		now[i] = want
	}
	return next, nil
}

func (l *Lights) tell(s drivers.State, reason string, retry time.Time) {
	l.watch.Set(drivers.Status{Device: "lights", Name: l.config.Spec, State: s, Reason: reason, Retry: retry})
}
