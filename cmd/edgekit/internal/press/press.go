// Package press is what the operator's buttons and lights are for: a press becomes a signal, the store decides it, and what is
// beyond the store is done. The same presses come from the console and from edgectl. Nothing here is waited for by a tap.
package press

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/button"
	"edgekit.internal/drivers/led"
	"edgekit.internal/pipeline"
)

// Book is where presses are decided.
type Book interface {
	Press(ctx context.Context, p pipeline.Press) (pipeline.PressOutcome, error)
	Presses(ctx context.Context, n int) ([]pipeline.PressOutcome, error)
	Help() bool
}

// Config says what there is, and what a press can do.
type Config struct {
	Buttons string // as button.Config's Spec
	Lights  string // as led.Config's
	Press   settings.Press
	Book    Book
	// Cannot is why an action cannot be done now, as far as that is known beforehand; "": it can. It must not block.
	Cannot func(pipeline.Action) string
	// Do does what is beyond the store, once for each press that was confirmed. Only that of a set-up slip may take its time.
	Do func(ctx context.Context, out pipeline.PressOutcome) error
	// Shows is what the lights show when nobody is called and nothing is pressed. It must not block.
	Shows func() (ready, alert led.Pattern)
	Twin  *button.Twin                    // of virtual buttons; nil: nobody presses them
	Lit   func(light string, on bool)     // told by virtual lights; nil: nobody
	Named func(role string) (line string) // the line that the pin table has for a button or light
	Log   *slog.Logger
}

// Desk takes presses, one after the other. Its methods are safe for concurrent use.
type Desk struct {
	cfg     Config
	bound   map[string]map[string]pipeline.Action
	buttons *button.Buttons
	lights  *led.Lights
	queue   chan request
	slow    chan pipeline.PressOutcome // at most one waits
	ended   chan struct{}              // closed when Run has
	dropped atomic.Int64

	mu     sync.Mutex
	recent []wire.Press // newest first
}

const (
	// maxQueue bounds the presses that wait while the disk is slow. Those beyond it are refused: who presses on and on does not
	// want all of it.
	maxQueue = 8
	// shown is how many presses the console shows.
	shown = 8
	// patience is how long the store may take for one until that is said.
	patience = 10 * time.Second
)

// New makes a desk; Run starts it. The error is for a spec that cannot be, and names the setting: "buttons" or "lights".
func New(c Config) (d *Desk, setting string, err error) {
	d = &Desk{cfg: c, bound: c.Press.Bindings(), queue: make(chan request, maxQueue), slow: make(chan pipeline.PressOutcome, 1), ended: make(chan struct{}), recent: []wire.Press{}}
	buttons := button.Config{Spec: c.Buttons, Tell: d.pressed, Twin: c.Twin, Log: c.Log}
	for _, name := range Buttons {
		has := func(g button.Gesture) bool { _, ok := d.bound[name][string(g)]; return ok }
		buttons.Buttons = append(buttons.Buttons, button.Button{Name: name, Line: c.Named(name),
			Bound: button.Bound{Double: has(button.Double), Long: has(button.Long), Hold: has(button.Hold), Repeat: has(button.Repeat)}})
	}
	if d.buttons, err = button.New(buttons); err != nil {
		return nil, "buttons", err
	}
	lights := led.Config{Spec: c.Lights, Twin: c.Lit, Log: c.Log}
	for _, name := range Lights {
		lights.Lights = append(lights.Lights, led.Light{Name: name, Line: c.Named(name)})
	}
	if d.lights, err = led.New(lights); err != nil {
		return nil, "lights", err
	}
	return d, "", nil
}

// Run takes presses and shows lights until ctx ends.
func (d *Desk) Run(ctx context.Context) error {
	defer close(d.ended)
	d.remember(ctx)
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return d.buttons.Run(ctx) })
	all.Go(func() error { return d.lights.Run(ctx) })
	all.Go(func() error { d.show(ctx); return nil })
	all.Go(func() error { d.doSlow(ctx); return nil })
	all.Go(func() error {
		for {
			select {
			case r := <-d.queue:
				d.serve(ctx, r)
			case <-ctx.Done():
				return nil
			}
		}
	})
	return all.Wait()
}

