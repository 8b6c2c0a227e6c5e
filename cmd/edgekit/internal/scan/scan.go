// Package scan is what the counter's scanner is for: a slip's code is held against the ticket, and the console shows which it is, and whether
// something is to be handed over for it. A photograph of the slip does as well, and so does the slip before the kit's camera. Nothing is changed by that: that is for who stands there to
// say. The code of a guest's ticket at the door of a ticketed event lets them in, once: nobody stands there and presses buttons too.
package scan

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sync/errgroup"

	"edgekit.internal/capture/vision"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/scanner"
	"edgekit.internal/pipeline"
)

// Book is where tickets are.
type Book interface {
	Ticket(ctx context.Context, number string) (pipeline.Ticket, bool, error)
	// Listed tells whether a code is that of a guest's ticket, and Door lets them in.
	Listed(ctx context.Context, code string) bool
	Door(ctx context.Context, a pipeline.DoorAct) (pipeline.DoorOutcome, error)
}

// Config says which scanner there is, and who is told.
type Config struct {
	Scanner settings.Scanner
	Book    Book
	Told    func(ok bool)        // told each scan; must not block
	Now     func() time.Duration // kit time
	// Kept gives what Keep was last given of a scanner, over restarts: the layout that was learned of it. nil: nothing is kept.
	Kept func(id string) string
	Keep func(id, layout string) error
	Twin *scanner.Twin // of a virtual scanner; nil: it is never plugged in
	Log  *slog.Logger
}

// Counter reads the scanner. Its methods are safe for concurrent use.
type Counter struct {
	cfg     Config
	scanner *scanner.Scanner

	mu     sync.Mutex
	recent []wire.Scan // newest first

	photo sync.Mutex
	eye   vision.Reader // photo's
}

const (
	// shown is how many scans the console shows.
	shown = 5
	// Lesson is for how long the scanner's sheet is expected.
	Lesson = 10 * time.Minute
	// patience is how long a look at a ticket may take.
	patience = 2 * time.Second
)

// New makes a counter; Run starts it. The error is for a scanner that cannot be.
func New(c Config) (*Counter, error) {
	k := &Counter{cfg: c, recent: []wire.Scan{}}
	var err error
	k.scanner, err = scanner.New(scanner.Config{Device: c.Scanner.Device, Layout: c.Scanner.Layout, Known: k.known, Kept: c.Kept, Keep: c.Keep, Twin: c.Twin, Log: c.Log})
	return k, err
}

// Run reads the scanner until ctx ends.
func (k *Counter) Run(ctx context.Context) error {
	all, ctx := errgroup.WithContext(ctx)
	all.Go(func() error { return k.scanner.Run(ctx) })
	all.Go(func() error {
		for {
			select {
			case s := <-k.scanner.Scans():
				k.scanned(ctx, s)
			case <-ctx.Done():
				return nil
			}
		}
	})
	return all.Wait()
}

// Teach expects the scanner's sheet for a while, and from whoever scans it learns that scanner's layout. reason is why that is no use, for
// people; "": it is.
func (k *Counter) Teach() (reason string) {
	switch is := k.cfg.Scanner; {
	case is.Device == "none":
		return "There is to be no scanner: device in [scanner] of the settings is none."
	case is.Layout != "auto":
		return fmt.Sprintf("The scanner is set to the layout %s, which holds: put layout = \"auto\" below [scanner] in the settings, and start the kit again.", is.Layout)
	}
	k.scanner.Teach(Lesson)
	return ""
}

// learned says what came of the sheet.
func learned(l scanner.Lesson) (detail string) {
	switch l.Layout {
	case "":
		detail = "This scanner sends characters, not keys: there is nothing to learn."
	case scanner.Own:
		detail = "Learned: the kit knows this scanner's keys from now on, after a restart too."
	default:
		detail = fmt.Sprintf("Learned: this scanner is set to the layout %s, which the kit knows.", l.Layout)
	}
	if l.Lacks != "" {
		detail += fmt.Sprintf(" It does not type %s, or not so that they can be told apart: codes are read without them.", strings.Join(strings.Split(l.Lacks, ""), " "))
	}
	return detail
}

// known tells whether a text is the code of one of the kit's tickets.
func (k *Counter) known(text string) bool {
	_, ok, err := k.ticket(context.Background(), text)
	return ok && err == nil
}

