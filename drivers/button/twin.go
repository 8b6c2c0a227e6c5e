package button

import (
	"os"
	"sync"
	"time"

	"edgekit.internal/drivers/gpio"
)

// Twin is buttons without a board: lines that a program presses. Safe for concurrent use.
type Twin struct {
	start time.Time

	mu     sync.Mutex
	levels uint64
	open   *session
}

// NewTwin makes lines, none pressed.
func NewTwin() *Twin { return &Twin{start: time.Now()} }

// Set presses a line's button, or lets it go: an edge, as a contact makes it. One that nobody reads is remembered as a level
// only, as by the kernel.
func (t *Twin) Set(line int, down bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	was := t.levels >> line & 1
	if down {
		t.levels |= 1 << line
	} else {
		t.levels &^= 1 << line
	}
	if s := t.open; s != nil && t.levels>>line&1 != was {
		if len(s.edges) == twinBuffer {
			s.edges = s.edges[1:]
			s.edges[0].Lost = true
		}
		s.edges = append(s.edges, gpio.Edge{Line: line, At: s.now(), Active: down})
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// Pull takes the lines away: who reads them gets an error, until they are opened anew.
func (t *Twin) Pull() {
	t.mu.Lock()
	s := t.open
	t.mu.Unlock()
	if s != nil {
		s.Close()
	}
}

// twinBuffer bounds the edges that wait, as the kernel does; the oldest are lost.
const twinBuffer = 64

// session is the lines as they are open.
type session struct {
	*Twin
	edges  []gpio.Edge // the twin's mu
	wake   chan struct{}
	closed chan struct{}
	close  func()
}

func (t *Twin) plug() lines {
	s := &session{Twin: t, wake: make(chan struct{}, 1), closed: make(chan struct{})}
	s.close = sync.OnceFunc(func() { close(s.closed) })
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = s
	return s
}

func (s *session) now() time.Duration { return time.Since(s.start) }

func (s *session) take() (edges []gpio.Edge) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edges, s.edges = s.edges, nil
	return edges
}

// Read is as gpio.Inputs'.
func (s *session) Read(wait time.Duration) ([]gpio.Edge, error) {
	end := time.NewTimer(wait)
	defer end.Stop()
	for {
		if edges := s.take(); edges != nil {
			return edges, nil
		}
		select {
		case <-s.wake:
		case <-end.C:
			return s.take(), nil
		case <-s.closed:
			return nil, os.ErrClosed
		}
	}
}

func (s *session) Levels() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.levels, nil
}

func (s *session) Close() error {
	s.close()
	return nil
}
