package thermal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal/internal/cable"
	"edgekit.internal/drivers/thermal/internal/reply"
)

// A link carries bytes to a printer and, where it goes both ways, back. Until by, unless it is zero, it waits; then its
// error is os.ErrDeadlineExceeded.
type link interface {
	Write(b []byte, by time.Time) (n int, err error) // n bytes may have left, with an error too
	Read(b []byte, by time.Time) (n int, err error)  // n is 0 without an error where the printer had nothing to say
	Sent() (bool, error)                             // whether all has left, as far as can be told
	Port() (status byte, told bool, err error)       // what the driver says of the printer
	ID() string                                      // who the printer says it is (IEEE 1284), where it can be asked without printing
	End() error                                      // waits for the last few bytes, when Sent
	Close() error                                    // drops what has not left
}

// urgent is a link that a printer can stop, and on which it can be asked all the same.
type urgent interface {
	Urge(b []byte, by time.Time) (n int, err error) // as Write
}

// wire is a printer at the end of a link.
type wire struct {
	link
	*knows
	timing  timing
	profile Profile
	next    func() reply.ID // of the next job
	ear     reply.Ear
}

// knows is what is learned of a printer while it is open.
type knows struct {
	mute     bool // it does not answer DLE EOT, as many cheap ones do not
	answered bool // but this one did
	echoes   bool // it has said of a job that it is on paper
	silent   bool // it should have, and never did
	online   bool // it has said that it is on line: one that never did is not believed that it is not
}

const (
	block  = 4096                   // bytes handed over at once
	step   = 250 * time.Millisecond // after which a job that is held up is looked at
	drain  = 20 * time.Millisecond  // between looks at what has not left yet
	maxSay = 64                     // bytes, or empty transfers, that are read in search of an answer
	hush   = 5 * time.Millisecond   // after an empty transfer, of which some printers have any number
)

// look asks the driver and the printer.
func (w *wire) look() (reply.Trouble, error) {
	if t, err := w.port(); err != nil || t.Stops {
		return t, err
	}
	var a reply.Answers
	for _, n := range []byte{4, 2, 3, 1} {
		if w.mute {
			break
		}
		if n == 3 && a[2]&0x40 == 0 {
			continue
		}
		b, ok, err := w.ask(n)
		if err != nil {
			return reply.Fine, err
		}
		if !ok {
			w.mute = !w.answered
			break
		}
		a[n], w.answered = b, true
	}
	if w.online = w.online || reply.Online(a[1]); !w.online {
		a[1] = 0
	}
	return a.Trouble(), nil
}

func (w *wire) port() (reply.Trouble, error) {
	status, told, err := w.Port()
	if err != nil || !told {
		return reply.Fine, err
	}
	w.online = w.online || reply.Selected(status)
	if t := reply.Port(status); t != reply.Offline || w.online {
		return t, nil
	}
	return reply.Fine, nil
}

// ask sends DLE EOT n (real-time status) and takes the answer. ok is false where none came in time.
func (w *wire) ask(n byte) (answer byte, ok bool, err error) {
	by := time.Now().Add(w.timing.answer)
	one := make([]byte, 1)
	for range maxSay { // what it said before is no answer to this
		if n, err := w.Read(one, time.Time{}); errors.Is(err, os.ErrDeadlineExceeded) || err == nil && n == 0 {
			break
		} else if err != nil {
			return 0, false, err
		}
		w.ear.Hear(one[0])
	}
	write := w.Write
	if u, ok := w.link.(urgent); ok {
		write = u.Urge // real-time commands are taken though the line is stopped
	}
	sent, err := write([]byte{0x10, 0x04, n}, by)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded) && sent == 0:
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("ask for its state: %w", err)
	case sent < 3: // the rest would be taken for the beginning of something else
		return 0, false, fmt.Errorf("ask for its state: %d bytes of 3 were taken", sent)
	}
	for range maxSay {
		k, err := w.Read(one, by)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, false, nil
		case err != nil:
			return 0, false, fmt.Errorf("read its state: %w", err)
		case k == 1 && w.ear.Hear(one[0]):
			return one[0], true, nil
		case k == 0:
			time.Sleep(hush)
		}
	}
	return 0, false, nil
}

