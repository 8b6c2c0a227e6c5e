package camlink

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"net"
	"os"
	"time"

	"edgekit.internal/capture"
)

const (
	steady     = 5 * time.Second        // a life this long was a good one: the next failure is the first again
	patience   = 500 * time.Millisecond // for a child that was asked to go
	lingering  = 100 * time.Millisecond // for one that closed the link itself, so that its exit status is seen
	maxStart   = 30 * time.Second       // what a slow start may take at most, see Config.StartAllowance
	graceShare = 5                      // of Silence: a last look at the socket, see beatWatch
)

// Run keeps a child alive until ctx ends, and returns nil when that child is gone. It never gives up: a program that
// cannot start is tried again too, since the card it is on may come back.
func (c *Cam) Run(ctx context.Context) error {
	failures := 0
	for {
		began := time.Now()
		err := c.life(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) >= steady {
			failures = 0
		}
		wait := backoff(failures, c.cfg.MaxBackoff)
		if failures++; bits.OnesCount(uint(failures)) == 1 { // 1st, 2nd, 4th, 8th …: the card's log is not endless
			c.cfg.Log.Warn("camera program ended, starting it again", "reason", err, "in", wait, "failures", failures)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

// backoff is 0 for the first failure, then 50 ms doubling to most.
func backoff(failures int, most time.Duration) time.Duration {
	if failures == 0 {
		return 0
	}
	return min(most, 50*time.Millisecond<<min(failures-1, 10))
}

// errHung and garbage say whose fault the end of a life was; anything else is the child's own end.
var errHung = errors.New("camlink: no beat from the encoder: it hangs")

type garbage struct{ error }

// life is one child from start to end. It always returns an error, the reason of the end.
func (c *Cam) life(ctx context.Context) error {
	kid, err := start(c.cfg)
	if err != nil {
		return err
	}
	c.count(func(s *Stats) { s.PID, s.Starts, s.Beat = kid.process.Pid, s.Starts+1, Beat{} })
	c.renew()

	writing, stopWriting := context.WithCancel(ctx)
	written := make(chan struct{})
	go func() {
		defer close(written)
		c.write(writing, kid.link)
	}()
	unhook := context.AfterFunc(ctx, func() { kid.link.Close() })
	err = c.read(kid.link)
	unhook()
	stopWriting()

	wait := time.Duration(0)
	var g garbage
	switch {
	case ctx.Err() != nil:
		wait = patience
	case errors.Is(err, errHung):
		c.count(func(s *Stats) { s.Hangs++ })
	case errors.As(err, &g):
		err = g.error
		c.count(func(s *Stats) { s.Garbage++ })
	default:
		wait = lingering
		c.count(func(s *Stats) { s.Exits++ })
	}
	kid.end(wait)
	<-written
	c.count(func(s *Stats) { s.PID = 0 })
	switch {
	case wait != lingering:
		return err
	case kid.err != nil:
		return fmt.Errorf("camlink: %w", kid.err) // "signal: killed" says more than "end of file"
	}
	return errors.New("camlink: it ended by itself, with exit status 0")
}

// write tells the child what it does not know yet. A child that does not read is stuck, which its beats will show; the
// link is then closed, and this ends.
func (c *Cam) write(ctx context.Context, link net.Conn) {
	for {
		for _, m := range c.pending() {
			b, err := Append(nil, m)
			if err != nil {
				c.cfg.Log.Error("camera is not told", "reason", err)
				continue
			}
			if _, err := link.Write(b); err != nil {
				return // read sees the end too, and says why
			}
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
	}
}

// read hands on what the child sends until the link ends, it makes no sense, or it is silent for too long.
func (c *Cam) read(link net.Conn) error {
	watch := &beatWatch{link: link, grace: c.cfg.Silence / graceShare}
	c.endures.begin()
	watch.expect(min(c.cfg.StartAllowance<<c.slow, maxStart))
	c.slow = min(c.slow+1, 8) // until the first beat says otherwise
	r := NewReader(watch)
	layers, beats := 0, false
	for {
		m, err := r.Read()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			c.endures.overdue(time.Now())
			return errHung
		case err != nil && (isClosed(err) || isNet(err)):
			return err
		case err != nil:
			return garbage{err}
		}
		_, beat := m.(Beat)
		_, unit := m.(AccessUnit)
		if beat || unit && !beats { // a first picture is as good as a beat, but then only beats count
			beats, c.slow = true, 0
			watch.expect(c.endures.beat(time.Now()) - watch.grace)
		}
		if err := c.take(m, &layers); err != nil {
			return garbage{err}
		}
	}
}

func isNet(err error) bool {
	var op *net.OpError
	return errors.As(err, &op)
}

// take hands one message on. Layers is how many the child said hello with, 0 before.
func (c *Cam) take(m Message, layers *int) error {
	switch m := m.(type) {
	case Hello:
		if *layers != 0 {
			return errors.New("camlink: a second hello, expected one in a life")
		}
		*layers = len(m)
		call(c.cfg.OnHello, []capture.Layer(m))
	case AccessUnit:
		if int(m.Layer) >= *layers {
			return fmt.Errorf("camlink: access unit of layer %d, expected one of the hello's %d layers", m.Layer, *layers)
		}
		c.count(func(s *Stats) { s.Units++; s.Bytes += uint64(len(m.Data)) })
		call(c.cfg.OnAccessUnit, capture.AccessUnit(m))
	case Sound:
		c.count(func(s *Stats) { s.Sounds++ })
		call(c.cfg.OnSound, capture.Sound(m))
	case Microphone:
		call(c.cfg.OnMicrophone, capture.Microphone(m))
	case Areas:
		call(c.cfg.OnAreas, capture.Areas(m))
	case Source:
		if m.At != "" {
			c.mu.Lock()
			c.at = m.At
			c.mu.Unlock()
		}
		call(c.cfg.OnSource, capture.Source(m))
	case Zones:
		call(c.cfg.OnZones, []capture.Zone(m))
	case Code:
		call(c.cfg.OnCode, capture.Code(m))
	case Still:
		call(c.cfg.OnStill, []byte(m))
	case Beat:
		c.count(func(s *Stats) { s.Beat = m })
	default:
		return fmt.Errorf("camlink: %T from the camera program, expected what only it may send", m)
	}
	return nil
}

// beatWatch reads from the link until the next beat is overdue. When the time is up it looks once more, for a moment: if
// it was this process that was stopped, the beats are waiting in the socket.
type beatWatch struct {
	link   net.Conn
	grace  time.Duration
	looked bool
}

// expect gives the child until then for its next beat.
func (w *beatWatch) expect(in time.Duration) {
	w.looked = false
	w.set(in)
}

func (w *beatWatch) set(in time.Duration) {
	// It fails only on a closed link, which Read says too.
	_ = w.link.SetReadDeadline(time.Now().Add(in))
}

// Read reads from the link; os.ErrDeadlineExceeded when the beat did not come.
func (w *beatWatch) Read(b []byte) (int, error) {
	n, err := w.link.Read(b)
	if n == 0 && !w.looked && errors.Is(err, os.ErrDeadlineExceeded) {
		w.looked = true
		w.set(w.grace)
		n, err = w.link.Read(b)
	}
	return n, err
}
