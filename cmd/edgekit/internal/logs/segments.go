package logs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The log's folder holds files of JSON lines named by rising numbers, 00000001.log; the last is being written. Ring alone
// writes them, and removes the oldest. Each write is synced: a power cut leaves at most the last line torn, which the
// next start ends and reading passes over.
const (
	segmentBytes = 256 << 10
	maxSegments  = 16
)

// segments are the files of a folder. Not safe for concurrent use.
type segments struct {
	dir  string
	all  []int // their numbers, rising
	f    *os.File
	size int64
}

func openSegments(dir string) (*segments, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &segments{dir: dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if n, err := strconv.Atoi(strings.TrimSuffix(e.Name(), ".log")); err == nil && strings.HasSuffix(e.Name(), ".log") && n > 0 {
			s.all = append(s.all, n)
		}
	}
	slices.Sort(s.all)
	return s, nil
}

func (s *segments) path(n int) string { return filepath.Join(s.dir, fmt.Sprintf("%08d.log", n)) }

// append writes whole lines durably, in files of segmentBytes at most, and tells how many bytes.
func (s *segments) append(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		end := len(b)
		if end > segmentBytes {
			if end = bytes.LastIndexByte(b[:segmentBytes], '\n') + 1; end == 0 { // one line that is longer
				end = bytes.IndexByte(b, '\n') + 1
			}
		}
		var m int
		m, err = s.write(b[:end])
		n, b = n+m, b[end:]
	}
	return n, err
}

func (s *segments) write(b []byte) (n int, err error) {
	if s.f != nil && s.size+int64(len(b)) > segmentBytes {
		s.close()
		s.all = append(s.all, s.all[len(s.all)-1]+1)
	}
	if s.f == nil {
		if err := s.open(); err != nil {
			return 0, err
		}
	}
	n, err = s.f.Write(b)
	s.size += int64(n)
	if err = errors.Join(err, s.f.Sync()); err != nil {
		s.close() // the next one looks again where it stands
	}
	s.keep(maxSegments)
	return n, err
}

// open goes on with the last file, on a line of its own.
func (s *segments) open() error {
	if len(s.all) == 0 {
		s.all = []int{1}
	}
	last := s.all[len(s.all)-1]
	f, err := os.OpenFile(s.path(last), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	if st.Size() >= segmentBytes {
		f.Close()
		s.all = append(s.all, last+1)
		return s.open()
	}
	s.f, s.size = f, st.Size()
	var end [1]byte
	if s.size > 0 {
		if _, err := f.ReadAt(end[:], s.size-1); err == nil && end[0] != '\n' {
			f.Write([]byte{'\n'}) // a torn line; if this fails, so does the write that follows
			s.size++
		}
	}
	return nil
}

// keep removes all but the last so many files.
func (s *segments) keep(most int) {
	for len(s.all) > most {
		if err := os.Remove(s.path(s.all[0])); err != nil && !errors.Is(err, os.ErrNotExist) {
			return // it is tried again
		}
		s.all = s.all[1:]
	}
}

// shrink gives back what can be spared when the disk is filling: all but the last file.
func (s *segments) shrink() { s.keep(1) }

func (s *segments) close() {
	if s.f != nil {
		s.f.Close() // all of it was synced
		s.f = nil
	}
}

// lines gives the lines there are, oldest first. What cannot be read is left out.
func (s *segments) lines(yield func([]byte) bool) {
	for _, n := range s.all {
		b, err := os.ReadFile(s.path(n))
		if err != nil {
			continue
		}
		for line := range bytes.Lines(b) {
			if !yield(line) {
				return
			}
		}
	}
}
