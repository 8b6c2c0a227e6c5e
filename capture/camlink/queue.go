package camlink

import (
	"slices"
	"sync"
)

// Bounds of what waits in the child for a daemon that does not read: a second or two of pictures.
const (
	maxQueued      = 128
	maxQueuedBytes = 2 << 20
	maxSounds      = 25 // half a second
)

// queue holds encoded messages for the writer. When it is full, pictures go first: all that wait are thrown away and
// their layers resume at the next key picture, since nothing between can be decoded and late pictures are worthless.
// Of the small messages only the latest of each kind is then kept. Sound, a hundredth of the pictures' bytes, does not go with them: of it the
// last half second is kept.
type queue struct {
	mu       sync.Mutex
	items    []item
	bytes    int
	paused   [MaxLayers]bool // waits for a key picture
	dropped  uint64          // pictures
	sounds   int             // packets of sound that wait
	unheard  uint64          // packets of sound that were dropped
	ready    chan struct{}   // capacity 1: something was put in
	capacity int
}

type item struct {
	kind  byte
	bytes []byte
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1), capacity: maxQueued} }

// unit queues an encoded picture; false when it was dropped and the layer needs a key picture.
func (q *queue) unit(layer uint8, key bool, message []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.paused[layer] && !key {
		q.dropped++
		return false
	}
	if len(q.items) >= q.capacity || q.bytes+len(message) > maxQueuedBytes {
		q.clearUnits()
		q.dropped++
		return false
	}
	q.paused[layer] = false
	q.push(item{kindAccessUnit, message})
	return true
}

// sound queues a packet of sound.
func (q *queue) sound(message []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) >= q.capacity {
		q.clearUnits() // makes room, as they are most of what waits
	}
	if q.sounds >= maxSounds {
		q.remove(slices.IndexFunc(q.items, func(it item) bool { return it.kind == kindSound }))
		q.sounds--
		q.unheard++
	}
	q.sounds++
	q.push(item{kindSound, message})
}

func (q *queue) silenced() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.unheard
}

// clearUnits throws away the pictures that wait. Layers without one are paused too: they share the slow reader.
func (q *queue) clearUnits() {
	kept := q.items[:0]
	for _, it := range q.items {
		if it.kind == kindAccessUnit {
			q.dropped++
			q.bytes -= len(it.bytes)
			continue
		}
		kept = append(kept, it)
	}
	clear(q.items[len(kept):])
	q.items = kept
	for i := range q.paused {
		q.paused[i] = true
	}
}

// control queues a small message, in its place in the order.
func (q *queue) control(kind byte, message []byte) {
	q.mu.Lock()
	defer q.mu.Unlock()
	same := func(it item) bool { return it.kind == kind }
	if last := len(q.items) - 1; kind == kindBeat && last >= 0 && same(q.items[last]) {
		q.remove(last)
	} else if len(q.items) >= q.capacity {
		q.remove(slices.IndexFunc(q.items, same))
	}
	q.push(item{kind, message})
}

func (q *queue) remove(i int) {
	if i < 0 {
		return
	}
	q.bytes -= len(q.items[i].bytes)
	q.items = slices.Delete(q.items, i, i+1)
}

func (q *queue) push(it item) {
	q.items = append(q.items, it)
	q.bytes += len(it.bytes)
	select {
	case q.ready <- struct{}{}:
	default: // the writer was already told
	}
}

// pop takes the oldest message.
func (q *queue) pop() (item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		return item{}, false
	}
	it := q.items[0]
	q.items[0] = item{}
	q.items = q.items[1:]
	q.bytes -= len(it.bytes)
	if it.kind == kindSound {
		q.sounds--
	}
	return it, true
}

func (q *queue) drops() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
