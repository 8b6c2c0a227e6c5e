package record

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// repair brings what a crash or power cut left into order: each recording that was not closed ends with its last whole fragment
// and is closed. One without any, and marks without a recording, are deleted. What it does not know it leaves alone.
func (r *Recorder) repair() error {
	names, err := r.names()
	if err != nil {
		return err
	}
	var first error
	for _, name := range names {
		if err := r.repairOne(name); err != nil && first == nil {
			first = err
		}
	}
	marks, err := namesOf(r.cfg.Dir, marksSuffix)
	for _, name := range marks {
		if _, e := os.Lstat(r.path(name, filmSuffix)); errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, os.Remove(r.path(name, marksSuffix)))
		}
		r.number = max(r.number, numberOf(name))
	}
	if first == nil {
		first = err
	}
	return first
}

func (r *Recorder) repairOne(name string) error {
	r.number = max(r.number, numberOf(name))
	path := r.path(name, filmSuffix)
	f, err := r.cfg.open(path, os.O_RDWR)
	if err != nil {
		return fmt.Errorf("record: repair: %w", err)
	}
	end, cut, err := mend(f)
	err = errors.Join(err, f.Close())
	switch {
	case errors.Is(err, errEmpty):
		r.cfg.Log.Info("a recording of nothing is deleted, as the power went when it began", "recording", name)
		err = os.Remove(path)
	case err != nil:
		r.cfg.Log.Warn("a recording cannot be closed, and is left as it is", "recording", name, "err", err)
		return nil
	case end > 0:
		r.cfg.Log.Info("a recording that broke off is closed", "recording", name, "bytes", end, "torn", cut)
	}
	return err
}

// errEmpty says that there is nothing in a file that could be played.
var errEmpty = errors.New("record: nothing is in it")

// errDamaged says that more cannot be read than a power cut tears.
var errDamaged = errors.New("record: it is damaged far from its end")

// mostTorn is far above what a power cut may tear: a fragment, of half a megabyte as pictures usually are.
const mostTorn = 16 << 20

// mend closes a file that was not. end is 0 where it was.
func mend(f file) (end, cut int64, err error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, 0, fmt.Errorf("record: repair: %w", err)
	}
	if size <= headSize {
		return 0, size, errEmpty
	}
	head := make([]byte, headSize)
	if _, err := f.ReadAt(head, 0); err != nil {
		return 0, 0, fmt.Errorf("record: repair: %w", err)
	}
	at, closed, err := place(head)
	if err != nil || closed {
		return 0, 0, err
	}
	end, x, err := scan(f, size)
	if err != nil {
		return 0, 0, err
	}
	if size-end > mostTorn {
		return 0, 0, errDamaged
	}
	if end == headSize {
		return 0, size - end, errEmpty
	}
	if end < size {
		if err := f.Truncate(end); err != nil {
			return 0, 0, fmt.Errorf("record: repair: %w", err)
		}
	}
	return end, size - end, x.put(f, at)
}
