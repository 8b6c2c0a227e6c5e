// Package encode is the camera program's loop: it takes the newest picture, has the scene drawn over it, encodes each layer
// of it and sends that off. It never queues pictures: what a slow board cannot encode is dropped, so that what a viewer
// sees is always as new as it can be.
package encode

import (
	"sync"

	"edgekit.internal/capture"
)

// Slot holds the newest picture between the camera, which puts, and the loop, which takes. A picture that is not taken
// before the next comes is dropped and counted. Safe for concurrent use.
type Slot struct {
	mu    sync.Mutex
	frame capture.Frame
	full  bool
	drops uint64
	ready chan struct{} // capacity 1
}

// NewSlot makes an empty slot.
func NewSlot() *Slot { return &Slot{ready: make(chan struct{}, 1)} }

// Put stores a picture, which then belongs to the slot.
func (s *Slot) Put(f capture.Frame) {
	s.mu.Lock()
	if s.full {
		s.drops++
	}
	s.frame, s.full = f, true
	s.mu.Unlock()
	select {
	case s.ready <- struct{}{}:
	default: // the loop was already told
	}
}

// Ready yields after each Put, or after several.
func (s *Slot) Ready() <-chan struct{} { return s.ready }

// Take empties the slot; false when it is empty already.
func (s *Slot) Take() (capture.Frame, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, full := s.frame, s.full
	s.frame, s.full = capture.Frame{}, false
	return f, full
}

// Drops counts the pictures that were replaced before they were taken.
func (s *Slot) Drops() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.drops
}
