package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"edgekit.internal/capture"
)

// Release says whether those who can be seen and heard agreed to be recorded.
type Release string

// Nothing is released that nobody released: Withheld holds at each beginning, and wherever marks cannot be read.
const (
	Withheld Release = "withheld"
	Released Release = "released"
)

// A recording's marks are in a file beside it, NAME.marks: lines of JSON, the first a Beginning, the others marks as they were
// made, each from its time on until the next one's. The recorder alone writes it, syncs each line before whoever marked is
// told, and makes it before the recording. A power cut leaves whole lines and perhaps a part of one: that withholds from
// the mark before it on, since it may have been about that.
//
//	{"rtp":4194304,"kit_ms":86400000,"date":"2026-11-26T18:30:05Z"}
//	{"at":0,"rtp":4194304,"state":"withheld"}
//	{"at":12.4,"rtp":5310304,"state":"released","note":"Ana and both guests"}

// Beginning is what a recording's time 0 is elsewhere.
type Beginning struct {
	RTP  uint32    `json:"rtp"`            // of its first picture, see capture.Timestamp
	Kit  int64     `json:"kit_ms"`         // kit time, as journal and consents are dated by
	Date time.Time `json:"date,omitempty"` // wall clock; zero: it was not known
}

// Mark is a part of a recording, and whether it is released. Who cuts by marks leaves a margin: a mark is when a finger found the
// button, and the picture may be cut at any picture's end but begin at key pictures only, of which a mark asks for one.
type Mark struct {
	From, To time.Duration // in the recording
	RTP      uint32        // of From
	Release  Release
	Note     string // in the operator's words
}

// line is a mark as it is written.
type line struct {
	At      float64 `json:"at"` // seconds in the recording
	RTP     uint32  `json:"rtp"`
	Release Release `json:"state"`
	Note    string  `json:"note,omitempty"`
}

const (
	// maxNote bounds what an operator says of a mark, in characters.
	maxNote = 200
	// maxMarks bounds the marks of one recording that release. One that withholds is never refused.
	maxMarks = 1000
	// maxMarksFile is far above what those take.
	maxMarksFile = 8 << 20
)

// cleanNote is an operator's note as it is kept: one line, of printable characters.
func cleanNote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	if utf8.RuneCountInString(s) > maxNote {
		s = string([]rune(s)[:maxNote])
	}
	return s
}

// ReadMarks reads the marks of a recording of a length. They are in order, without gaps, from 0 to its end; what cannot be read
// is withheld, and an error says why. It takes any bytes.
func ReadMarks(r io.Reader, long time.Duration) (b Beginning, marks []Mark, err error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMarksFile+1))
	if len(text) > maxMarksFile {
		err = errors.Join(err, errors.New("more than there can be"))
	}
	withheld := []Mark{{To: long, Release: Withheld}}
	if err != nil {
		return b, withheld, fmt.Errorf("record: marks: %w", err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if err := json.Unmarshal(lines[0], &b); err != nil || !bytes.HasSuffix(lines[0], []byte("\n")) {
		return Beginning{}, withheld, errors.New("record: marks: the first line is torn: all is withheld")
	}
	next := func(at time.Duration, rtp uint32, is Release, note string) {
		at = min(max(at, 0), long)
		if n := len(marks); n > 0 {
			at = max(at, marks[n-1].From)
			marks[n-1].To = at
		}
		marks = append(marks, Mark{From: at, To: long, RTP: rtp, Release: is, Note: note})
	}
	next(0, b.RTP, Withheld, "")
	for i, l := range lines[1:] {
		if len(l) == 0 { // behind the last one
			continue
		}
		var m line
		if e := json.Unmarshal(l, &m); e != nil || !bytes.HasSuffix(l, []byte("\n")) || m.Release != Withheld && m.Release != Released || !(m.At >= 0 && m.At < 1e6) {
			err = fmt.Errorf("record: marks: line %d is torn: what it may have been about is withheld", i+2)
			marks[len(marks)-1].Release = Withheld
			continue
		}
		next(time.Duration(m.At*float64(time.Second)), m.RTP, m.Release, cleanNote(m.Note))
	}
	return b, joined(marks), err
}

// joined leaves out marks of no length, but for the last, and joins neighbours that say the same.
func joined(marks []Mark) (out []Mark) {
	for i, m := range marks {
		if m.From == m.To && (i < len(marks)-1 || len(out) > 0) {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Release == m.Release && out[n-1].Note == m.Note {
			out[n-1].To = m.To
			continue
		}
		out = append(out, m)
	}
	return out
}

// released is how much of a recording is.
func released(marks []Mark) (sum time.Duration) {
	for _, m := range marks {
		if m.Release == Released {
			sum += m.To - m.From
		}
	}
	return sum
}

// notes is a file of marks that is being written.
type notes struct {
	f    file
	size int64 // of whole lines
	n    int
	base time.Duration // CLOCK_MONOTONIC of the recording's time 0
}

// begin writes the first line.
func (n *notes) begin(b Beginning) error { return n.write(b) }

// mark notes what holds from an instant on.
func (n *notes) mark(at time.Duration, is Release, note string) error {
	if n.n >= maxMarks && is == Released {
		return fmt.Errorf("record: %d marks are in this recording: it takes no more that release", n.n)
	}
	in := max(0, at-n.base)
	err := n.write(line{At: in.Seconds(), RTP: capture.Timestamp(n.base + in), Release: is, Note: note})
	if err == nil {
		n.n++
	}
	return err
}

func (n *notes) write(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record: mark: %w", err)
	}
	b = append(b, '\n')
	if _, err = n.f.Write(b); err == nil {
		err = n.f.Sync()
	}
	if err != nil {
		// A part of a line, or a hole in its place, would spoil the next one; what is left of it withholds.
		err = errors.Join(err, n.f.Truncate(n.size))
		_, e := n.f.Seek(n.size, io.SeekStart)
		return fmt.Errorf("record: mark: %w", errors.Join(err, e))
	}
	n.size += int64(len(b))
	return nil
}
