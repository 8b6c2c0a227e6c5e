package scanner

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"
)

// Twin is a scanner without a plug: a program scans with it. It sends key events, as a scanner that is a keyboard does. Safe for
// concurrent use.
type Twin struct {
	// Odd is for a scanner set to a country that no layout is of: each key of the rows is the one after it. To be set before Scan.
	Odd bool

	mu      sync.Mutex
	plugged bool
	now     *connection
}

// connection is the twin as it is open.
type connection struct {
	events chan []event
	closed chan struct{}
	close  func()
}

// Plug puts the plug in, and Pull pulls it out.
func (t *Twin) Plug() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.plugged = true
}

// Pull pulls the plug out.
func (t *Twin) Pull() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.plugged = false; t.now != nil {
		t.now.close()
	}
}

func (t *Twin) open(s *Scanner) (*port, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.plugged {
		return nil, absent("There is no scanner. Plug one in: it is found by itself.")
	}
	c := &connection{events: make(chan []event), closed: make(chan struct{})}
	c.close = sync.OnceFunc(func() { close(c.closed) })
	t.now = c
	return &port{name: "virtual", id: "virtual", close: func() error { c.close(); return nil }, read: func(_ context.Context, tell func(Scan)) error {
		for d := (&decoder{}); ; {
			select {
			case es := <-c.events:
				s.decode(d, es, tell)
			case <-c.closed:
				return absent("The scanner was pulled out.")
			}
		}
	}}, nil
}

// Scan sends a code as a scanner set to a layout does, with Enter behind it. It is an os.ErrInvalid when the layout has not all
// of its characters, and an os.ErrClosed when nobody reads.
func (t *Twin) Scan(layout, text string) error {
	i := slices.Index(Layouts(), layout)
	if i < 0 {
		return os.ErrInvalid
	}
	strokes, ok := layouts[i].strokesOf(text)
	if !ok {
		return os.ErrInvalid
	}
	if t.Odd {
		odd(strokes)
	}
	return t.send(strokes)
}

// odd has each key of the rows be the one after it.
func odd(strokes []stroke) {
	for i, s := range strokes {
		if at := slices.Index(keys, s.key); at >= 0 {
			strokes[i].key = keys[(at+1)%len(keys)]
		}
	}
}

// send presses keys, and Enter behind them.
func (t *Twin) send(strokes []stroke) error {
	t.mu.Lock()
	c := t.now
	t.mu.Unlock()
	if c == nil {
		return os.ErrClosed
	}
	select {
	case c.events <- events(append(strokes, stroke{key: keyEnter}), time.Duration(time.Now().UnixNano())):
		return nil
	case <-c.closed:
		return os.ErrClosed
	}
}

// events are the kernel's for strokes, 2 ms from one to the next.
func events(strokes []stroke, at time.Duration) (es []event) {
	put := func(code uint16, value int32) {
		es = append(es, event{at, evKey, code, value}, event{at, evSyn, 0, 0})
	}
	for _, s := range strokes {
		mods := map[uint16]bool{keyLeftShift: s.shift, keyRightAlt: s.altGr, keyLeftCtrl: s.ctrl}
		for _, down := range []int32{1, 0} {
			for _, code := range []uint16{keyLeftShift, keyRightAlt, keyLeftCtrl} {
				if mods[code] && down == 1 {
					put(code, 1)
				}
			}
			put(s.key, down)
			for _, code := range []uint16{keyLeftShift, keyRightAlt, keyLeftCtrl} {
				if mods[code] && down == 0 {
					put(code, 0)
				}
			}
		}
		at += 2 * time.Millisecond
	}
	return es
}
