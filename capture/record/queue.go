package record

import (
	"sync"

	"edgekit.internal/capture"
)

const (
	// queueBytes bounds what waits for the disk: some half a minute of a 720p picture.
	queueBytes = 8 << 20
	// itemBytes is what one costs beside its data.
	itemBytes = 256
	// maxOrders bounds the wishes among it.
	maxOrders = 16
)

// item is a picture, a packet of sound, or a wish.
type item struct {
	picture capture.AccessUnit
	sound   capture.Sound
	do      func()
}

func (i item) cost() int { return len(i.picture.Data) + len(i.sound.Data) + itemBytes }

// queue is what waits for the disk, in order. What does not fit is not taken; of pictures none is until a key picture fits, as
// those between could not be decoded.
type queue struct {
	ready chan struct{} // capacity 1: there is something

	mu     sync.Mutex
	items  []item
	bytes  int
	orders int
	lost   bool // pictures were, since the last key picture
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// put takes an item that is no picture; false: it does not fit.
func (q *queue) put(i item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i.do != nil {
		if q.orders >= maxOrders {
			return false
		}
		q.orders++
	} else if q.bytes+i.cost() > queueBytes {
		return false
	}
	q.push(i)
	return true
}

// picture takes a picture. ask: a key picture would fit.
func (q *queue) picture(au capture.AccessUnit) (lost, ask bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := item{picture: au}
	if q.bytes+i.cost() > queueBytes || q.lost && !au.Key {
		ask = q.lost && q.bytes < queueBytes/2 && !au.Key
		q.lost = true
		return true, ask
	}
	q.lost = false
	q.push(i)
	return false, false
}

// push appends; q.mu is held.
func (q *queue) push(i item) {
	q.items = append(q.items, i)
	q.bytes += i.cost()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// take takes what came first; false: there is nothing.
func (q *queue) take() (i item, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		q.items = nil // what it had grown to is not kept
		return i, false
	}
	i, q.items[0] = q.items[0], item{}
	q.items = q.items[1:]
	q.bytes -= i.cost()
	if i.do != nil {
		q.orders--
	}
	return i, true
}
