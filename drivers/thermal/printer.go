package thermal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"edgekit.internal/drivers"
)

// Config says which printer there is and what it is used for.
type Config struct {
	Spec    string // auto, virtual, none, usb:PATH, serial:PATH, serial:PATH@BAUD, tcp:auto (found by mDNS) or tcp:HOST:PORT
	Dir     string // where the virtual printer's pictures go: NAME.png
	Profile Profile
	Model   string       // one of Models, or auto or "": by what the printer says it is
	Log     *slog.Logger // nil: the default one
	// FirstByte is told the Tap of a job whose first byte the device has taken. It must not block. May be nil.
	FirstByte func(tap string)
}

// Job is what is to be printed in one go.
type Job struct {
	Name string // 1 to 64 letters, digits and dashes; the virtual printer's file
	Tap  string // for FirstByte
	Data []byte // ESC/POS, at most 8 MiB, as Doc writes it
	// Compose writes Data for the printer that takes the job, where it is not given.
	Compose func(Profile) []byte
	// Begin is called, if there is one, when the printer is ready and before the first byte goes to it. Its error ends the
	// job, of which nothing was sent. It may block for as long as the printer may wait, and must not print.
	Begin func() error
}

// Printer is a printer that may come, go, and run out of paper. Safe for concurrent use.
//
// One job is printed at a time. Those who call Print wait in it: there is no queue here, and so none to bound.
type Printer struct {
	config Config
	place  place
	name   string // of the printer that was found; Run's
	timing timing
	watch  drivers.Watch
	jobs   chan request // may be several printers'
	others func() bool  // tells whether another printer is ready
	claims *claims
	count  atomic.Uint32 // of jobs, for their IDs
}

// timing is how long things take.
type timing struct {
	scan      time.Duration // between looks for a printer that is not there
	look      time.Duration // between looks at one that is
	answer    time.Duration // for an answer to a question about its state
	stall     time.Duration // without a byte taken: the job has failed
	echo      time.Duration // for a printer to say that a job is on paper, once it has all of it and nothing keeps it
	giveUp    time.Duration // for a printer to go on with a job, when another is ready
	grace     time.Duration // for a job that has begun when the program ends
	retry     time.Duration // after a failure; twice as long after each more
	retryMost time.Duration
	idle      time.Duration // after which a shared printer is let go
	revisit   time.Duration // and looked at again
}

var usual = timing{
	scan: time.Second, look: 2 * time.Second, answer: 500 * time.Millisecond, stall: 10 * time.Second, echo: 10 * time.Second, giveUp: 20 * time.Second, grace: time.Second,
	retry: time.Second, retryMost: 30 * time.Second, idle: 5 * time.Second, revisit: 30 * time.Second,
}

// New builds a printer; Run drives it. The error is for a Spec that is none of those that Config lists.
func New(c Config) (*Printer, error) {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.FirstByte == nil {
		c.FirstByte = func(string) {}
	}
	c.Profile = c.Profile.known()
	if c.Model == "" {
		c.Model = "auto"
	}
	if c.Model != "auto" && !slices.Contains(Models(), c.Model) {
		return nil, fmt.Errorf("thermal: model %q: expected auto, %s", c.Model, strings.Join(Models(), ", "))
	}
	p := &Printer{config: c, timing: usual, jobs: make(chan request), others: func() bool { return false }, claims: &claims{by: map[string]*Printer{}}}
	var err error
	if p.place, err = p.parse(c.Spec); err != nil {
		return nil, err
	}
	p.name = p.place.name
	p.count.Store(rand.Uint32()) // an answer to a job of an earlier run is none to one of this
	p.show(drivers.Absent, "The printer is being looked for.", time.Time{})
	return p, nil
}

// Watch is where the printer's state is told.
func (p *Printer) Watch() *drivers.Watch { return &p.watch }

// request is a job on its way to Run, which always answers.
type request struct {
	ctx   context.Context
	job   Job
	reply chan result // capacity 1
}

type result struct {
	fate Fate
	err  error
}

// errAgain answers a job that must wait after all; nothing of it was sent.
var errAgain = errors.New("the printer is not ready")

// Fate is how far a job has come, as far as is known.
type Fate int

// The fates. Of a job that failed it is Unsent or Begun.
const (
	Unsent  Fate = iota // nothing of it has reached a printer
	Begun               // some or all of it may be on paper
	Sent                // a printer has all of it, and says of nothing that it cannot print it
	Printed             // the printer has said that it is on paper
)

// Print brings a job to paper, and returns when it is there as far as the printer can tell. It waits for a printer that is absent, failed, open or out of paper, until ctx ends or
// there is no more Run; a printer that runs out in the middle of a job is waited for too. Errors that name the job are its own fault; all others are
// the printer's.
func (p *Printer) Print(ctx context.Context, job Job) (Fate, error) {
	if err := job.check(); err != nil {
		return Unsent, err
	}
	for {
		r := request{ctx, job, make(chan result, 1)}
		select {
		case p.jobs <- r:
		case <-ctx.Done():
			s, _ := p.watch.Get()
			return Unsent, fmt.Errorf("thermal: print %s: %w (printer %s: %s)", job.Name, ctx.Err(), s.State, s.Reason)
		}
		if res := <-r.reply; !errors.Is(res.err, errAgain) {
			return res.fate, res.err
		}
	}
}

func (j Job) check() error {
	ok := len(j.Name) >= 1 && len(j.Name) <= 64
	for _, c := range []byte(j.Name) {
		ok = ok && (c == '-' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z')
	}
	if !ok {
		return fmt.Errorf("thermal: print %.80q: expected a name of 1 to 64 letters, digits and dashes", j.Name)
	}
	if n := len(j.Data); j.Compose == nil && n == 0 || n > maxData {
		return fmt.Errorf("thermal: print %s: %d bytes, expected 1 to %d", j.Name, n, maxData)
	}
	return nil
}
