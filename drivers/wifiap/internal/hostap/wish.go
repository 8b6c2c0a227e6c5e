package hostap

import (
	"context"
	"strings"
	"time"
)

// Wish is the network that a program is wanted for. Who has it sees to it that one goroutine at a time changes or copies it; a copy is
// good until Changed is closed.
type Wish[N comparable] struct {
	Network *N            // nil: none
	Why     string        // there is none, for people
	Said    bool          // by somebody: until then a program that runs is let be
	Changed chan struct{} // closed when something else is wanted
}

// NewWish is of nothing yet, and why.
func NewWish[N comparable](why string) Wish[N] {
	return Wish[N]{Why: why, Changed: make(chan struct{})}
}

// Say has another network be wanted, or, with nil, none, and why. The same again is no change.
func (w *Wish[N]) Say(n *N, why string) {
	same := n == nil && w.Network == nil && why == w.Why || n != nil && w.Network != nil && *n == *w.Network
	if same && w.Said {
		return
	}
	close(w.Changed)
	*w = Wish[N]{Network: n, Why: why, Said: true, Changed: make(chan struct{})}
}

// Again has whoever follows the wish begin anew.
func (w *Wish[N]) Again() {
	close(w.Changed)
	w.Changed = make(chan struct{})
}

// Pause waits for a time, or until something else is wanted or ctx ends.
func (w Wish[N]) Pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-w.Changed:
	case <-ctx.Done():
	}
}

// Sentence is an error for people, without the name of the package that it is of. No error's text is none.
func Sentence(err error, of string) string {
	s := strings.ReplaceAll(strings.TrimPrefix(err.Error(), of+": "), "\n", "; ")
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}
