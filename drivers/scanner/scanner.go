// Package scanner reads codes: from scanners that say they are keyboards, through evdev, and from serial ones. A keyboard is
// taken for a scanner only by its name or maker, or because it is set so: nobody's keyboard is swallowed. One that is taken is
// grabbed, so that nothing else gets its keys.
package scanner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"edgekit.internal/drivers"
)

// Scan is a code that was read.
type Scan struct {
	Text   string    // 1 to 512 characters, all of which print, but for GS (0x1d) in GS1 codes
	Layout string    // by which it was read: one of Layouts or Own; "": a serial scanner's
	At     time.Time // when it was whole
	Lesson *Lesson   // it was the sheet, or should have been
}

// Config says which scanner there is.
type Config struct {
	// Device is auto (a keyboard whose name or maker is a scanner's), VENDOR:PRODUCT in hex, as lsusb shows them, serial:PATH or
	// serial:PATH@BAUD, virtual or none.
	Device string
	Layout string // one of Layouts, or auto: the one in which a code is known, or that was learned
	// Known tells whether a text is one that is expected. It finds out the layout; nil: none is.
	Known func(text string) bool
	// Kept gives what Keep was last given of a keyboard, VENDOR:PRODUCT, at a start or before; "": nothing. Keep keeps it, over restarts.
	// It is the layout that was learned of it. nil: nothing is kept.
	Kept func(id string) string
	Keep func(id, layout string) error
	Twin *Twin // for virtual
	Log  *slog.Logger
}

// queue bounds the codes that wait. When it is full the oldest goes: who scans looks at the last one.
const queue = 16

// Scanner is a scanner that may come and go. Safe for concurrent use.
type Scanner struct {
	config  Config
	find    func() (*port, error)
	timing  timing
	watch   drivers.Watch
	scans   chan Scan
	id      string                    // of the keyboard that is read; Run's
	layout  layout                    // by which codes are read; Run's
	own     layout                    // that was learned; its zero value: none. Run's
	taught  atomic.Pointer[time.Time] // until when a sheet is expected; nil: none is
	dropped atomic.Int64
	torn    atomic.Int64
	name    string // Run's
}

type timing struct{ scan, retry, most time.Duration }

var usual = timing{scan: 2 * time.Second, retry: time.Second, most: 30 * time.Second}

// port is an open scanner.
type port struct {
	name  string
	id    string                                           // VENDOR:PRODUCT; "": no keyboard
	read  func(ctx context.Context, tell func(Scan)) error // until the scanner is gone
	close func() error
}

// absent is the words for a scanner that is not there.
type absent string

func (a absent) Error() string { return string(a) }

// New makes a scanner; Run reads it. The error is for a Device or Layout that cannot be.
func New(c Config) (*Scanner, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Known == nil {
		c.Known = func(string) bool { return false }
	}
	if c.Kept == nil {
		c.Kept, c.Keep = func(string) string { return "" }, func(string, string) error { return nil }
	}
	s := &Scanner{config: c, timing: usual, scans: make(chan Scan, queue), name: c.Device, layout: layouts[0]}
	if i := slices.Index(Layouts(), c.Layout); i >= 0 {
		s.layout = layouts[i]
	} else if c.Layout != "auto" {
		return nil, fmt.Errorf("scanner: layout %q: expected auto or one of %v", c.Layout, Layouts())
	}
	var err error
	if s.find, err = s.parse(c.Device); err != nil {
		return nil, err
	}
	s.show(drivers.Absent, "", time.Time{})
	return s, nil
}

// Watch is where the scanner's state is told.
func (s *Scanner) Watch() *drivers.Watch { return &s.watch }

// Scans are the codes, in the order in which they were read.
func (s *Scanner) Scans() <-chan Scan { return s.scans }

// Dropped counts codes that nobody took, and Torn those that did not come whole.
func (s *Scanner) Dropped() int64 { return s.dropped.Load() }

// Torn counts codes of which keys were lost, that were too long, or whose scanner does not send Enter behind them.
func (s *Scanner) Torn() int64 { return s.torn.Load() }

// Run finds the scanner, reads it, and finds it again when it was gone, until ctx ends, which returns nil. To be called once.
func (s *Scanner) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		err := s.session(ctx, &failures)
		var gone absent
		switch {
		case ctx.Err() != nil:
		case errors.As(err, &gone):
			failures, s.name = 0, s.config.Device
			s.show(drivers.Absent, string(gone), time.Time{})
			drivers.Pause(ctx, s.timing.scan)
		default:
			wait := min(s.timing.retry<<min(failures, 16), s.timing.most)
			failures++
			s.config.Log.Warn("scanner failed", "scanner", s.name, "err", err, "retry", wait)
			s.show(drivers.Failed, fmt.Sprintf("The scanner cannot be read (%v). Pull its plug out and put it in again.", err), time.Now().Add(wait))
			drivers.Pause(ctx, wait)
		}
	}
	return nil
}