// print hands over a job, block by block, and waits until it has left, or is on paper where the printer says so.
func (w *wire) print(ctx context.Context, job Job, first func(), hold func(reply.Trouble)) (fate Fate, err error) {
	data, asks := job.Data, w.profile.Echo && !w.silent
	if asks {
		id := w.next()
		w.ear.Expect(id)
		data = append(data[:len(data):len(data)], id.Request()...)
	}
	last := time.Now() // when something moved
	for rest := data; len(rest) > 0; {
		n, err := w.Write(rest[:min(len(rest), block)], time.Now().Add(step))
		if n > 0 {
			if fate == Unsent {
				first()
			}
			fate, last, rest = Begun, time.Now(), rest[n:]
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return fate, err
		}
		if n == 0 {
			last, err = w.held(last, err, hold)
		} else {
			err = nil
		}
		if err = errors.Join(err, context.Cause(ctx)); err != nil {
			return fate, fmt.Errorf("%d of %d bytes not taken: %w", len(rest), len(data), err)
		}
	}
	if err := w.drain(ctx, hold); err != nil {
		return fate, err
	}
	if asks {
		return w.echo(ctx, hold)
	}
	if err := w.settle(ctx, hold); err != nil {
		return fate, err
	}
	return Sent, nil
}

// echo waits until the printer says that the job is on paper. One that has said so before and does not now has lost the job, as
// when it was switched off and on; one that never did may not be able to.
func (w *wire) echo(ctx context.Context, hold func(reply.Trouble)) (Fate, error) {
	one := make([]byte, 1)
	for last := time.Now(); ; {
		for by := time.Now().Add(w.timing.look); !w.ear.Done(); {
			n, err := w.Read(one, by)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
			case err != nil:
				return Begun, fmt.Errorf("before it said that the job is on paper: %w", err)
			case n == 0:
				drivers.Pause(ctx, hush)
			default:
				w.ear.Hear(one[0])
			}
			if !time.Now().Before(by) || ctx.Err() != nil {
				break
			}
		}
		if w.ear.Done() {
			w.echoes = true
			return Printed, nil
		}
		t, err := w.look() // which hears too
		switch {
		case err != nil:
			return Begun, err
		case ctx.Err() != nil:
			return Begun, fmt.Errorf("it has not said that the job is on paper: %w", context.Cause(ctx))
		case t.Stops:
			hold(t)
			last = time.Now()
		case w.ear.Done():
		case time.Since(last) < w.timing.echo:
		case w.echoes:
			return Begun, fmt.Errorf("it has not said within %v that the job is on paper: it may have been switched off", w.timing.echo)
		default:
			w.silent = true
			return Sent, nil
		}
	}
}

// drain waits until all that was handed over has left.
func (w *wire) drain(ctx context.Context, hold func(reply.Trouble)) error {
	tick := time.NewTicker(drain)
	defer tick.Stop()
	for last := time.Now(); ; {
		sent, err := w.Sent()
		if err != nil {
			return err
		}
		if sent {
			return w.End()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the end of the job has not left: %w", context.Cause(ctx))
		}
		if last, err = w.held(last, nil, hold); err != nil {
			return err
		}
	}
}

// settle waits while a printer that has the job says that it cannot print the rest of it.
func (w *wire) settle(ctx context.Context, hold func(reply.Trouble)) error {
	tick := time.NewTicker(w.timing.look)
	defer tick.Stop()
	for {
		t, err := w.look()
		if err != nil || !t.Stops {
			return err
		}
		hold(t)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the end of the job may not be on paper: %w", context.Cause(ctx))
		}
	}
}

// held looks why nothing moves since last: a printer that says why is waited for, any other has stalled after a while. why is what its
// cable said.
func (w *wire) held(last time.Time, why error, hold func(reply.Trouble)) (time.Time, error) {
	if time.Since(last) < step {
		return last, nil
	}
	t, err := w.port()
	switch {
	case err != nil:
		return last, err
	case t.Stops:
		hold(t)
		return time.Now(), nil
	case time.Since(last) > w.timing.stall:
		err := fmt.Errorf("the printer took nothing for %v: see that it has paper, is closed and on line, and switch it off and on", w.timing.stall)
		if errors.Is(why, cable.ErrStopped) {
			err = fmt.Errorf("%w (%v)", err, why)
		}
		return last, err
	}
	return last, nil
}

func (w *wire) paper() Profile { return w.profile }
