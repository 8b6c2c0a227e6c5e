// Package record keeps the picture that visitors see, with its sound, as fragmented MP4 (ISO/IEC 14496-12): the access units
// of layer 0 as they are, and Opus packets. A file that was cut off, wherever, is closed by the next start and plays up to its last
// whole fragment; once it is closed it has an index, with which players seek.
//
// What it costs. A fragment of two seconds (one, if a key picture comes so early) is written once and synced once: half a sync a
// second, 0.2 % more bytes than the stream's own, and a power cut loses the two seconds that were not a fragment yet. Pictures wait
// for the disk in a bounded queue, in memory; whoever hands them over never does. Key pictures are not asked for but at a
// beginning, at a mark, after pictures were lost, and where the encoder leaves more than ten seconds between them: viewers
// pay for each with bits that their picture lacks.
//
// One file is of one format. A new one begins where size, profile or level change (the camera program started again with others),
// where sound comes to a recording without, after a gap or jump of more than ten seconds, and at an hour. Shorter gaps stay in
// the file, as long as they were: the picture stands, and silence fills in for sound. A camera program that starts again with the
// same goes on in the same file.
package record

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
)

const (
	// fragmentLong is how long a fragment is at most, and fragmentLeast before a key picture begins another.
	fragmentLong  = 2 * time.Second
	fragmentLeast = time.Second
	// maxGap is how long pictures may be away within a file.
	maxGap = 10 * time.Second
	// keyEvery is the longest time without a key picture: how exactly players seek. The encoder's own is the same.
	keyEvery = 10 * time.Second
	// askEvery is how often a key picture is asked for.
	askEvery = 2 * time.Second
	// resume is what must be free beyond the least, in bytes, for a recording to go on that stopped for want of room.
	resume = 32 << 20
	// retry is how long a recording waits after its disk failed.
	retry = 10 * time.Second
)

// State is what a recorder is at.
type State string

// The states of a recorder.
const (
	Idle    State = "idle"      // nobody wants a recording
	Waiting State = "waiting"   // for a picture to begin with
	Running State = "recording" // as visitors have to know
	Full    State = "full"      // waiting for room
	Failed  State = "failed"    // waiting to try again
)

// Status is what the operator sees.
type Status struct {
	State   State
	Why     string        // of Full and Failed, a sentence
	Name    string        // of the recording that is being made; "": none is
	Long    time.Duration // of it, so far
	Bytes   int64
	Release Release // what holds now
	Note    string
}

// Stats counts since New.
type Stats struct {
	Dropped   uint64 // pictures that the disk was too slow for, and those up to the next key picture
	Late      uint64 // pictures and packets whose time was not after the one before
	Silence   uint64 // packets of silence that stand for sound that did not come
	Fragments uint64
	Bytes     uint64 // written
	Syncs     uint64
	Failures  uint64 // of the disk
	Files     uint64
	Deleted   uint64 // for want of room
}

// Recorder records. Run does the work; all other methods are safe for concurrent use.
type Recorder struct {
	cfg   Config
	queue *queue

	wanted atomic.Bool
	sounds atomic.Pointer[capture.Sound] // the latest, while nothing is recorded

	mu     sync.Mutex
	status Status
	stats  Stats

	// The rest is Run's.
	film   *film
	number int           // of the latest recording
	asked  time.Duration // when a key picture was asked for, by the pictures' clock
	last   time.Duration // when the last picture was taken
	heard  time.Duration // when the last packet of sound was; 0: there was none
	stereo bool          // it was of two channels
	calm   bool          // no picture has come since the last tick
	again  time.Time     // not before that, after a failure
	torn   bool          // a file was not closed
}

// New prepares a recorder. It records nothing before Start.
func New(cfg Config) *Recorder {
	return &Recorder{cfg: cfg.whole(), queue: newQueue(), status: Status{State: Idle, Release: Withheld}}
}

