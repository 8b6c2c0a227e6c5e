package record

import (
	"errors"
	"fmt"
	"os"
	"time"

	"edgekit.internal/capture"
)

// film is a recording that is being made. A fragment is gathered in memory and written at once.
type film struct {
	format
	name  string
	f     file
	notes *notes
	place int64 // of the index
	size  int64 // of whole fragments, and the head
	index index
	n     uint32 // fragments

	base  time.Duration // CLOCK_MONOTONIC of time 0, when the first picture was taken
	keyAt time.Duration // when the last key picture was

	pictures []sample // the last one's length is not known yet
	sounds   []sample
	heard    int64 // where the sound is over, in its ticks
}

// create makes the two files of a recording: first the marks, so that there never is one without.
func (r *Recorder) create(name string, of format, base time.Duration, b Beginning, now Status) (_ *film, err error) {
	head, err := of.head()
	if err != nil {
		return nil, err
	}
	f := &film{format: of, name: name, base: base, keyAt: base, size: headSize}
	if f.place, _, err = place(head); err != nil {
		return nil, err
	}
	defer func() {
		if err == nil {
			return
		}
		for suffix, c := range map[string]file{marksSuffix: notesFile(f.notes), filmSuffix: f.f} {
			if c != nil {
				c.Close()
				os.Remove(r.path(name, suffix)) // else the next start does
			}
		}
	}()
	const fresh = os.O_CREATE | os.O_EXCL | os.O_RDWR
	marks, err := r.cfg.open(r.path(name, marksSuffix), fresh)
	if err != nil {
		return nil, fmt.Errorf("record: create: %w", err)
	}
	f.notes = &notes{f: marks, base: base}
	if err := f.notes.begin(b); err != nil {
		return nil, err
	}
	if err := f.notes.mark(base, now.Release, now.Note); err != nil {
		return nil, err
	}
	if f.f, err = r.cfg.open(r.path(name, filmSuffix), fresh); err != nil {
		return nil, fmt.Errorf("record: create: %w", err)
	}
	if _, err = f.f.Write(head); err == nil {
		err = errors.Join(f.f.Sync(), syncDir(r.cfg.Dir))
	}
	if err != nil {
		return nil, fmt.Errorf("record: begin %s: %w", name, err)
	}
	return f, nil
}

func notesFile(n *notes) file {
	if n == nil {
		return nil
	}
	return n.f
}

// ticks is an instant in the film, at a clock's rate. Instants of the same clock reading are the same at any rate, so sound stays
// with the picture.
func (f *film) ticks(at time.Duration, rate int64) int64 {
	d := at - f.base
	return int64(d/time.Second)*rate + int64(d%time.Second)*rate/int64(time.Second)
}

// due tells whether a picture begins another fragment.
func (f *film) due(au capture.AccessUnit) bool {
	if len(f.pictures) == 0 {
		return false
	}
	first := f.pictures[0].at
	now := f.ticks(au.At, capture.ClockRate)
	if au.Key && now-first >= ticksOf(fragmentLeast) {
		return true
	}
	// With one more its length would be past the bound: that of the last is known only when the next is there.
	return now-first+f.pace() > ticksOf(fragmentLong)
}

func ticksOf(d time.Duration) int64 { return int64(d) * capture.ClockRate / int64(time.Second) }

// pace is how long the last picture whose length is known was, as a guess of the next one's.
func (f *film) pace() int64 {
	if n := len(f.pictures); n > 1 {
		return f.pictures[n-1].at - f.pictures[n-2].at
	}
	return capture.ClockRate / 30
}

func (f *film) empty() bool { return len(f.pictures) == 0 && len(f.sounds) == 0 }

// picture gathers a picture.
func (f *film) picture(au capture.AccessUnit) {
	at := f.ticks(au.At, capture.ClockRate)
	f.until(at)
	f.pictures = append(f.pictures, sample{data: picture(au.Data), key: au.Key, at: at})
}

// until ends the last picture that was gathered.
func (f *film) until(at int64) {
	if n := len(f.pictures); n > 0 {
		f.pictures[n-1].long = uint32(at - f.pictures[n-1].at)
	}
}

// flush writes what was gathered, as one fragment, and syncs it.
func (f *film) flush() (silence, n int, err error) {
	over := f.index.end
	if k := len(f.pictures); k > 0 {
		if f.pictures[k-1].long == 0 {
			f.pictures[k-1].long = uint32(f.pace())
		}
		over = f.pictures[k-1].at + int64(f.pictures[k-1].long)
	}
	if f.channels > 0 {
		if to := over * capture.SoundRate / capture.ClockRate; f.heard < to-patience {
			silence = f.fill(to - patience/2)
		}
	}
	b, err := fragment(f.n+1, f.pictures, f.sounds)
	if err != nil {
		return silence, 0, err
	}
	if _, err = f.f.Write(b); err == nil {
		err = f.f.Sync()
	}
	if err != nil {
		// What is torn is no fragment, and what follows it is not found. Should that fail too, the next start cuts it off.
		err = errors.Join(err, f.f.Truncate(f.size))
		if _, e := f.f.Seek(f.size, 0); e != nil {
			err = errors.Join(err, e)
		}
		f.pictures, f.sounds = nil, nil
		return silence, 0, fmt.Errorf("record: write %s: %w", f.name, err)
	}
	at, key := over, false
	if len(f.pictures) > 0 {
		at, key = f.pictures[0].at, f.pictures[0].key
	}
	f.n++
	f.size += int64(len(b))
	f.index.add(int64(len(b)), at, over, key)
	f.pictures, f.sounds = f.pictures[:0], f.sounds[:0]
	return silence, len(b), nil
}

// close writes what was gathered, makes the index, and closes the files.
func (f *film) close() (silence, n int, err error) {
	if !f.empty() {
		silence, n, err = f.flush()
	}
	if f.size > headSize {
		if e := f.index.put(f.f, f.place); e != nil {
			err = errors.Join(err, fmt.Errorf("record: close %s: %w", f.name, e))
		}
	}
	return silence, n, errors.Join(err, f.f.Close(), f.notes.f.Close())
}
