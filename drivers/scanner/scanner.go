// Package scanner reads codes: from scanners that say they are keyboards, through evdev, and from serial ones. A keyboard is
// taken for a scanner only by its name or maker, or because it is set so: nobody's keyboard is swallowed. One that is taken is
// grabbed, so that nothing else gets its keys.
package scanner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	Layout string    // by which it was read; "": a serial scanner's
	At     time.Time // when it was whole
}

// Config says which scanner there is.
type Config struct {
	// Device is auto (a keyboard whose name or maker is a scanner's), VENDOR:PRODUCT in hex, as lsusb shows them, serial:PATH or
	// serial:PATH@BAUD, virtual or none.
	Device string
	Layout string // one of Layouts, or auto: the one in which a code is known
	// Known tells whether a text is one that is expected. It finds out the layout; nil: none is.
	Known func(text string) bool
	Twin  *Twin // for virtual
	Log   *slog.Logger
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
	layout  int // of layouts, by which codes are read; Run's
	dropped atomic.Int64
	torn    atomic.Int64
	name    string // Run's
}

type timing struct{ scan, retry, most time.Duration }

var usual = timing{scan: 2 * time.Second, retry: time.Second, most: 30 * time.Second}

// port is an open scanner.
type port struct {
	name  string
	read  func(ctx context.Context, tell func(text, layout string)) error // until the scanner is gone
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
	s := &Scanner{config: c, timing: usual, scans: make(chan Scan, queue), name: c.Device}
	known := c.Layout == "auto"
	for i, l := range layouts {
		if l.name == c.Layout {
			s.layout, known = i, true
		}
	}
	if !known {
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
	s.show(drivers.Ready, "", time.Time{})
	return p.read(ctx, s.tell)
}

// tell hands a code on.
func (s *Scanner) tell(text, layout string) {
	scan := Scan{text, layout, time.Now()}
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

// meant is what strokes say. Where no layout is set it is that of the first layout in which it is known, which from then on is
// the scanner's.
func (s *Scanner) meant(strokes []stroke) (text, layout string) {
	if s.config.Layout == "auto" {
		for n := range layouts {
			i := (s.layout + n) % len(layouts)
			if text := layouts[i].text(strokes); s.config.Known(text) {
				if i != s.layout {
					s.config.Log.Info("the scanner's layout is known", "layout", layouts[i].name)
				}
				s.layout = i
				break
			}
		}
	}
	l := layouts[s.layout]
	return printable([]byte(l.text(strokes))), l.name
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
