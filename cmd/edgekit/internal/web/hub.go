package web

import (
	"sync"
	"sync/atomic"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/internal/wire"
)

// hub knows who is to be told: one sink for each open event stream and data channel.
type hub struct {
	mu     sync.Mutex
	sinks  map[*sink]struct{}
	viewer map[string]int // sinks, by viewer
	next   uint64         // age of the next one
	areas  capture.Areas
	sound  string // wire.Sound.Is
	drops  atomic.Int64
}

// sink takes messages to one page. send never blocks; false: one was dropped for it.
type sink struct {
	viewer string
	from   string // address
	accept string // languages
	send   func(kind string, msg []byte) bool
	end    func() // ends the page's stream; nil: it only gets no more news. It must not block
	hub    *hub
	age    uint64
}

func newHub() *hub {
	return &hub{sinks: map[*sink]struct{}{}, viewer: map[string]int{}, sound: wire.SoundNone}
}

// add registers a sink; false: this viewer has as many as it may, or the kit has and most of them are of this address.
// Else the address with the most of them loses its oldest: sessions cost nothing, and one phone can have many.
func (h *hub) add(s *sink) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.viewer[s.viewer] >= maxSSE {
		return false
	}
	if len(h.sinks) >= maxSinks {
		out := h.greediest()
		if out.from == s.from {
			return false
		}
		h.drop(out)
		if out.end != nil {
			out.end()
		}
	}
	s.hub, s.age = h, h.next
	h.next++
	h.sinks[s] = struct{}{}
	h.viewer[s.viewer]++
	return true
}

// greediest is the oldest sink of the address that has the most; h.mu is held.
func (h *hub) greediest() (oldest *sink) {
	count := map[string]int{}
	for s := range h.sinks {
		count[s.from]++
	}
	for s := range h.sinks {
		if oldest == nil || count[s.from] > count[oldest.from] || count[s.from] == count[oldest.from] && s.age < oldest.age {
			oldest = s
		}
	}
	return oldest
}

func (h *hub) remove(s *sink) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(s)
}

// drop is remove; h.mu is held.
func (h *hub) drop(s *sink) {
	if _, ok := h.sinks[s]; !ok {
		return
	}
	delete(h.sinks, s)
	if h.viewer[s.viewer]--; h.viewer[s.viewer] == 0 {
		delete(h.viewer, s.viewer)
	}
}

// each calls f for a snapshot of the sinks.
func (h *hub) each(f func(*sink)) {
	h.mu.Lock()
	all := make([]*sink, 0, len(h.sinks))
	for s := range h.sinks {
		all = append(all, s)
	}
	h.mu.Unlock()
	for _, s := range all {
		f(s)
	}
}

// of calls f for one viewer's sinks.
func (h *hub) of(viewer string, f func(*sink)) {
	h.mu.Lock()
	if h.viewer[viewer] == 0 {
		h.mu.Unlock()
		return
	}
	h.mu.Unlock()
	h.each(func(s *sink) {
		if s.viewer == viewer {
			f(s)
		}
	})
}

func (h *hub) setAreas(a capture.Areas) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.areas = a
}

func (h *hub) latestAreas() capture.Areas {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.areas
}

// setSound tells whether it is news.
func (h *hub) setSound(is string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.sound
	h.sound = is
	return is != was
}

func (h *hub) latestSound() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sound
}

func (s *sink) push(kind string, msg []byte) {
	if !s.send(kind, msg) {
		s.hub.drops.Add(1)
	}
}