// serve decides a press and does what it is for.
func (d *Desk) serve(ctx context.Context, r request) {
	begin := time.Now()
	out := pipeline.PressOutcome{Press: r.press, Reason: pipeline.Refused, Details: r.refuse, Wall: begin}
	if r.refuse == "" {
		out.Details = d.cannot(r.press.Action)
	}
	if out.Details == "" {
		out = d.decide(ctx, &r)
	}
	if out.OK() && !out.Repeat {
		out = d.do(ctx, out)
	}
	d.answer(out, r.reply)
	if out.OK() {
		d.cfg.Log.Info("pressed", "button", out.Button, "gesture", out.Gesture, "action", string(out.Action), "via", string(out.Via), "took", time.Since(begin), "says", out.Details)
	} else {
		d.cfg.Log.Warn("pressed, and not done", "button", out.Button, "gesture", out.Gesture, "action", string(out.Action), "via", string(out.Via), "says", out.Details)
	}
}

// decide asks the book. Who waits for a disk that hangs is told so, and what was decided after all is done all the same.
func (d *Desk) decide(ctx context.Context, r *request) pipeline.PressOutcome {
	undecided := pipeline.PressOutcome{Press: r.press, Reason: pipeline.Unavailable, Wall: time.Now()}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := d.cfg.Book.Press(limited, r.press)
	if errors.Is(err, context.DeadlineExceeded) {
		undecided.Details = "The kit takes longer than it should. It is done as soon as that can be recorded; do not press again."
		d.answer(undecided, r.reply)
		r.reply = nil
		out, err = d.cfg.Book.Press(ctx, r.press) // the same press, which may be in already
		out.Repeat = false
	}
	if err == nil {
		return out
	}
	d.cfg.Log.Warn("press not recorded", "button", r.press.Button, "action", string(r.press.Action), "err", err)
	undecided.Details = "The kit could not record that, and did nothing. Look at the console; press again."
	if ctx.Err() != nil {
		undecided.Details = "The kit is stopping. Look whether it was done."
	}
	return undecided
}

func (d *Desk) cannot(a pipeline.Action) string {
	if a == pipeline.NewSetupSlip && len(d.slow) > 0 {
		return "A set-up slip is being made already."
	}
	return d.cfg.Cannot(a)
}

// do does what is beyond the store.
func (d *Desk) do(ctx context.Context, out pipeline.PressOutcome) pipeline.PressOutcome {
	if out.Action == pipeline.NewSetupSlip {
		select {
		case d.slow <- out:
			out.Details = "A set-up slip with a new pairing code is being made."
		default: // cannot has seen a place, and there is one goroutine that fills it
		}
		return out
	}
	if err := d.cfg.Do(ctx, out); err != nil {
		out.Reason, out.Details = pipeline.Refused, err.Error()
	}
	return out
}

// doSlow does what takes its time.
func (d *Desk) doSlow(ctx context.Context) {
	for {
		select {
		case out := <-d.slow:
			if err := d.cfg.Do(ctx, out); err != nil && ctx.Err() == nil {
				out.Reason, out.Details = pipeline.Refused, err.Error()
				d.cfg.Log.Warn("pressed, and not done", "action", string(out.Action), "says", out.Details)
				d.answer(out, nil)
			}
		case <-ctx.Done():
			return
		}
	}
}

// answer tells what became of a press: by the light, in the console, and to who waits. The light says nothing of a repeat that was in vain.
func (d *Desk) answer(out pipeline.PressOutcome, reply chan<- wire.Press) {
	w := toWire(out)
	if out.OK() || out.Gesture != string(button.Repeat) { // what came too early comes again in a moment
		d.Tell(out.OK())
	}
	d.mu.Lock()
	d.recent = slices.DeleteFunc(d.recent, func(p wire.Press) bool { return p.ID == w.ID })
	d.recent = slices.Insert(d.recent, 0, w)
	d.recent = d.recent[:min(len(d.recent), shown)]
	d.mu.Unlock()
	d.look()
	if reply != nil {
		reply <- w
	}
}

// Devices are the buttons and lights for the console: those there are, or that were asked for by name.
func (d *Desk) Devices() (list []drivers.Status) {
	for _, w := range []*drivers.Watch{d.buttons.Watch(), d.lights.Watch()} {
		if s, _ := w.Get(); s.State != drivers.Absent && s.State != drivers.Opening {
			list = append(list, s)
		}
	}
	return list
}