// ticket finds the ticket that a code is of; ok is false where there is none, or the code was made up.
func (k *Counter) ticket(ctx context.Context, text string) (t pipeline.Ticket, ok bool, err error) {
	number, tap, ok := slip.ParseCode(text)
	if !ok {
		return t, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	t, ok, err = k.cfg.Book.Ticket(ctx, number)
	return t, ok && t.Tap == tap, err
}

func (k *Counter) scanned(ctx context.Context, s scanner.Scan) {
	w := wire.Scan{At: s.At.UTC(), Text: s.Text}
	switch {
	case s.Lesson != nil && s.Lesson.Reason != "":
		w.Lesson, w.Detail = wire.LessonRefused, s.Lesson.Reason
	case s.Lesson != nil:
		w.OK, w.Lesson, w.Detail, w.Text = true, wire.Learned, learned(*s.Lesson), ""
	default:
		k.look(ctx, &w)
	}
	k.add(w)
}

// Seen takes a code that the camera saw, as one that was scanned.
func (k *Counter) Seen(ctx context.Context, code string) wire.Scan {
	w := wire.Scan{At: time.Now().UTC(), Text: code}
	k.look(ctx, &w)
	k.add(w)
	return w
}

// look holds a code against its ticket.
func (k *Counter) look(ctx context.Context, w *wire.Scan) {
	t, ok, err := k.ticket(ctx, w.Text)
	_, _, ours := slip.ParseCode(w.Text)
	switch {
	case err != nil:
		k.cfg.Log.Warn("ticket not looked up", "err", err)
		w.Detail = "The kit cannot look that ticket up right now. Scan it again."
	case ok:
		w.Ticket, w.Title, w.Print, w.State = t.Number, t.What(), t.Print.String(), t.State()
		m := wire.FromMoney(t.Total)
		w.Total = &m
		w.Detail = t.Closed(k.cfg.Now())
		if w.OK = w.Detail == ""; w.OK {
			w.Detail = fmt.Sprintf("%s: %s, %s.", t.Number, t.What(), owed(t))
		}
	case ours:
		w.Detail = "This kit has sold no ticket with that code: another kit's, or made up. Hand nothing over for it."
	case k.cfg.Book.Listed(ctx, w.Text):
		k.comesIn(ctx, w)
	default:
		w.Detail = "That is no ticket's code."
	}
}

// comesIn lets in who has a guest's ticket, unless somebody came in by it. Its code is not shown: it is as good as the ticket.
func (k *Counter) comesIn(ctx context.Context, w *wire.Scan) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := k.cfg.Book.Door(ctx, pipeline.DoorAct{ID: ulid.Make().String(), Do: pipeline.CheckIn, Code: w.Text, Via: pipeline.ViaConsole})
	w.Door, w.Text, w.OK, w.Detail = true, "", out.OK(), out.Details
	if err != nil {
		k.cfg.Log.Warn("guest not let in", "err", err)
		w.Detail = "The kit cannot record that right now. Scan it again."
	}
}

// owed is what is to be paid for a ticket, for people.
func owed(t pipeline.Ticket) string {
	minor := t.Owed()
	if minor <= 0 {
		return "paid"
	}
	return pipeline.Money{Minor: minor, Currency: t.Total.Currency}.String() + " to pay"
}

// add keeps a scan for the console, and tells of it.
func (k *Counter) add(w wire.Scan) {
	k.cfg.Told(w.OK)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recent = slices.Insert(k.recent, 0, w)
	k.recent = k.recent[:min(len(k.recent), shown)]
}

// ForgetGuests has the console show no guest's scan any more.
func (k *Counter) ForgetGuests() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.recent = slices.DeleteFunc(k.recent, func(w wire.Scan) bool { return w.Door })
}

// Recent are the latest scans, newest first.
func (k *Counter) Recent() []wire.Scan {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]wire.Scan{}, k.recent...)
}

// Devices are the scanner for the console, if there is one.
func (k *Counter) Devices() []drivers.Status {
	s, _ := k.scanner.Watch().Get()
	named := k.cfg.Scanner.Device != "auto" && k.cfg.Scanner.Device != "none" && k.cfg.Scanner.Device != "virtual"
	if s.State == drivers.Absent && (!named || s.Reason == "") {
		return nil
	}
	if n := k.scanner.Torn(); n > 0 && s.State == drivers.Ready {
		s.Reason = fmt.Sprintf("%d codes did not come whole. If that goes on, have the scanner send Enter behind each code: its manual has a code to scan for that.", n)
	}
	return []drivers.Status{s}
}
