package thermal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal/internal/reply"
)

// A place is where a printer may be found.
type place struct {
	name   string                                               // as the status names it until more is known
	find   func(context.Context) (path string, err error)       // an absentError when there is none
	open   func(ctx context.Context, path string) (port, error) // at most a few seconds
	scan   time.Duration                                        // between looks for it; 0: the usual
	shared bool                                                 // it serves one client at a time: it is let go when there is nothing to print
}

// A port is an open printer. Used by one goroutine.
type port interface {
	// look asks what keeps it from printing. An error means that it must be closed and opened anew.
	look() (reply.Trouble, error)
	// print sends a job until ctx ends and tells first when a byte was taken, and meanwhile what holds it up. A jobError
	// leaves the port as it was; any other means that it must be closed.
	print(ctx context.Context, job Job, first func(), hold func(reply.Trouble)) (Fate, error)
	// paper is what it prints on, and what it can do.
	paper() Profile
	Close() error
}

// absentError is the words for a printer that is not there.
type absentError string

func (e absentError) Error() string { return string(e) }

// jobError is a job's fault, not the printer's.
type jobError struct{ error }

var errIdle = errors.New("nothing to print")

// Run finds the printer, prints on it, and finds it again when it was gone, until ctx ends, which returns nil. A job
// that has begun then gets another second. To be called once.
func (p *Printer) Run(ctx context.Context) error {
	failures := 0
	for ctx.Err() == nil {
		err := p.session(ctx, &failures)
		var absent absentError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errIdle):
			p.rest(ctx)
		case errors.As(err, &absent):
			failures = 0
			p.show(drivers.Absent, string(absent), time.Time{})
			drivers.Pause(ctx, cmp.Or(p.place.scan, p.timing.scan))
		default:
			wait := min(p.timing.retry<<min(failures, 16), p.timing.retryMost)
			failures++
			p.config.Log.Warn("printer failed", "printer", p.name, "err", err, "retry", wait)
			p.show(drivers.Failed, sentence(err)+" Slips wait.", time.Now().Add(wait))
			drivers.Pause(ctx, wait)
		}
	}
	return nil
}

// session opens the printer and prints until it fails.
func (p *Printer) session(ctx context.Context, failures *int) (err error) {
	defer func() {
		if !errors.Is(err, errIdle) { // it is only let go, and comes back
			p.claims.free(p)
		}
	}()
	path, err := p.place.find(ctx)
	if err != nil {
		return err
	}
	if s, _ := p.watch.Get(); s.State != drivers.Ready { // where it was only let go, nobody need know
		p.show(drivers.Opening, "", time.Time{})
	}
	port, err := p.place.open(ctx, path)
	if err != nil {
		return err
	}
	defer func() {
		if e := port.Close(); e != nil && err == nil {
			err = e
		}
	}()
	tick := time.NewTicker(p.timing.look)
	defer tick.Stop()
	used := time.Now()
	for {
		held, err := port.look()
		if err != nil {
			return err
		}
		p.tell(held)
		jobs := p.jobs
		if held.Stops {
			jobs = nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if p.place.shared && !held.Stops && time.Since(used) > p.timing.idle {
				return errIdle
			}
		case r := <-jobs:
			if err := p.serve(ctx, port, r); err != nil {
				return err
			}
			*failures, used = 0, time.Now()
		}
	}
}

// serve prints a job. The error is the printer's.
func (p *Printer) serve(ctx context.Context, port port, r request) error {
	held, err := port.look() // the last look was some time ago
	if err != nil || held.Stops {
		r.reply <- result{Unsent, errAgain}
		return err
	}
	if r.job.Compose != nil {
		r.job.Data, r.job.Compose = r.job.Compose(port.paper()), nil
		if err := r.job.check(); err != nil {
			r.reply <- result{Unsent, err}
			return nil
		}
	}
	if r.job.Begin != nil {
		if err := r.job.Begin(); err != nil {
			r.reply <- result{Unsent, fmt.Errorf("thermal: print %s: begin: %w", r.job.Name, err)}
			return nil
		}
	}
	ctx, cancel := p.until(ctx, r.ctx)
	defer cancel(nil)
	var since time.Time // it is held up
	hold := func(t reply.Trouble) {
		p.tell(t)
		switch {
		case !t.Stops:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > p.timing.giveUp && p.others():
			cancel(fmt.Errorf("another printer takes it over: %s", t.Words))
		}
	}
	fate, err := port.print(ctx, r.job, func() { p.config.FirstByte(r.job.Tap) }, hold)
	if err == nil {
		r.reply <- result{fate, nil}
		return nil
	}
	r.reply <- result{fate, fmt.Errorf("thermal: print %s: %w", r.job.Name, err)}
	if errors.As(err, &jobError{}) {
		return nil
	}
	return err
}

// until is a context for a job that has begun: it ends some time after either of those given, so that a slip that is
// nearly out is not torn off.
func (p *Printer) until(run, job context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(run))
	late := func() { time.AfterFunc(p.timing.grace, func() { cancel(nil) }) }
	stops := []func() bool{context.AfterFunc(run, late), context.AfterFunc(job, late)}
	return ctx, func(why error) {
		for _, stop := range stops {
			stop()
		}
		cancel(why)
	}
}

// rest lets a shared printer be until there is something to print, or it is time to see how it does.
func (p *Printer) rest(ctx context.Context) {
	again := time.NewTimer(p.timing.revisit)
	defer again.Stop()
	select {
	case r := <-p.jobs:
		r.reply <- result{Unsent, errAgain} // it comes back when the printer is open
	case <-again.C:
	case <-ctx.Done():
	}
}

// tell shows what an open printer says of itself.
func (p *Printer) tell(held reply.Trouble) {
	if held.Stops {
		p.show(drivers.Failed, held.Words, time.Time{})
	} else {
		p.show(drivers.Ready, held.Words, time.Time{})
	}
}

func (p *Printer) show(s drivers.State, reason string, retry time.Time) {
	p.watch.Set(drivers.Status{Device: "printer", Name: p.name, State: s, Reason: reason, Retry: retry})
}

// sentence makes an error one for people.
func sentence(err error) string {
	s := strings.TrimPrefix(err.Error(), "thermal: ")
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(r)) + s[n:] + "."
}
