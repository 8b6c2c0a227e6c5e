package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

// Run first closes what a crash left open, then records, until ctx ends; then it closes its file. What the disk does wrong
// ends a file, and is no error of Run's.
func (r *Recorder) Run(ctx context.Context) error {
	if err := os.MkdirAll(r.cfg.Dir, 0o700); err != nil {
		r.cfg.Log.Warn("recordings have no folder", "err", err)
	}
	if err := r.repair(); err != nil {
		r.cfg.Log.Warn("recordings of the last run are not all in order", "err", err)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := r.finish(); err != nil {
				r.cfg.Log.Warn("a recording was not closed; the next start does that", "err", err)
			}
			return nil
		case <-tick.C:
			r.tick()
		case <-r.queue.ready:
			for i, ok := r.queue.take(); ok && ctx.Err() == nil; i, ok = r.queue.take() {
				r.do(i)
			}
		}
	}
}

func (r *Recorder) do(i item) {
	switch {
	case i.do != nil:
		i.do()
	case i.sound.Data != nil:
		r.sound(i.sound)
	case r.wanted.Load():
		r.picture(i.picture)
	}
}

// tick writes what waits although no picture comes, and looks whether there is room again.
func (r *Recorder) tick() {
	if r.film != nil {
		if r.calm {
			r.flush()
		}
		r.calm = true
		return
	}
	if s := r.Status(); s.State == Full && r.room(resume) {
		r.set(func(s *Status) { s.State, s.Why = Waiting, "" })
		r.cfg.WantKeyframe(0)
	}
}

// picture records a picture.
func (r *Recorder) picture(au capture.AccessUnit) {
	r.calm = false
	if f := r.film; f != nil {
		gap := au.At - r.last
		switch {
		case gap > maxGap || gap < -maxGap:
			r.cfg.Log.Info("pictures were away, or their clock jumped: another recording begins", "gap", gap)
			r.ended(r.finish())
		case gap <= 0:
			r.count(func(s *Stats) { s.Late++ })
			return
		case au.Key:
			now, err := formatOf(au.Data, r.channels(au.At))
			if err == nil && f.other(now) || au.At-f.base >= r.cfg.Length {
				f.until(f.ticks(au.At, capture.ClockRate))
				r.ended(r.finish())
			}
		}
	}
	r.last = au.At
	if r.film == nil && !r.begin(au) {
		return
	}
	f := r.film
	if au.Key {
		f.keyAt = au.At
	}
	if au.At-f.keyAt >= keyEvery || au.At-f.base >= r.cfg.Length || f.channels == 0 && r.channels(au.At) > 0 {
		r.ask(au.At)
	}
	if f.due(au) {
		f.until(f.ticks(au.At, capture.ClockRate))
		if !r.flush() {
			return
		}
	}
	f.picture(au)
	r.set(func(s *Status) { s.Long = au.At - f.base })
}

// ask asks for a key picture.
func (r *Recorder) ask(at time.Duration) {
	if d := at - r.asked; d >= askEvery || d < 0 {
		r.asked = at
		r.cfg.WantKeyframe(0)
	}
}

// begin opens a file with a key picture; false: there is none. No key picture is asked for that nothing would become of.
func (r *Recorder) begin(au capture.AccessUnit) bool {
	switch s := r.Status(); {
	case s.State == Full || time.Now().Before(r.again):
		return false
	case !au.Key:
		r.ask(au.At)
		return false
	case !r.room(0):
		r.full()
		return false
	}
	if r.torn { // a file could not be closed when the disk failed
		r.torn = r.repair() != nil
	}
	format, err := formatOf(au.Data, r.channels(au.At))
	if err != nil {
		r.count(func(s *Stats) { s.Late++ })
		return false
	}
	date, known := r.cfg.Date()
	if !known {
		date = time.Time{}
	}
	if r.number >= maxNumber {
		r.fail(fmt.Errorf("record: there were %d recordings: delete the latest, or move all elsewhere", maxNumber))
		return false
	}
	r.number++
	now, name := r.Status(), nameOf(r.number, date)
	r.set(func(s *Status) { s.Name = name }) // from here on it is nobody else's
	f, err := r.create(name, format, au.At, Beginning{RTP: capture.Timestamp(au.At), Kit: (r.cfg.Now() - (capture.Monotonic() - au.At)).Milliseconds(), Date: date}, now)
	if err != nil {
		r.set(func(s *Status) { s.Name = "" })
		r.fail(err)
		return false
	}
	r.film = f
	r.count(func(s *Stats) { s.Files++; s.Syncs += 3; s.Bytes += headSize })
	r.set(func(s *Status) { s.State, s.Why, s.Bytes, s.Long = Running, "", headSize, 0 })
	r.cfg.Log.Info("recording", "recording", f.name, "sound", format.channels > 0)
	return true
}

