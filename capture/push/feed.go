package push

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
)

// Bounds of what waits to be sent.
const (
	maxPictures = 16      // half a second of them at 30 a second
	maxBytes    = 1 << 20 // of pictures: some ten large key pictures
	maxSounds   = 25      // half a second
	maxUnit     = 4 << 20 // of one access unit; the same as the kit's own viewers get
)

// feed is the queue between the camera and a connection: pictures of one layer, and sound. What comes in never waits.
type feed struct {
	want  func(layer uint8)
	every time.Duration // the least between two wants
	first int           // kbit/s of the layer to begin with, at most

	mu       sync.Mutex
	open     bool // somebody takes
	layers   []capture.Layer
	layer    uint8 // that pictures are taken of
	next     uint8 // that they are to be taken of, from its next key picture on
	broken   bool  // the next picture to be taken is a key one
	wanted   bool  // a key picture is, though others can be taken meanwhile
	pictures []capture.AccessUnit
	bytes    int
	sounds   []capture.Sound
	overflow uint64    // times that pictures were dropped because they did not go away, since it was opened
	asked    time.Time // when want was last called

	ready   chan struct{} // capacity 1: there is something
	dropped atomic.Uint64
}

func newFeed(want func(uint8), every time.Duration, first int) *feed {
	return &feed{want: want, every: every, first: first, ready: make(chan struct{}, 1)}
}

// setLayers takes note of what another encoder makes.
func (f *feed) setLayers(layers []capture.Layer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	has := func(id uint8) bool {
		return slices.ContainsFunc(layers, func(l capture.Layer) bool { return l.ID == id })
	}
	if len(f.layers) == 0 || !has(f.next) {
		f.next = within(layers, f.first)
	}
	if !has(f.layer) {
		f.layer = f.next
	}
	f.layers, f.broken = layers, true
}

// start begins with a layer that the way may carry, and nothing from before.
func (f *feed) start() {
	f.mu.Lock()
	f.next = within(f.layers, f.first)
	f.open, f.layer, f.broken, f.overflow = true, f.next, true, 0
	f.clear()
	f.mu.Unlock()
	f.ask()
}

func (f *feed) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = false
	f.clear()
}

// clear forgets what waits; mu is held.
func (f *feed) clear() {
	clear(f.pictures)
	clear(f.sounds)
	f.pictures, f.sounds, f.bytes = f.pictures[:0], f.sounds[:0], 0
}

// key wants a key picture to come.
func (f *feed) key() {
	f.mu.Lock()
	f.wanted = true
	f.mu.Unlock()
	f.ask()
}

// change goes on with another layer from its next key picture on, which is asked for.
func (f *feed) change(layer uint8) {
	f.mu.Lock()
	f.next = layer
	f.mu.Unlock()
	f.ask()
}

// picture takes a picture if it is of the layer, and can be decoded.
func (f *feed) picture(au capture.AccessUnit) {
	f.mu.Lock()
	if !f.open || len(au.Data) > maxUnit {
		f.mu.Unlock()
		return
	}
	if au.Key && au.Layer == f.next {
		f.layer, f.broken, f.wanted = f.next, false, false
	}
	if f.broken || f.wanted || f.layer != f.next {
		defer f.ask()
	}
	if au.Layer != f.layer || f.broken {
		f.mu.Unlock()
		return
	}
	if len(f.pictures) == maxPictures || f.bytes+len(au.Data) > maxBytes {
		f.dropped.Add(uint64(len(f.pictures)))
		clear(f.pictures)
		f.pictures, f.bytes = f.pictures[:0], 0
		f.overflow++
		if !au.Key {
			f.dropped.Add(1)
			f.broken = true
			f.mu.Unlock()
			return // the next one asks
		}
	}
	f.pictures = append(f.pictures, au)
	f.bytes += len(au.Data)
	f.mu.Unlock()
	f.tell()
}

func (f *feed) sound(s capture.Sound) {
	f.mu.Lock()
	if !f.open {
		f.mu.Unlock()
		return
	}
	if len(f.sounds) == maxSounds {
		f.sounds = slices.Delete(f.sounds, 0, 1)
		f.dropped.Add(1)
	}
	f.sounds = append(f.sounds, s)
	f.mu.Unlock()
	f.tell()
}

func (f *feed) tell() {
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// takeSound is the oldest packet of sound that waits.
func (f *feed) takeSound() (s capture.Sound, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.sounds) == 0 {
		return s, false
	}
	s = f.sounds[0]
	f.sounds = slices.Delete(f.sounds, 0, 1)
	return s, true
}

// takePicture is the oldest picture that waits.
func (f *feed) takePicture() (au capture.AccessUnit, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.pictures) == 0 {
		return au, false
	}
	au = f.pictures[0]
	f.pictures = slices.Delete(f.pictures, 0, 1)
	f.bytes -= len(au.Data)
	return au, true
}

// ask wants a key picture of the layer to come, no more often than is agreed.
func (f *feed) ask() {
	f.mu.Lock()
	now, layer := time.Now(), f.next
	if !f.open || now.Sub(f.asked) < f.every && !f.asked.IsZero() {
		f.mu.Unlock()
		return
	}
	f.asked = now
	f.mu.Unlock()
	f.want(layer)
}

// state is what is judged: the layers there are, the one in use, and how often pictures did not go away.
func (f *feed) state() (layers []capture.Layer, layer uint8, settled bool, overflow uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.layers, f.layer, f.layer == f.next, f.overflow
}
