// Package button makes presses of push buttons that are wired to the board's pins: short, double, long, held, repeated. Contacts
// chatter, wires catch noise, rain makes contact where no finger is; what comes out is what a person meant, or nothing.
package button

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/gpio"
)

// Button is one of the buttons.
type Button struct {
	Name  string // for events, and for people: "start-drop"
	Line  string // its line's name as the kernel has it, for Config.Spec auto: "GPIO5"
	Bound Bound
}

// Event is a press, or that one is on its way.
type Event struct {
	Button  string
	Gesture Gesture
	Reached bool          // not yet: it is held long enough for Gesture, and acts when it is let go
	Held    time.Duration // how long; 0: of a short one it was not kept
	At      time.Duration // when it was known, on the lines' clock
}

// Config says which buttons there are.
type Config struct {
	// Spec is auto (lines of the buttons' names, on whichever chip has them), gpio:CHIP:OFFSET,… (lines of one chip, in the
	// order of Buttons; offsets are its own numbers), virtual or none.
	Spec    string
	Buttons []Button    // 1 to 16
	Tell    func(Event) // from Run's goroutine; must not block
	Twin    *Twin       // for virtual; nil: one that nobody presses
	Log     *slog.Logger
}

// Buttons are the buttons of one kit. Safe for concurrent use.
type Buttons struct {
	config Config
	open   func() (lines, string, error)
	timing timing
	watch  drivers.Watch
}

type timing struct {
	scan  time.Duration // between looks for lines that are not there
	retry time.Duration // after a failure; twice as long after each more
	most  time.Duration
	calm  time.Duration // between reads of lines that make noise, so that they cost next to nothing
}

var usual = timing{scan: 10 * time.Second, retry: time.Second, most: 30 * time.Second, calm: 50 * time.Millisecond}

// lines are what edges come from: gpio.Inputs, or the twin.
type lines interface {
	Read(wait time.Duration) ([]gpio.Edge, error)
	Levels() (uint64, error)
	Close() error
	now() time.Duration
}

// New makes the buttons; Run starts them. The error is for a Spec or a Bound that cannot be.
func New(c Config) (*Buttons, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if n := len(c.Buttons); n < 1 || n > 16 {
		return nil, fmt.Errorf("button: %d buttons: expected 1 to 16", n)
	}
	for _, b := range c.Buttons {
		if b.Bound.Repeat && (b.Bound.Long || b.Bound.Hold) {
			return nil, fmt.Errorf("button: %s: one that repeats while it is held cannot mean something else by that", b.Name)
		}
	}
	b := &Buttons{config: c, timing: usual}
	var err error
	if b.open, err = b.parse(c.Spec); err != nil {
		return nil, err
	}
	b.show(drivers.Absent, "The buttons are being looked for.", time.Time{})
	return b, nil
}

// Watch is where the buttons' state is told.
func (b *Buttons) Watch() *drivers.Watch { return &b.watch }

func (b *Buttons) show(s drivers.State, reason string, retry time.Time) {
	b.watch.Set(drivers.Status{Device: "buttons", Name: b.config.Spec, State: s, Reason: reason, Retry: retry})
}

// Run watches the buttons, and opens them anew when they failed, until ctx ends, which returns nil. To be called once.
func (b *Buttons) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		err := b.session(ctx, &failures)
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, gpio.ErrNone):
			failures = 0
			b.show(drivers.Absent, "This machine has no pins for buttons. All that they do is in the console too.", time.Time{})
			drivers.Pause(ctx, b.timing.scan)
		default:
			wait := min(b.timing.retry<<min(failures, 16), b.timing.most)
			failures++
			b.config.Log.Warn("buttons failed", "err", err, "retry", wait)
			b.show(drivers.Failed, words(err), time.Now().Add(wait))
			drivers.Pause(ctx, wait)
		}
	}
	return nil
}

func words(err error) string {
	if errors.Is(err, unix.EBUSY) {
		return "The buttons do nothing: another program, or the board's own settings, have taken their pins. All that they do is in the console too."
	}
	return fmt.Sprintf("The buttons do nothing (%v). All that they do is in the console too.", err)
}

// session opens the lines and watches them until they fail.
func (b *Buttons) session(ctx context.Context, failures *int) error {
	b.show(drivers.Opening, "", time.Time{})
	in, name, err := b.open()
	if err != nil {
		return err
	}
	defer in.Close() // it is read only: there is nothing to lose
	defer context.AfterFunc(ctx, func() { in.Close() })()
	levels, err := in.Levels()
	if err != nil {
		return err
	}
	ms := make([]*machine, len(b.config.Buttons))
	for i, c := range b.config.Buttons {
		ms[i] = &machine{bound: c.Bound}
		ms[i].start(in.now(), levels>>i&1 != 0)
	}
	b.config.Log.Info("buttons are watched", "lines", name)
	*failures = 0
	for {
		b.tell(ms)
		edges, err := in.Read(b.wait(ms, in.now()))
		if err != nil {
			return err
		}
		for _, e := range edges {
			ms[e.Line].edge(e.At, e.Active, e.Lost)
		}
		if len(edges) == 0 { // only when all edges there were are taken does our own clock count
			err = look(in, ms)
		}
		if err != nil {
			return err
		}
		if slices.ContainsFunc(ms, func(m *machine) bool { return m.trouble == noisy }) {
			drivers.Pause(ctx, b.timing.calm)
		}
	}
}

// rest is how long nothing is looked at when nothing is due.
const rest = time.Minute

// wait is how long it is until something is due.
func (b *Buttons) wait(ms []*machine, now time.Duration) time.Duration {
	next := now + rest
	for _, m := range ms {
		if at, ok := m.due(); ok {
			next = min(next, at)
		}
	}
	return max(0, next-now)
}

// look brings the time to the machines, and the levels to those that do not have them: where the kernel's buffer was full, or a
// controller has made one interrupt of two edges, the last level is what is sure.
func look(in lines, ms []*machine) error {
	now := in.now()
	levels, err := in.Levels()
	if err != nil {
		return err
	}
	for i, m := range ms {
		if level := levels>>i&1 != 0; level != m.level {
			m.edge(now, level, true)
		}
		m.advance(now)
	}
	return nil
}

// tell brings what the machines found out to who wants to know.
func (b *Buttons) tell(ms []*machine) {
	var stuckOnes, noisyOnes []string
	for i, m := range ms {
		name := b.config.Buttons[i].Name
		for _, t := range m.take() {
			b.config.Tell(Event{Button: name, Gesture: t.gesture, Reached: t.reached, Held: t.held, At: t.at})
		}
		switch m.trouble {
		case stuck:
			stuckOnes = append(stuckOnes, name)
		case noisy:
			noisyOnes = append(noisyOnes, name)
		}
	}
	var reasons []string
	if len(stuckOnes) > 0 {
		reasons = append(reasons, fmt.Sprintf("Pressed all the time: %s. It does nothing until it comes up: look for what leans on it, for water, or pull its wire off.", strings.Join(stuckOnes, ", ")))
	}
	if len(noisyOnes) > 0 {
		reasons = append(reasons, fmt.Sprintf("Noise on the wire of: %s. It does nothing meanwhile: look for a loose wire, or one beside a power cable.", strings.Join(noisyOnes, ", ")))
	}
	state := drivers.Ready
	if reasons != nil {
		state = drivers.Failed
	}
	if was, _ := b.watch.Get(); reasons != nil && was.State != drivers.Failed {
		b.config.Log.Warn("buttons", "trouble", strings.Join(reasons, " "))
	}
	b.show(state, strings.Join(reasons, " "), time.Time{})
}