// ErrBusy says that a wish was not carried out in time, as the disk does not answer. It still may be.
var ErrBusy = errors.New("the disk does not answer: it is not known yet whether that was done")

// Start begins a recording with the next key picture, which it asks for, and goes on through all that stops it until Stop. What it
// records is withheld until Mark says otherwise. A recorder that was started stays so.
func (r *Recorder) Start(ctx context.Context) error {
	return r.order(ctx, func() error {
		if !r.wanted.Swap(true) {
			r.again = time.Time{}
			if s := r.sounds.Swap(nil); s != nil {
				r.hear(*s)
			}
			r.set(func(s *Status) { s.State, s.Why, s.Release, s.Note = Waiting, "", Withheld, "" })
			r.cfg.WantKeyframe(0)
		}
		return nil
	})
}

// Stop ends the recording and closes its file.
func (r *Recorder) Stop(ctx context.Context) error {
	return r.order(ctx, func() error {
		r.wanted.Store(false)
		err := r.finish()
		r.set(func(s *Status) { s.State, s.Why, s.Release, s.Note = Idle, "", Withheld, "" })
		return err
	})
}

// Mark says whether what is recorded from now on is released, until the next mark; it holds for later files of this recording too,
// and until Stop. It returns when that is on the disk. Where Withheld cannot be written the recording ends, so that nothing
// is in it that seems released; another begins.
func (r *Recorder) Mark(ctx context.Context, is Release, note string) error {
	at := capture.Monotonic()
	note = cleanNote(note)
	return r.order(ctx, func() error { return r.mark(at, is, note) })
}

// ErrIdle says that there is no recording to be marked.
var ErrIdle = errors.New("nothing is being recorded")

func (r *Recorder) mark(at time.Duration, is Release, note string) error {
	if !r.wanted.Load() {
		return ErrIdle
	}
	if r.film != nil {
		if err := r.film.notes.mark(at, is, note); err != nil {
			if is == Released {
				return err
			}
			r.set(func(s *Status) { s.Release, s.Note = is, note }) // of the next file
			r.fail(err)
			return nil
		}
		r.cfg.WantKeyframe(0)
	}
	r.set(func(s *Status) { s.Release, s.Note = is, note })
	return nil
}

// order has Run do something, behind all that was handed over before.
func (r *Recorder) order(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	if !r.queue.put(item{do: func() { done <- do() }}) {
		return ErrBusy
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ErrBusy
	}
}

// SetLayers says that a camera program has started.
func (r *Recorder) SetLayers([]capture.Layer) {
	if r.wanted.Load() {
		r.queue.put(item{do: func() { r.flush() }}) // full: then it is one gap more
	}
}

// Picture takes a picture. It never blocks; pictures of other layers than 0 are passed over.
func (r *Recorder) Picture(au capture.AccessUnit) {
	if au.Layer != 0 || !r.wanted.Load() {
		return
	}
	if lost, ask := r.queue.picture(au); lost {
		r.count(func(s *Stats) { s.Dropped++ })
		if ask {
			r.cfg.WantKeyframe(0)
		}
	}
}

// Sound takes a packet of sound. It never blocks.
func (r *Recorder) Sound(s capture.Sound) {
	switch {
	case len(s.Data) == 0:
	case r.wanted.Load():
		r.queue.put(item{sound: s}) // full: silence fills in
	default:
		r.sounds.Store(&s) // a recording that begins has to know that there is sound
	}
}

// Status is what it is at now.
func (r *Recorder) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Stats returns what was counted so far.
func (r *Recorder) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.stats
}

func (r *Recorder) count(f func(*Stats)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.stats)
}

// set changes what the operator sees, and tells of a beginning and an end.
func (r *Recorder) set(f func(*Status)) {
	r.mu.Lock()
	before := r.status.State == Running
	f(&r.status)
	after := r.status.State == Running
	r.mu.Unlock()
	if before != after {
		r.cfg.Changed()
	}
}
