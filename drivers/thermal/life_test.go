package thermal

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal/internal/reply"
)

// deaf is a link, in time that the test makes, whose printer says and takes only what it is told to.
type deaf struct {
	takes   int           // bytes of a job, in all
	each    time.Duration // that a block takes
	answers byte          // to every question; 0: none
	status  byte          // of the port
	stuck   bool          // what was taken does not leave

	mu    sync.Mutex
	asked int
	got   []byte
}

func (d *deaf) Write(b []byte, by time.Time) (int, error) {
	if len(b) == 3 && b[0] == 0x10 {
		d.asked++
		return 3, nil
	}
	d.mu.Lock()
	n := min(len(b), d.takes)
	d.takes, d.got = d.takes-n, append(d.got, b[:n]...)
	d.mu.Unlock()
	if n == 0 {
		drivers.Pause(context.Background(), time.Until(by))
		return 0, os.ErrDeadlineExceeded
	}
	drivers.Pause(context.Background(), d.each)
	return n, nil
}

func (d *deaf) Port() (byte, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status, true, nil
}

func (d *deaf) set(status byte, takes int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.status, d.takes = status, d.takes+takes
}

func (d *deaf) Read(b []byte, by time.Time) (int, error) {
	if d.answers == 0 || by.IsZero() {
		drivers.Pause(context.Background(), time.Until(by))
		return 0, os.ErrDeadlineExceeded
	}
	b[0] = d.answers
	return 1, nil
}

func (d *deaf) Sent() (bool, error) { return !d.stuck, nil }
func (d *deaf) End() error          { return nil }
func (d *deaf) Close() error        { return nil }
func (d *deaf) ID() string          { return "" }

// over gives a test a printer that is always found, and whose link can be changed between any two steps of its life.
func over(t *testing.T, d *deaf, test func(t *testing.T, p *Printer)) {
	overAs(t, d, Config{}, test)
}

// overAs is over, with a model and a profile.
func overAs(t *testing.T, d link, c Config, test func(t *testing.T, p *Printer)) {
	synctest.Test(t, func(t *testing.T) {
		c.Spec, c.Log = "none", slog.New(slog.DiscardHandler)
		p, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		told := knows{}
		p.place = place{name: "deaf", find: nowhere, open: func(context.Context, string) (port, error) { return p.wired(d, nil, &told, "") }}
		run(t, p)
		test(t, p)
	})
}

func job(n int) Job { return Job{Name: "A-1", Data: make([]byte, n)} }

func TestStallIsAnErrorAndTriesAreFurtherApart(t *testing.T) {
	for _, c := range []struct {
		takes int
		stuck bool
		began bool
	}{{0, false, false}, {1, false, true}, {block, false, true}, {3 * block, true, true}} {
		over(t, &deaf{takes: c.takes, stuck: c.stuck}, func(t *testing.T, p *Printer) {
			start := time.Now()
			fate, err := p.Print(t.Context(), job(2*block))
			if err == nil || (fate == Begun) != c.began || !strings.Contains(err.Error(), "took nothing for 10s") {
				t.Errorf("%+v: %v, %v", c, fate, err)
			}
			if took := time.Since(start); took < usual.stall || took > usual.stall+3*time.Second {
				t.Errorf("%+v: after %v", c, took)
			}
			for _, wait := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
				synctest.Wait()
				s, _ := p.Watch().Get()
				if left := time.Until(s.Retry); s.State != drivers.Failed || left != wait*time.Second {
					t.Errorf("%+v: %s, %v", c, s.State, left)
				}
				if _, err := p.Print(t.Context(), job(3*block)); err == nil {
					t.Error("printed")
				}
			}
		})
	}
}

func TestMutePrinterIsAskedOnceAndUsed(t *testing.T) {
	d := &deaf{takes: 1 << 20}
	over(t, d, func(t *testing.T, p *Printer) {
		for range 3 {
			if fate, err := p.Print(t.Context(), job(100)); err != nil || fate != Sent {
				t.Error(fate, err)
			}
		}
		if d.asked != 1 || len(d.got) != 300 {
			t.Errorf("asked %d times, got %d bytes", d.asked, len(d.got))
		}
	})
}

