package vision

import (
	"context"
	"fmt"
	"image"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

const (
	// within is in how many looks a bar code must be read twice. A QR code corrects and checks itself; a bar code has one digit for that,
	// and live readers without this are known for products that are not there.
	within = 4
	// leastApart is the least time from one look to the next: a fast machine need not look at each picture. Two looks, which a bar code
	// takes, are far within half a second.
	leastApart = 60 * time.Millisecond
	// sayEvery is how often it is said that a code is still there, by the time of pictures.
	sayEvery = 500 * time.Millisecond
	// maxSeen bounds the codes that are remembered.
	maxSeen = 16
)

// Config says how much an Eye may do, and who is told.
type Config struct {
	Share float64            // of one core's time, above 0 to 1
	Saw   func(capture.Code) // told of each code in the picture, twice a second while it is there; must not block

	Now func() time.Duration // nil: capture.Monotonic
	CPU func() time.Duration // the time that the calling thread has worked; nil: CLOCK_THREAD_CPUTIME_ID
}

// Eye looks at pictures of a camera as they come, as often as its share of a core allows but not at each, and never at one that waited. What a look
// takes, the copy included, is measured; there is none before so much time has passed that it stays within the share.
type Eye struct {
	cfg   Config
	ready chan struct{} // capacity 1: there is a picture to look at
	busy  atomic.Bool   // the picture below is somebody's
	next  atomic.Int64  // when the next look may begin, by Now
	pace  atomic.Int32  // the share is divided by it
	looks atomic.Uint64

	// Of who made it busy, until Run has looked.
	luma   *image.Gray
	at     time.Duration // of the picture
	begun  time.Duration // when the copy was begun, by Now
	copied time.Duration // what it took

	reader Reader
	seen   []sighting // Run's
}

// sighting is a code that was read.
type sighting struct {
	capture.Code
	look uint64        // the last in which it was
	said time.Duration // when that was said last
	sure bool
}

// NewEye prepares an eye; Run opens it.
func NewEye(c Config) *Eye {
	if c.Now == nil {
		c.Now = capture.Monotonic
	}
	if c.CPU == nil {
		c.CPU = threadTime
	}
	return &Eye{cfg: c, ready: make(chan struct{}, 1)}
}

func threadTime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic("vision: no clock of the thread: " + err.Error()) // cannot happen on Linux
	}
	return time.Duration(ts.Nano())
}

// SetPace divides the share: a board that is so hot that it works on one of every so many pictures looks as much less.
func (e *Eye) SetPace(every int) { e.pace.Store(int32(every)) }

// Looks counts the pictures that were looked at.
func (e *Eye) Looks() uint64 { return e.looks.Load() }

// Show offers a picture. It is copied if it is time for a look, and is the caller's again when this returns, which is at once. It may be
// called from any goroutine: a camera and the slate that fills in for it have one each.
func (e *Eye) Show(f capture.Frame) {
	if !e.busy.CompareAndSwap(false, true) {
		return
	}
	now := e.cfg.Now()
	if int64(now) < e.next.Load() {
		e.busy.Store(false)
		return
	}
	size := f.Image.Rect.Size()
	if e.luma == nil || e.luma.Rect.Size() != size {
		e.luma = image.NewGray(image.Rectangle{Max: size})
	}
	for y := range size.Y {
		copy(e.luma.Pix[y*e.luma.Stride:][:size.X], f.Image.Y[y*f.Image.YStride:])
	}
	e.at, e.begun, e.copied = f.At, now, e.cfg.Now()-now
	e.ready <- struct{}{} // has room: Run took the last before it stopped being busy
}

// Thread is the name of the thread that looks, as top -H shows it.
const Thread = "vision"

// Run looks until ctx ends, on a thread of its own, whose time is what counts. It is called once.
func (e *Eye) Run(ctx context.Context) error {
	runtime.LockOSThread() // for good: the thread ends with the goroutine, and its name with it
	if err := os.WriteFile("/proc/thread-self/comm", []byte(Thread), 0); err != nil {
		return fmt.Errorf("vision: name the thread: %w", err)
	}
	for {
		select {
		case <-e.ready:
			e.look()
		case <-ctx.Done():
			return nil
		}
	}
}

func (e *Eye) look() {
	before := e.cfg.CPU()
	e.note(e.reader.Read(e.luma))
	took := e.cfg.CPU() - before + e.copied
	share := e.cfg.Share / float64(max(1, e.pace.Load()))
	e.next.Store(int64(e.begun + max(leastApart, time.Duration(float64(took)/share))))
	e.busy.Store(false)
}

// note tells of the codes that are sure.
func (e *Eye) note(codes []capture.Code) {
	look := e.looks.Add(1)
	for _, c := range codes {
		s := e.sighting(c)
		s.sure = s.sure || c.Kind == QR || s.look > 0 && look-s.look < within
		s.look = look
		if s.sure && (s.said == 0 || e.at-s.said >= sayEvery) {
			s.said = e.at
			e.cfg.Saw(c)
		}
	}
}

// sighting is what is known of a code. The one that was seen longest ago makes room.
func (e *Eye) sighting(c capture.Code) *sighting {
	oldest := 0
	for i := range e.seen {
		if e.seen[i].Code == c {
			if s := &e.seen[i]; e.looks.Load()-s.look >= within { // it was away
				s.sure, s.look = false, 0
			}
			return &e.seen[i]
		}
		if e.seen[i].look < e.seen[oldest].look {
			oldest = i
		}
	}
	if len(e.seen) < maxSeen {
		e.seen = append(e.seen, sighting{})
		oldest = len(e.seen) - 1
	}
	e.seen[oldest] = sighting{Code: c}
	return &e.seen[oldest]
}
