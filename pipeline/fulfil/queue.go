// Package fulfil sees to it that every ticket becomes a slip of paper: in order, once, and whatever printers or the
// power do in between.
package fulfil

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/pipeline"
)

// Book is where tickets are kept. The durable states in it are all that this package relies on after a crash.
type Book interface {
	// Unprinted lists tickets after a number whose slips are not known to be out, oldest first, at most n.
	Unprinted(ctx context.Context, after int64, n int) ([]pipeline.Ticket, error)
	SetPrint(ctx context.Context, number int64, state pipeline.PrintState) error
}

// Fate is how far a slip has come.
type Fate int

// The fates. Of a slip that failed it is Unsent or Begun.
const (
	Unsent  Fate = iota // nothing of it has reached a printer
	Begun               // some or all of it may be on paper
	Sent                // a printer has it
	Printed             // a printer has said that it is on paper
)

// Slip prints one ticket on any printer that is ready, and returns when it is on paper, as far as that can be known. again
// asks for the mark of a possible copy: some or all of this slip may be on paper already. begin must be called before
// the first byte goes to a printer, and its error ends the attempt. It waits for printers that are absent or out of
// paper until ctx ends. Safe for concurrent use.
type Slip func(ctx context.Context, t pipeline.Ticket, again bool, begin func() error) (Fate, error)

// Queue prints what the book says is unprinted, on as many printers as there are: one slip waits for a printer, and those
// that have begun come out beside one another. So slips begin in order, and a printer that is stuck holds up no other. Its
// bound is the book's: in memory it keeps the tickets it has in hand.
type Queue struct {
	Book Book
	Slip Slip
	Span func(tap, step string) // told "printed"
	Log  *slog.Logger
	// Old tells whether a slip has waited so long that the operator is asked whether it is still wanted, before its first byte goes
	// out. nil: none ever has.
	Old func(pipeline.Ticket) bool

	wanted wanted
	rewind atomic.Bool // tickets that were done with may not be any more
	wake   chan struct{}
	news   chan news

	// What follows is Run's.
	hand    map[int64]*hand // tickets that fly, and those with which something went wrong, by number
	flying  int             // how many fly
	waiting int64           // the one that waits for a printer; 0: none
	last    int64           // the highest number that was in hand
	after   int64           // all tickets up to it are done with
	calm    time.Time       // until then no slip is begun: something went wrong
	said    string          // the last error logged: one that lasts is said once
}

// wanted are tickets whose slips are wanted however old they are. A crash forgets that, and they are asked for again.
type wanted struct {
	mu   sync.Mutex
	upTo int64
	one  map[int64]bool // until they are out
}

func (w *wanted) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

func (w *wanted) has(number int64) (is bool) {
	w.change(func() { is = number <= w.upTo || w.one[number] })
	return is
}

// hand is what is known of a ticket beyond the book.
type hand struct {
	flies bool      // it is with a printer, waits for one, or is being noted
	out   Fate      // Sent or more: it is out, and only that is still to be noted
	tries int       // in vain, one after the other
	next  time.Time // when it has its turn again
}

// news is what became of a slip that flies.
type news struct {
	number int64
	may    chan<- bool // capacity 1; not nil: a printer is ready for it, and it asks whether it is its turn still
	begun  bool        // and goes on; else, if it does not ask, this is its end
	fate   Fate
	err    error
}

const (
	// retryAfter is how long a printer's or book's error holds up the queue.
	retryAfter = time.Second
	// patience is how many tries a ticket holds up the others for. Then it steps back, and has its turn less and less
	// often, down to every retryMost: a slip on which the printer chokes each time must not stop the stall, or eat its paper.
	patience  = 5
	retryMost = time.Minute
	// atOnce is how many tickets are looked at together, beside those that fly.
	atOnce = 32
)

// New makes a queue. Run prints.
func New(book Book, slip Slip, span func(tap, step string), log *slog.Logger) *Queue {
	return &Queue{Book: book, Slip: slip, Span: span, Log: log, wake: make(chan struct{}, 1), news: make(chan news), hand: map[int64]*hand{}, wanted: wanted{one: map[int64]bool{}}}
}

// Wake tells that there may be a new ticket. It never blocks.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Want tells that one ticket's slip is wanted although it is old, or again, and that the book says so by now. Others that are old wait
// for an answer as before.
func (q *Queue) Want(number int64) {
	q.wanted.change(func() { q.wanted.one[number] = true })
	q.rewind.Store(true)
	q.Wake()
}

// WantUpTo is Want for all tickets up to a number.
func (q *Queue) WantUpTo(number int64) {
	q.wanted.change(func() { q.wanted.upTo = max(q.wanted.upTo, number) })
	q.rewind.Store(true)
	q.Wake()
}

// Run prints until ctx ends, and then waits for the slips that are with a printer. Tickets that were being sent when the last
// run ended, by crash or otherwise, are printed again as possible copies. To be called once.
func (q *Queue) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		var again <-chan time.Time
		if wait := q.start(ctx); wait > 0 {
			again = time.After(wait)
		}
		select {
		case n := <-q.news:
			q.hear(ctx, n)
		case <-q.wake:
		case <-again:
		case <-ctx.Done():
		}
	}
	for q.flying > 0 {
		q.hear(ctx, <-q.news)
	}
	return nil
}