// TestPaperThatEndsInAJobIsWaitedFor, in the middle of it and after its last byte, for as long as it takes.
func TestPaperThatEndsInAJobIsWaitedFor(t *testing.T) {
	for _, takes := range []int{block, 2 * block} {
		d := &deaf{takes: takes, answers: 0x12, each: time.Second}
		over(t, d, func(t *testing.T, p *Printer) {
			done := make(chan error, 1)
			go func() {
				_, err := p.Print(t.Context(), job(2*block))
				done <- err
			}()
			drivers.Pause(context.Background(), 1500*time.Millisecond) // of the test's own time: the first block has left
			d.set(0x38, 0)
			drivers.Pause(context.Background(), time.Hour)
			if s, _ := p.Watch().Get(); s.State != drivers.Failed || s.Reason != reply.NoPaper.Words {
				t.Errorf("%+v", s)
			}
			select {
			case err := <-done:
				t.Fatal("without paper: ", err)
			default:
			}
			d.set(0x18, 1<<20)
			if err := <-done; err != nil || len(d.got) != 2*block {
				t.Errorf("%v, %d bytes", err, len(d.got))
			}
			synctest.Wait()
			if s, _ := p.Watch().Get(); s.State != drivers.Ready {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestLowPaperPrints(t *testing.T) {
	d := &deaf{takes: 1 << 20, answers: 0x1a}
	over(t, d, func(t *testing.T, p *Printer) {
		synctest.Wait()
		if s, _ := p.Watch().Get(); s.State != drivers.Ready || s.Reason != reply.LowPaper.Words {
			t.Errorf("%+v", s)
		}
	})
}

// TestAPrinterThatAlwaysSaysThatItIsOffLineIsUsed: some say so whatever they do. One that was on line before is believed.
func TestAPrinterThatAlwaysSaysThatItIsOffLineIsUsed(t *testing.T) {
	d := &deaf{takes: 1 << 20, status: 0x08}
	over(t, d, func(t *testing.T, p *Printer) {
		if fate, err := p.Print(t.Context(), job(10)); err != nil || fate != Sent {
			t.Error(fate, err)
		}
		d.set(0x18, 0)
		drivers.Pause(t.Context(), time.Minute)
		d.set(0x08, 0)
		drivers.Pause(t.Context(), time.Minute)
		if s, _ := p.Watch().Get(); s.State != drivers.Failed || s.Reason != reply.Offline.Words {
			t.Errorf("%+v", s)
		}
	})
}

// TestJobThatBeganHasASecondMore: what is nearly out is not torn off, what is stuck is.
func TestJobThatBeganHasASecondMore(t *testing.T) {
	for each, whole := range map[time.Duration]bool{100 * time.Millisecond: true, time.Second: false} {
		over(t, &deaf{takes: 1 << 20, each: each, answers: 0x12}, func(t *testing.T, p *Printer) {
			ctx, cancel := context.WithTimeout(t.Context(), each/2)
			defer cancel()
			fate, err := p.Print(ctx, job(5*block))
			if fate == Unsent || (err == nil) != whole || err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("blocks of %v: %v, %v", each, fate, err)
			}
		})
	}
}

// TestJobBeginsBeforeItsFirstByte, and does not begin at all while the printer cannot print, or where it may not.
func TestJobBeginsBeforeItsFirstByte(t *testing.T) {
	d := &deaf{takes: 1 << 20, answers: 0x12, status: 0x38}
	over(t, d, func(t *testing.T, p *Printer) {
		begun := 0
		may := errors.New("not now")
		j := job(10)
		j.Begin = func() error { begun++; return may }
		done := make(chan result, 1)
		print := func() {
			fate, err := p.Print(t.Context(), j)
			done <- result{fate, err}
		}
		go print()
		drivers.Pause(t.Context(), time.Hour)
		if begun != 0 {
			t.Error("begun without paper")
		}
		d.set(0x18, 0)
		if res := <-done; res.fate != Unsent || !errors.Is(res.err, may) || begun != 1 || len(d.got) != 0 {
			t.Errorf("%+v, begun %d times, %d bytes", res, begun, len(d.got))
		}
		may = nil
		go print()
		if res := <-done; res.fate == Unsent || res.err != nil || begun != 2 || len(d.got) != 10 {
			t.Errorf("%+v, begun %d times, %d bytes", res, begun, len(d.got))
		}
	})
}

// TestManyPrintAtOnce: each job comes out in one piece, once.
func TestManyPrintAtOnce(t *testing.T) {
	d := &deaf{takes: 1 << 30, answers: 0x12}
	over(t, d, func(t *testing.T, p *Printer) {
		done := make(chan error)
		for i := range 20 {
			go func() {
				_, err := p.Print(t.Context(), Job{Name: "A-1", Data: []byte(strings.Repeat(string(rune('a'+i)), 2*block))})
				done <- err
			}()
		}
		for range 20 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		for at := 0; at < len(d.got); at += 2 * block {
			if got := string(d.got[at : at+2*block]); got != strings.Repeat(got[:1], 2*block) {
				t.Error("two jobs are mixed")
			}
		}
		if len(d.got) != 40*block {
			t.Errorf("%d bytes", len(d.got))
		}
	})
}
