package clock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Source is where a wall time comes from.
type Source string

// The sources.
const (
	NTP   Source = "ntp"   // a time server, by whatever program asks it
	RTC   Source = "rtc"   // the board's own clock, with a battery
	Phone Source = "phone" // the operator's, when it was paired
)

// Fix says that at a kit time of this boot it was a wall time, give or take Within.
type Fix struct {
	Source Source
	Kit    time.Duration
	Wall   time.Time
	Within time.Duration
}

// What a source that does not say so itself is taken to be worth.
const (
	withinNTP   = 2 * time.Second // a client that sets the clock by one answer
	withinPhone = 5 * time.Second // its own clock, and the way of its request, which the page gives 5 s
	withinRTC   = 5 * time.Minute // it may have been set long ago
)

// Drift is how far kit time may run off in a time: crystals are good for 50 parts in a million, warm ones for less.
func Drift(d time.Duration) time.Duration { return d.Abs() / 10_000 }

// Between these times a wall clock is believed. No kit is older than this program.
var (
	earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Reading is what the kernel says of the wall clock at one moment.
type Reading struct {
	Wall   time.Time
	Up     time.Duration // CLOCK_BOOTTIME
	Synced bool          // a time server's client keeps it (adjtimex(2): not STA_UNSYNC)
	Error  time.Duration // then: how far it may be off at most
}

// WallConfig says what the wall clock is learned from. Kit is needed; the zero value of the rest is the machine's own.
type WallConfig struct {
	Kit  func() time.Duration
	Read func() (Reading, error)
	Set  func(time.Time) error

	Battery  bool      // the kernel took the time from the board's own clock when it started
	Restored time.Time // what a client sets before it has asked a server: the time when it was last stopped. Zero: none

	Found func(Fix) // told each fix that is worth keeping, one at a time; must not call back. Nil: nobody
}

// Wall learns what time it is. Kit time never depends on it. Safe for concurrent use.
type Wall struct {
	cfg WallConfig

	mu     sync.Mutex
	offset time.Duration // wall clock less uptime, at the last look
	looked bool
	best   Fix // zero: none in this boot
	kept   Fix // the last that Found was told
}

const (
	lookEvery = time.Minute
	// step is how far wall clock and uptime must come apart between two looks to be more than a client's slewing, which is
	// 500 parts in a million at most (adjtimex(2)).
	step = 200 * time.Millisecond
	// keepEvery bounds how far kit time drifts from one kept fix to the next.
	keepEvery = time.Hour
)

// NewWall prepares it. Run looks.
func NewWall(cfg WallConfig) *Wall {
	if cfg.Read == nil {
		cfg.Read = read
	}
	if cfg.Set == nil {
		cfg.Set = set
	}
	if cfg.Found == nil {
		cfg.Found = func(Fix) {}
	}
	return &Wall{cfg: cfg}
}

// Run looks at once, each minute, and whenever somebody sets the clock, until ctx ends; then it returns nil.
func (w *Wall) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	steps := make(chan struct{}, 1) // several are as good as one
	all.Go(func() error { return watchSteps(ctx, steps) })
	all.Go(func() error {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			if err := w.look(); err != nil {
				return err
			}
			select {
			case <-tick.C:
			case <-steps:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return all.Wait()
}

// look reads the clock and keeps what there is to learn from it.
func (w *Wall) look() error {
	r, err := w.cfg.Read()
	if err != nil {
		return fmt.Errorf("clock: read the wall clock: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	offset := r.Wall.Sub(time.Unix(0, 0)) - r.Up
	first, stepped := !w.looked, w.looked && (offset-w.offset).Abs() > step
	w.looked, w.offset = true, offset
	fix := Fix{Kit: w.cfg.Kit(), Wall: r.Wall}
	switch {
	case !believable(r.Wall):
		return nil
	case r.Synced:
		fix.Source, fix.Within = NTP, max(r.Error, time.Millisecond)
	case w.restored(r):
		return nil // that was when it was stopped, not now
	case first && w.cfg.Battery:
		fix.Source, fix.Within = RTC, withinRTC
	case first, stepped:
		fix.Source, fix.Within = NTP, withinNTP
	default:
		return nil // the same clock that ran on
	}
	w.take(fix)
	return nil
}

// restored: it is the time at which a client was stopped last, and at most as much later as this boot has lasted.
func (w *Wall) restored(r Reading) bool {
	if w.cfg.Restored.IsZero() {
		return false
	}
	since := r.Wall.Sub(w.cfg.Restored)
	return since > -time.Second && since < r.Up+time.Second
}

func believable(t time.Time) bool { return t.After(earliest) && t.Before(latest) }

// take keeps a fix if it tells more than what is known: it is the first, a surer one, another time, or an hour younger.
func (w *Wall) take(f Fix) {
	if was := w.best; was.Source != "" {
		was = was.at(f.Kit)
		apart := f.Wall.Sub(was.Wall).Abs()
		if f.Within > was.Within && apart <= f.Within+was.Within {
			return // less sure of the same
		}
		w.best = f
		if w.kept.Source == f.Source && f.Within*2 > w.kept.Within && apart <= f.Within+was.Within && f.Kit-w.kept.Kit < keepEvery {
			return // nothing that would not be known from the kept one
		}
	}
	w.best, w.kept = f, f
	w.cfg.Found(f)
}

// at is the fix carried on to another kit time of the same boot.
func (f Fix) at(kit time.Duration) Fix {
	d := kit - f.Kit
	return Fix{f.Source, kit, f.Wall.Add(d), f.Within + Drift(d)}
}

// Now is the wall time by the best that this boot knows of it; false: nothing. The machine's own clock may say otherwise, if
// this program may not set it.
func (w *Wall) Now() (Fix, bool) {
	kit := w.cfg.Kit()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.best.Source == "" {
		return Fix{}, false
	}
	return w.best.at(kit), true
}

// errNotTaken says why an operator's phone was not asked.
var errNotTaken = errors.New("clock: the phone's time is no better than what is known")

// FromPhone takes the time of the operator's phone, of which the caller must be sure, unless what is known already is as
// good; it then also sets the machine's clock, which certificates and logs go by. The error says why nothing was taken, or
// that the time was taken and the clock could not be set.
func (w *Wall) FromPhone(t time.Time) error {
	if !believable(t) {
		return fmt.Errorf("clock: the phone says it is %s, which cannot be", t.UTC().Format(time.DateTime))
	}
	kit := w.cfg.Kit()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.best.Source != "" && w.best.at(kit).Within <= withinPhone {
		return errNotTaken
	}
	w.take(Fix{Phone, kit, t, withinPhone})
	if err := w.cfg.Set(t); err != nil {
		return fmt.Errorf("clock: set the machine's clock by the phone's: %w", err)
	}
	if r, err := w.cfg.Read(); err == nil { // what was set here is no news at the next look
		w.looked, w.offset = true, r.Wall.Sub(time.Unix(0, 0))-r.Up
	}
	return nil
}
