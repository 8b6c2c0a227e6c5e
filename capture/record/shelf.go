package record

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgekit.internal/capture"
)

// A recording's name is its number and, if the date was known when it began, that in UTC: 00007-2026-11-26-1830, or 00007. They
// sort by number, so a clock that is wrong or jumps harms nothing. Numbers rise; that of the last one, if it is deleted and
// the kit starts again, may come again.
var nameForm = regexp.MustCompile(`^[0-9]{5}(-[0-9]{4}-[0-9]{2}-[0-9]{2}-[0-9]{4})?$`)

const (
	filmSuffix  = ".mp4"
	marksSuffix = ".marks"
	maxNumber   = 99999
)

func nameOf(number int, date time.Time) string {
	s := fmt.Sprintf("%05d", number)
	if !date.IsZero() {
		s += date.UTC().Format("-2006-01-02-1504")
	}
	return s
}

// Recording is one that is finished, or is being made.
type Recording struct {
	Name     string
	Bytes    int64
	Long     time.Duration
	Released time.Duration // how much of it is
	Began    time.Time     // wall clock; zero: not known
	Live     bool          // it is being made
	Broken   string        // why it cannot be used; "": it can
}

// ErrUnknown says that there is no such recording.
var ErrUnknown = errors.New("there is no such recording")

// ErrLive says that a recording is being made, and cannot be had or deleted before it is finished.
var ErrLive = errors.New("it is being recorded: stop the recording first")

// List are all recordings, newest first.
func (r *Recorder) List() ([]Recording, error) {
	names, err := r.names()
	if err != nil {
		return nil, err
	}
	live := r.Status()
	var all []Recording
	for _, name := range slices.Backward(names) {
		one := Recording{Name: name, Live: name == live.Name}
		if st, err := os.Stat(r.path(name, filmSuffix)); err == nil {
			one.Bytes = st.Size()
		}
		if one.Live {
			one.Long = live.Long
		} else if one.Long, err = length(r.path(name, filmSuffix)); err != nil {
			one.Broken = err.Error()
		}
		if f, err := os.Open(r.path(name, marksSuffix)); err == nil {
			b, marks, _ := ReadMarks(f, one.Long) // what cannot be read is withheld
			f.Close()
			one.Began, one.Released = b.Date, released(marks)
		}
		all = append(all, one)
	}
	return all, nil
}

// Open opens a finished recording for reading.
func (r *Recorder) Open(name string) (*os.File, error) {
	if err := r.finished(name); err != nil {
		return nil, err
	}
	f, err := os.Open(r.path(name, filmSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrUnknown
	}
	return f, err
}

// Marks are a finished recording's, see ReadMarks.
func (r *Recorder) Marks(name string) (Beginning, []Mark, error) {
	if err := r.finished(name); err != nil {
		return Beginning{}, nil, err
	}
	long, err := length(r.path(name, filmSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return Beginning{}, nil, ErrUnknown
	}
	if err != nil {
		return Beginning{}, nil, fmt.Errorf("record: marks: %w", err)
	}
	f, err := os.Open(r.path(name, marksSuffix))
	if err != nil {
		return Beginning{}, []Mark{{To: long, Release: Withheld}}, fmt.Errorf("record: marks: %w", err)
	}
	defer f.Close()
	return ReadMarks(f, long)
}

// Delete deletes a finished recording and its marks.
func (r *Recorder) Delete(name string) error {
	if err := r.finished(name); err != nil {
		return err
	}
	err := os.Remove(r.path(name, filmSuffix))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrUnknown
	}
	if err != nil {
		return fmt.Errorf("record: delete: %w", err)
	}
	// Marks without a recording are deleted at the next start, should the power go now.
	if err := errors.Join(os.Remove(r.path(name, marksSuffix)), syncDir(r.cfg.Dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("record: delete: %w", err)
	}
	return nil
}

// finished tells of a name that it may be that of a recording, and none that is being made.
func (r *Recorder) finished(name string) error {
	if !nameForm.MatchString(name) {
		return ErrUnknown
	}
	if r.Status().Name == name {
		return ErrLive
	}
	return nil
}

func (r *Recorder) path(name, suffix string) string {
	return filepath.Join(r.cfg.Dir, name+suffix)
}

// names are those of all recordings, oldest first.
func (r *Recorder) names() ([]string, error) { return namesOf(r.cfg.Dir, filmSuffix) }

func namesOf(dir, suffix string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("record: list: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if ok && e.Type().IsRegular() && nameForm.MatchString(name) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(numberOf(a), numberOf(b)), cmp.Compare(a, b)) })
	return names, nil
}

func numberOf(name string) int {
	n, _ := strconv.Atoi(name[:5]) // the form says that it is one
	return n
}

// length is how long a closed recording is.
func length(path string) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head := make([]byte, headSize)
	if _, err := io.ReadFull(f, head); err != nil {
		return 0, errNotOurs
	}
	ticks, err := long(head)
	return time.Duration(ticks) * time.Second / capture.ClockRate, err
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
