// Package press is what the operator's buttons and lights are for: a press becomes a signal, the store decides it, and what is
// beyond the store is done. The same presses come from the console and from edgectl. Nothing here is waited for by a tap.
package press

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
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

// request is a press that waits.
type request struct {
	press  pipeline.Press
	refuse string            // it is for nothing, for this reason
	reply  chan<- wire.Press // capacity 1; nil: nobody waits
}

const (
	// maxQueue bounds the presses that wait while the disk is slow. Those beyond it are refused: who presses on and on does not
	// want all of it.
	maxQueue = 8
	// shown is how many presses the console shows.
	shown = 8
	// patience is how long the store may take for one.
	patience = 10 * time.Second
)

// ErrBusy says that too many presses wait. Nothing was done.
var ErrBusy = errors.New("press: the kit is busy with other presses: try again in a moment")

// New makes a desk; Run starts it. The error is for a spec that cannot be, and names the setting: "buttons" or "lights".
func New(c Config) (d *Desk, setting string, err error) {
	d = &Desk{cfg: c, bound: c.Press.Bindings(), queue: make(chan request, maxQueue), slow: make(chan pipeline.PressOutcome, 1), ended: make(chan struct{}), recent: []wire.Press{}}
	buttons := button.Config{Spec: c.Buttons, Tell: d.pressed, Twin: c.Twin, Log: c.Log}
	for _, name := range Buttons {
		has := func(g button.Gesture) bool { _, ok := d.bound[name][string(g)]; return ok }
		buttons.Buttons = append(buttons.Buttons, button.Button{Name: name, Line: c.Named(name),
			Bound: button.Bound{Double: has(button.Double), Long: has(button.Long), Hold: has(button.Hold)}})
	}
	if d.buttons, err = button.New(buttons); err != nil {
		return nil, "buttons", err
	}
	d.lights, err = led.New(led.Config{Spec: c.Lights, Twin: c.Lit, Log: c.Log,
		Lights: []led.Light{{Name: readyLight, Line: c.Named(readyLight)}, {Name: alertLight, Line: c.Named(alertLight)}}})
	if err != nil {
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

// remember brings back what the console showed before a restart.
func (d *Desk) remember(ctx context.Context) {
	ps, err := d.cfg.Book.Presses(ctx, shown)
	if err != nil {
		d.cfg.Log.Warn("earlier presses are not shown", "err", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range ps {
		d.recent = append(d.recent, toWire(p))
	}
}

// pressed takes a press from the buttons' driver, which must not wait.
func (d *Desk) pressed(e button.Event) {
	if e.Reached {
		d.lights.Flash(alertLight, led.Held)
		return
	}
	r := d.request(pipeline.Press{ID: ulid.Make().String(), Button: e.Button, Gesture: string(e.Gesture), Via: pipeline.ViaButton})
	select {
	case d.queue <- r:
	default:
		d.dropped.Add(1)
		d.lights.Flash(alertLight, led.No)
		d.cfg.Log.Warn("a press was not taken: too many wait", "button", e.Button)
	}
}

// request finds out what a press is for.
func (d *Desk) request(p pipeline.Press) request {
	if p.Action == "" {
		p.Action = d.bound[p.Button][p.Gesture]
	}
	r := request{press: p}
	if p.Action == "" {
		r.refuse = d.hint(p.Button, p.Gesture)
	}
	return r
}

// Press takes a press from elsewhere, and answers when it is decided. A repeat of an id gets the first answer. The error is
// ErrBusy, an Unknown, or that of ctx: then it may have been decided.
func (d *Desk) Press(ctx context.Context, in wire.PressRequest, via pipeline.Channel) (wire.Press, error) {
	p := pipeline.Press{ID: in.ID, Button: in.Button, Gesture: in.Gesture, Action: pipeline.Action(in.Action), Via: via}
	switch {
	case !pipeline.ValidTapID(p.ID):
		return wire.Press{}, Unknown("the press's id must be a ULID: 26 characters of 0-9 and A-Z without I, L, O, U")
	case p.Action != "" && (p.Button != "" || !slices.Contains(pipeline.Actions, p.Action)):
		return wire.Press{}, Unknown(fmt.Sprintf("there is no action %.40q: expected one of %q, without a button", in.Action, pipeline.Actions))
	case p.Action == "" && !slices.Contains(Buttons, p.Button):
		return wire.Press{}, Unknown(fmt.Sprintf("there is no button %.40q: expected one of %q", in.Button, Buttons))
	case p.Action == "" && !slices.Contains(gestures, p.Gesture):
		return wire.Press{}, Unknown(fmt.Sprintf("there is no gesture %.40q: expected one of %q", in.Gesture, gestures))
	}
	r, reply := d.request(p), make(chan wire.Press, 1)
	r.reply = reply
	select {
	case d.queue <- r:
	default:
		d.dropped.Add(1)
		return wire.Press{}, ErrBusy
	}
	select {
	case out := <-reply:
		return out, nil
	case <-ctx.Done():
		return wire.Press{}, ctx.Err()
	case <-d.ended:
		return wire.Press{}, ErrBusy
	}
}

// Unknown is a press that cannot be: why, for people.
type Unknown string

func (u Unknown) Error() string { return string(u) }

// serve decides a press and does what it is for.
func (d *Desk) serve(ctx context.Context, r request) {
	begin := time.Now()
	out := pipeline.PressOutcome{Press: r.press, Reason: pipeline.Refused, Details: r.refuse, Wall: begin}
	if r.refuse == "" {
		out.Details = d.cannot(r.press.Action)
	}
	if out.Details == "" {
		var err error
		limited, cancel := context.WithTimeout(ctx, patience)
		out, err = d.cfg.Book.Press(limited, r.press)
		cancel()
		if err != nil {
			d.cfg.Log.Warn("press not recorded", "button", r.press.Button, "action", string(r.press.Action), "err", err)
			out = pipeline.PressOutcome{Press: r.press, Reason: pipeline.Unavailable, Wall: begin,
				Details: "The kit could not record that, and did nothing. Look at the console; press again."}
		}
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

// answer tells what became of a press: by the light, in the console, and to who waits.
func (d *Desk) answer(out pipeline.PressOutcome, reply chan<- wire.Press) {
	w := toWire(out)
	d.Tell(out.OK())
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

// Recent are the latest presses and what became of them, newest first.
func (d *Desk) Recent() []wire.Press {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.recent)
}

// Help tells whether help is called.
func (d *Desk) Help() bool { return d.cfg.Book.Help() }

// Dropped counts presses that were not taken, since too many waited.
func (d *Desk) Dropped() int64 { return d.dropped.Load() }

// Devices are the buttons and lights for the console: those there are, or that were asked for by name.
func (d *Desk) Devices() (list []drivers.Status) {
	for _, w := range []*drivers.Watch{d.buttons.Watch(), d.lights.Watch()} {
		if s, _ := w.Get(); s.State != drivers.Absent && s.State != drivers.Opening {
			list = append(list, s)
		}
	}
	return list
}

func toWire(p pipeline.PressOutcome) wire.Press {
	w := wire.Press{ID: p.ID, Button: p.Button, Gesture: p.Gesture, Action: string(p.Action), Via: string(p.Via), OK: p.OK(), Detail: p.Details, Offer: p.Offer, At: p.Wall.UTC()}
	if p.Ticket > 0 {
		w.Ticket = pipeline.TicketNumber(p.Ticket)
	}
	return w
}