// flush writes the fragment that was gathered; false: the file ended by it.
func (r *Recorder) flush() bool {
	f := r.film
	if f == nil || f.empty() {
		return f != nil
	}
	if !r.room(0) {
		r.full()
		return false
	}
	silence, n, err := f.flush()
	r.count(func(s *Stats) { s.Silence += uint64(silence) })
	if err != nil {
		if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
			r.count(func(s *Stats) { s.Failures++ })
			r.full()
		} else {
			r.fail(err)
		}
		return false
	}
	r.count(func(s *Stats) { s.Fragments++; s.Bytes += uint64(n); s.Syncs++ })
	r.set(func(s *Status) { s.Bytes = f.size })
	return true
}

// room tells whether there is room with so many bytes to spare, and makes it by deleting the oldest if it may.
func (r *Recorder) room(spare int64) bool {
	for {
		switch has, known := r.cfg.Spare(); {
		case known && has >= spare:
			return true
		case !known || !r.cfg.Oldest:
			return false
		}
		names, err := r.names()
		if err != nil || len(names) == 0 || names[0] == r.Status().Name {
			return false
		}
		if err := r.Delete(names[0]); err != nil {
			r.cfg.Log.Warn("the oldest recording cannot be deleted", "recording", names[0], "err", err)
			return false
		}
		r.cfg.Log.Info("the oldest recording is deleted, to go on", "recording", names[0])
		r.count(func(s *Stats) { s.Deleted++ })
	}
}

// full ends the file for want of room.
func (r *Recorder) full() {
	r.drop()
	r.cfg.Log.Warn("the disk is nearly full: recording stops until there is room")
	r.set(func(s *Status) {
		s.State, s.Why = Full, "The disk is nearly full. Recording goes on when there is room: download recordings and delete them here."
	})
}

// fail ends the file as the disk failed.
func (r *Recorder) fail(err error) {
	r.cfg.Log.Warn("the disk failed: recording stops, and is tried again", "err", err)
	r.drop()
	r.again = time.Now().Add(retry)
	r.count(func(s *Stats) { s.Failures++ })
	r.set(func(s *Status) {
		s.State, s.Why = Failed, "The disk failed: "+err.Error()+". What was recorded before is kept. It is tried again by itself; if that does not help, take another card."
	})
}

// drop closes the file without what was gathered.
func (r *Recorder) drop() {
	if r.film == nil {
		return
	}
	r.film.pictures, r.film.sounds = nil, nil
	if err := r.finish(); err != nil {
		r.cfg.Log.Warn("a recording was not closed; the next start does that", "err", err)
	}
}

// finish writes what was gathered and closes the file.
func (r *Recorder) finish() error {
	f := r.film
	if f == nil {
		return nil
	}
	silence, n, err := f.close()
	r.film = nil
	r.torn = r.torn || err != nil
	r.count(func(s *Stats) { s.Silence += uint64(silence); s.Bytes += uint64(n) + headSize; s.Syncs += 3 })
	r.set(func(s *Status) {
		s.Name, s.Long, s.Bytes = "", 0, 0
		if s.State == Running {
			s.State = Waiting
		}
	})
	if f.size == headSize { // nothing is in it
		return errors.Join(err, os.Remove(r.path(f.name, filmSuffix)), os.Remove(r.path(f.name, marksSuffix)))
	}
	return err
}

// ended takes note of a file that was not closed well.
func (r *Recorder) ended(err error) {
	if err != nil {
		r.fail(err)
	}
}