// start lets the next slip wait for a printer, if none does, and says when there will be something to start where nobody tells;
// 0: somebody will.
func (q *Queue) start(ctx context.Context) time.Duration {
	if q.waiting != 0 {
		return 0
	}
	if wait := time.Until(q.calm); wait > 0 {
		return wait
	}
	if q.rewind.Swap(false) {
		q.after, q.last = 0, 0
	}
	if len(q.hand) == 0 {
		q.after = q.last
	}
	ts, err := q.Book.Unprinted(ctx, q.after, atOnce+q.flying)
	if err != nil {
		q.failed(ctx, err)
		return retryAfter
	}
	t, ok := q.turn(ts)
	if ok && q.Old != nil && q.hand[t.N] == nil && q.Old(t) && !q.wanted.has(t.N) {
		if err := q.Book.SetPrint(ctx, t.N, t.Print.Hold()); err != nil {
			q.failed(ctx, err)
		}
		q.Wake() // it is not among them any more
		return 0
	}
	if !ok {
		if len(q.hand) > q.flying {
			return retryAfter // those that stepped back
		}
		return 0
	}
	h := q.hand[t.N]
	if h == nil {
		h = &hand{}
		q.hand[t.N] = h
	}
	h.flies, q.waiting, q.last = true, t.N, max(q.last, t.N)
	q.flying++
	go q.fly(ctx, t, h.out)
	return 0
}

// turn is whose turn it is: the oldest that does not fly, but behind all others those that have stepped back; none of
// those whose turn is later.
func (q *Queue) turn(ts []pipeline.Ticket) (next pipeline.Ticket, ok bool) {
	for _, t := range ts {
		switch h := q.hand[t.N]; {
		case h == nil || !h.flies && h.tries < patience:
			return t, true
		case !ok && !h.flies && !time.Now().Before(h.next):
			next, ok = t, true
		}
	}
	return next, ok
}

// errTurn ends an attempt of which nothing was sent: an older slip failed while this one waited, and goes first.
var errTurn = errors.New("an older slip goes first")

// turnOf tells whether no older slip failed that is to be tried again before it.
func (q *Queue) turnOf(number int64) bool {
	for n, h := range q.hand {
		if n < number && !h.flies && h.out < Sent && h.tries < patience {
			return false
		}
	}
	return true
}

// hear takes news of a slip.
func (q *Queue) hear(ctx context.Context, n news) {
	if n.may != nil {
		n.may <- q.turnOf(n.number)
		return
	}
	if q.waiting == n.number {
		q.waiting = 0
	}
	if n.begun {
		return
	}
	q.flying--
	h := q.hand[n.number]
	h.flies = false
	switch {
	case n.err == nil:
		delete(q.hand, n.number)
		q.wanted.change(func() { delete(q.wanted.one, n.number) })
		q.said = ""
		return
	case errors.Is(n.err, errTurn):
		if h.tries == 0 {
			delete(q.hand, n.number)
		}
		q.last = min(q.last, n.number-1)
		return
	case n.fate >= Sent:
		h.out = n.fate
	default:
		h.tries++
		h.next = time.Now().Add(min(retryAfter<<min(h.tries, 16), retryMost))
	}
	q.failed(ctx, n.err)
}

func (q *Queue) failed(ctx context.Context, err error) {
	q.calm = time.Now().Add(retryAfter)
	if ctx.Err() == nil && err.Error() != q.said {
		q.said = err.Error()
		q.Log.Warn("slip not printed, trying again until it is", "err", err)
	}
}

// fly brings one ticket to paper, unless it is there, and notes that. Paper is not taken back: that it is out is noted also when
// the kit is just stopping, and without printing it again when it could not be noted at once.
func (q *Queue) fly(ctx context.Context, t pipeline.Ticket, out Fate) {
	if out < Sent {
		var err error
		if out, err = q.send(ctx, t); err != nil {
			q.news <- news{number: t.N, fate: out, err: err}
			return
		}
	}
	state := pipeline.PrintSent
	if out == Printed {
		state = pipeline.Printed
	}
	q.news <- news{number: t.N, fate: out, err: q.note(ctx, t.N, state)}
}

// send sends one ticket's slip to a printer. That it is being sent is durable before the first byte is: a ticket that
// only waits for a printer is still a first print after a power cut.
func (q *Queue) send(ctx context.Context, t pipeline.Ticket) (Fate, error) {
	again, marked := t.Print == pipeline.PrintSending, false
	fate, err := q.Slip(ctx, t, again, func() error {
		may := make(chan bool, 1)
		if q.news <- (news{number: t.N, may: may}); !<-may {
			return errTurn
		}
		if !again {
			if err := q.Book.SetPrint(ctx, t.N, pipeline.PrintSending); err != nil {
				return err
			}
			marked = true
		}
		q.news <- news{number: t.N, begun: true}
		return nil
	})
	if err != nil {
		if marked && fate == Unsent { // nothing went out: the next try is still the first
			if undo := q.note(ctx, t.N, pipeline.PrintQueued); undo != nil {
				q.Log.Warn("slip will be marked as a possible copy", "ticket", t.Number, "err", undo)
			}
		}
		return fate, err
	}
	if q.Span != nil {
		q.Span(t.Tap, "printed")
	}
	return max(fate, Sent), nil
}

// note records what has happened already, for which it is never too late.
func (q *Queue) note(ctx context.Context, number int64, state pipeline.PrintState) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryAfter)
	defer cancel()
	return q.Book.SetPrint(ctx, number, state)
}
