package fulfil

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"edgekit.internal/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book keeps tickets in memory, as the store does on disk.
type book struct {
	mu    sync.Mutex
	ts    []pipeline.Ticket
	begun []int64 // tickets that were noted as being sent, in that order
}

func (b *book) add(n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ts = append(b.ts, pipeline.Ticket{N: n, Number: pipeline.TicketNumber(n)})
}

func (b *book) Unprinted(_ context.Context, after int64, n int) (ts []pipeline.Ticket, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.ts {
		if t.Print.Due() && t.N > after && len(ts) < n {
			ts = append(ts, t)
		}
	}
	return ts, nil
}

func (b *book) SetPrint(_ context.Context, number int64, state pipeline.PrintState) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if state == pipeline.PrintSending {
		b.begun = append(b.begun, number)
	}
	for i := range b.ts {
		if b.ts[i].N == number {
			b.ts[i].Print = state
		}
	}
	return nil
}

// paper is a printer: its answers are taken from script, then it works.
type paper struct {
	mu     sync.Mutex
	out    []string
	script []func() (fate Fate, err error)
}

func (p *paper) slip(_ context.Context, t pipeline.Ticket, again bool, begin func() error) (Fate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := begin(); err != nil {
		return Unsent, err
	}
	if len(p.script) > 0 {
		next := p.script[0]
		p.script = p.script[1:]
		if fate, err := next(); err != nil {
			return fate, err
		}
	}
	mark := ""
	if again {
		mark = " copy?"
	}
	p.out = append(p.out, t.Number+mark)
	return Sent, nil
}

// inOrder is what came out, by number: the next slip may have had the printer before the queue knew that one failed.
func (p *paper) inOrder() []string { return slices.Sorted(slices.Values(p.out)) }

func run(t *testing.T, b *book, slip Slip, during func(*Queue)) {
	runWith(t, b, slip, func(*Queue) {}, during)
}

func runWith(t *testing.T, b *book, slip Slip, before, during func(*Queue)) {
	synctest.Test(t, func(t *testing.T) {
		q := New(b, slip, nil, slog.New(slog.DiscardHandler))
		before(q)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- q.Run(ctx) }()
		synctest.Wait()
		during(q)
		time.Sleep(10 * retryAfter) // of the bubble's time
		cancel()
		<-done
	})
}

func TestSlipsComeOutOnceInOrder(t *testing.T) {
	b, p := &book{}, &paper{}
	b.add(1)
	run(t, b, p.slip, func(q *Queue) {
		b.add(2)
		b.add(3)
		q.Wake()
		q.Wake()
	})
	if !slices.Equal(p.out, []string{"A-001", "A-002", "A-003"}) {
		t.Error(p.out)
	}
}

func TestAPrinterThatIsGoneLosesNothingAndMarksNothing(t *testing.T) {
	gone := func() (Fate, error) { return Unsent, errors.New("no printer") }
	b, p := &book{}, &paper{script: []func() (Fate, error){gone, gone, gone}}
	b.add(1)
	run(t, b, p.slip, func(*Queue) { b.add(2) })
	if !slices.Equal(p.inOrder(), []string{"A-001", "A-002"}) {
		t.Error(p.out)
	}
}

func TestASlipThatMayBeOutIsMarked(t *testing.T) {
	torn := func() (Fate, error) { return Begun, errors.New("plug pulled half way") }
	b, p := &book{}, &paper{script: []func() (Fate, error){torn}}
	b.add(1)
	b.add(2)
	run(t, b, p.slip, func(*Queue) {})
	if !slices.Equal(p.inOrder(), []string{"A-001 copy?", "A-002"}) {
		t.Error(p.out)
	}
}

func TestAfterACrashWhatWasBeingSentIsMarked(t *testing.T) {
	b, p := &book{}, &paper{}
	b.add(1)
	b.add(2)
	b.ts[0].Print = pipeline.PrintSending
	run(t, b, p.slip, func(*Queue) {})
	if !slices.Equal(p.inOrder(), []string{"A-001 copy?", "A-002"}) {
		t.Error(p.out)
	}
}

// TestATicketThatOnlyWaitedIsNotMarked: the power goes while the printer is off; nothing of the slip was ever sent.
func TestATicketThatOnlyWaitedIsNotMarked(t *testing.T) {
	b, p := &book{}, &paper{}
	b.add(1)
	off := func(ctx context.Context, _ pipeline.Ticket, _ bool, _ func() error) (Fate, error) {
		<-ctx.Done()
		return Unsent, ctx.Err()
	}
	run(t, b, off, func(*Queue) {})
	run(t, b, p.slip, func(*Queue) {})
	if !slices.Equal(p.out, []string{"A-001"}) {
		t.Error(p.out)
	}
}

// TestNothingIsSentThatIsNotRecorded: a book that cannot note the beginning keeps the slip from being sent.
func TestNothingIsSentThatIsNotRecorded(t *testing.T) {
	full := &fullBook{}
	full.add(1)
	p := &paper{}
	run(t, &full.book, p.slip, func(*Queue) {})
	if len(p.out) != 1 {
		t.Error(p.out)
	}
	full.ts[0].Print = pipeline.PrintQueued
	p.out = nil
	synctest.Test(t, func(t *testing.T) {
		q := New(full, p.slip, nil, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(context.Background(), 3*retryAfter)
		defer cancel()
		q.Run(ctx)
	})
	if len(p.out) != 0 {
		t.Error(p.out)
	}
}

// fullBook is a book on a full disk.
type fullBook struct{ book }

func (*fullBook) SetPrint(context.Context, int64, pipeline.PrintState) error {
	return errors.New("no space")
}

// TestAPrintedSlipComesOutAgain as a possible copy, and those after it only once.
func TestAPrintedSlipComesOutAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := &book{}, &paper{}
		for n := range int64(3) {
			b.add(n + 1)
		}
		q := New(b, p.slip, nil, slog.New(slog.DiscardHandler))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- q.Run(ctx) }()
		synctest.Wait()
		for _, n := range []int64{3, 2} {
			if err := b.SetPrint(ctx, n, pipeline.PrintSending); err != nil {
				t.Fatal(err)
			}
			q.Want(n)
		}
		synctest.Wait()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if want := []string{"A-001", "A-002", "A-003", "A-002 copy?", "A-003 copy?"}; !slices.Equal(p.out, want) {
			t.Error(p.out)
		}
	})
}
