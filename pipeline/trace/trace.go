// Package trace follows taps from finger to paper: one trace a tap, one span a step, kept in a bounded ring for the
// console. Spans may come from any goroutine, in any order, also after the trace fell out of the ring (then they are
// dropped).
package trace

import (
	"sync"
	"time"
)

// Span is one step of a tap's way.
type Span struct {
	Step  string        `json:"step"`
	Start time.Duration `json:"start"` // since the trace began, ns
	Took  time.Duration `json:"took"`  // ns
}

// Trace is a tap's way so far.
type Trace struct {
	Tap   string    `json:"tap"`
	Began time.Time `json:"began"`
	Spans []Span    `json:"spans"`
}

const maxSpans = 16

// Ring keeps the latest traces. Safe for concurrent use.
type Ring struct {
	mu    sync.Mutex
	byTap map[string]*Trace
	order []*Trace // a ring: next is the place of the oldest
	next  int
}

// NewRing keeps the latest size traces.
func NewRing(size int) *Ring {
	return &Ring{byTap: make(map[string]*Trace, size), order: make([]*Trace, size)}
}

// Span ends a step that began at start; a tap's first one begins its trace. Beyond 16 spans a trace takes no more.
func (r *Ring) Span(tap, step string, start time.Time) {
	end := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.byTap[tap]
	if t == nil {
		if old := r.order[r.next]; old != nil {
			delete(r.byTap, old.Tap)
		}
		t = &Trace{Tap: tap, Began: start}
		r.byTap[tap] = t
		r.order[r.next] = t
		r.next = (r.next + 1) % len(r.order)
	}
	if len(t.Spans) < maxSpans {
		t.Spans = append(t.Spans, Span{step, start.Sub(t.Began), end.Sub(start)})
	}
}

// Since ends a step that began when the tap's trace did. Without a trace there is none.
func (r *Ring) Since(tap, step string) {
	r.mu.Lock()
	t := r.byTap[tap]
	r.mu.Unlock()
	if t != nil {
		r.Span(tap, step, t.Began)
	}
}

// Get copies a tap's trace.
func (r *Ring) Get(tap string) (Trace, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.byTap[tap]
	if t == nil {
		return Trace{}, false
	}
	return Trace{t.Tap, t.Began, append([]Span(nil), t.Spans...)}, true
}