func (s *Scanner) session(ctx context.Context, failures *int) error {
	p, err := s.find()
	if err != nil {
		return err
	}
	defer p.close() // it is only read
	defer context.AfterFunc(ctx, func() { p.close() })()
	if s.name != p.name {
		s.name = p.name
		s.config.Log.Info("scanner found", "scanner", p.name)
	}
	*failures = 0
	s.begin(p.id)
	s.show(drivers.Ready, s.knows(), time.Time{})
	return p.read(ctx, s.tell)
}

// Teach expects the sheet for a while: until then, or until it was learned from, what is scanned and not known is taken for it. Where a
// layout is set nothing is learned.
func (s *Scanner) Teach(during time.Duration) {
	until := time.Now().Add(during)
	s.taught.Store(&until)
}

// Learning tells whether a sheet is expected.
func (s *Scanner) Learning() bool {
	until := s.taught.Load()
	return until != nil && time.Now().Before(*until)
}

// tell hands a code on.
func (s *Scanner) tell(scan Scan) {
	scan.At = time.Now()
	for {
		select {
		case s.scans <- scan:
			return
		default:
		}
		select {
		case <-s.scans:
			s.dropped.Add(1)
		default:
		}
	}
}

// knows says how a scanner's layout is known, if that is worth a sentence.
func (s *Scanner) knows() string {
	if s.own.name == "" {
		return ""
	}
	return "Its keys were learned from the sheet."
}

// begin is for a scanner that was plugged in: what is known of its layout holds.
func (s *Scanner) begin(id string) {
	if s.config.Layout != "auto" || id == s.id {
		return
	}
	s.id, s.layout, s.own = id, layouts[0], layout{}
	kept := s.config.Kept(id)
	if kept == "" {
		return
	}
	l, err := parseLayout(kept)
	if err != nil {
		s.config.Log.Warn("what was learned of the scanner is lost: have it scan its sheet again", "scanner", id, "err", err)
		return
	}
	s.layout, s.own = l, l
}

// meant is what strokes say, which are none where a code did not come whole. Where no layout is set it is that of the first layout in which
// it is known, which from then on is the scanner's, and otherwise it may be the sheet.
func (s *Scanner) meant(strokes []stroke) Scan {
	known := false
	if s.config.Layout == "auto" {
		for _, l := range append([]layout{s.layout, s.own}, layouts...) {
			if known = s.config.Known(l.text(strokes)); known {
				if l.name != s.layout.name {
					s.config.Log.Info("the scanner's layout is known", "layout", l.name)
				}
				s.layout = l
				break
			}
		}
	}
	scan := Scan{Text: printable([]byte(s.layout.text(strokes))), Layout: s.layout.name}
	if !known {
		scan.Lesson = s.lesson(strokes)
	}
	return scan
}

// lesson is what comes of strokes that may be the sheet; nil: they are not.
func (s *Scanner) lesson(strokes []stroke) *Lesson {
	l, lacks, reason := learn(strokes)
	switch {
	case s.config.Layout != "auto", !s.Learning() && reason != "":
		return nil
	case !s.Learning():
		return &Lesson{Reason: "That is the sheet that teaches the scanner, and nobody has asked for it. Ask for it in the console first."}
	case reason != "":
		return &Lesson{Reason: reason}
	}
	s.taught.Store(nil)
	s.layout, s.own = l, l
	s.show(drivers.Ready, s.knows(), time.Time{})
	s.config.Log.Info("the scanner's layout is learned", "scanner", s.id, "layout", l.name, "lacks", lacks)
	if err := s.config.Keep(s.id, l.String()); err != nil {
		s.config.Log.Warn("the scanner's layout is known until the next start only", "err", err)
	}
	return &Lesson{Layout: l.name, Lacks: lacks}
}

// printable is a text without what does not print. Bytes that are no UTF-8 are Latin-1, as old scanners send.
func printable(b []byte) string {
	text := string(b)
	if !utf8.ValidString(text) {
		var out []rune
		for _, c := range b {
			out = append(out, rune(c))
		}
		text = string(out)
	}
	text = strings.Map(func(r rune) rune {
		if r != 0x1d && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
	if r := []rune(text); len(r) > maxText {
		text = string(r[:maxText])
	}
	return text
}

func (s *Scanner) show(state drivers.State, reason string, retry time.Time) {
	s.watch.Set(drivers.Status{Device: "scanner", Name: s.name, State: state, Reason: reason, Retry: retry})
}
