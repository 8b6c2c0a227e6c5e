package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/Eyevinn/mp4ff/mp4"

	"edgekit.internal/capture"
)

// span is a part of a file that begins with a key picture, where players can begin; and the fragments that follow.
type span struct {
	size int64
	long int64 // in ticks of the video
}

// index is what a sidx tells: where each span is (ISO/IEC 14496-12 section 8.16.3). Players with one know a file's length and seek
// without reading all of it.
type index struct {
	spans []span
	end   int64 // of the video, in ticks
}

// add notes a fragment: its size, the first picture's time, the time at which the last picture is over, and whether the first is a
// key picture. A fragment of sound alone is noted with the end as both times.
func (x *index) add(size, at, end int64, key bool) {
	if key || len(x.spans) == 0 {
		x.spans = append(x.spans, span{})
		if n := len(x.spans); n > 1 {
			x.spans[n-2].long += at - x.end // nothing came in between: the picture stood
		}
		x.end = at
	}
	last := &x.spans[len(x.spans)-1]
	last.size += size
	last.long += max(0, end-x.end)
	x.end = max(x.end, end)
}

// box encodes the index for a place of a size, which it fills with a free box behind. Where there are too many spans for the place,
// neighbours become one.
func (x *index) box(place int) ([]byte, error) {
	const fixed, each, rest = 40, 12, 8
	spans := x.spans
	for fixed+each*len(spans)+rest > place || len(spans) > math.MaxUint16 {
		fewer := spans[:0:0]
		for i := 0; i < len(spans); i += 2 {
			s := spans[i]
			if i+1 < len(spans) {
				s.size, s.long = s.size+spans[i+1].size, s.long+spans[i+1].long
			}
			fewer = append(fewer, s)
		}
		if len(fewer) == len(spans) {
			return nil, fmt.Errorf("record: an index in %d bytes", place)
		}
		spans = fewer
	}
	s := &mp4.SidxBox{Version: 1, ReferenceID: videoTrack, Timescale: capture.ClockRate}
	for _, p := range spans {
		if p.size >= 1<<31 || p.long > math.MaxUint32 {
			return nil, fmt.Errorf("record: a span of %d bytes and %d ticks is none for an index", p.size, p.long)
		}
		s.SidxRefs = append(s.SidxRefs, mp4.SidxRef{ReferencedSize: uint32(p.size), SubSegmentDuration: uint32(p.long), StartsWithSAP: 1, SAPType: 1})
	}
	s.FirstOffset = uint64(place) - s.Size()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	b.Write(free(place - b.Len()))
	return b.Bytes(), nil
}

// writeAt is what an index is put into.
type writerAt interface {
	WriteAt(b []byte, off int64) (int, error)
	Sync() error
}

// put makes the free box at a place an index. Until the last eight bytes are written, which lie in one sector, it is a free box.
func (x *index) put(f writerAt, at int64) error {
	b, err := x.box(int(headSize - at))
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(b[8:], at+8); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if _, err := f.WriteAt(b[:8], at); err != nil {
		return err
	}
	return f.Sync()
}

// place finds where the index is, or is to be, in a file's head; closed tells whether it is there. An error says that it is no
// head of ours.
func place(head []byte) (at int64, closed bool, err error) {
	for _, want := range []string{"ftyp", "moov", "free", ""} {
		if int(at)+8 > len(head) {
			return 0, false, errNotOurs
		}
		size, kind := int64(binary.BigEndian.Uint32(head[at:])), string(head[at+4:at+8])
		switch {
		case want == "" && kind == "free" && at+size == headSize, want == "" && kind == "free" && restIsFree(head, at+size): // the index's size, without its name
			return at, false, nil
		case want == "" && kind == "sidx":
			return at, true, nil
		case kind != want || size < 8 || size > headSize:
			return 0, false, errNotOurs
		}
		at += size
	}
	return 0, false, errNotOurs
}

func restIsFree(head []byte, at int64) bool {
	return at >= 8 && at+8 <= int64(len(head)) && at+int64(binary.BigEndian.Uint32(head[at:])) == headSize && string(head[at+4:at+8]) == "free"
}

// long is how long a closed file is, in ticks of the video, by its index.
func long(head []byte) (ticks int64, err error) {
	at, closed, err := place(head)
	if err != nil {
		return 0, err
	}
	if !closed {
		return 0, errOpen
	}
	b := head[at:]
	if len(b) < 40 {
		return 0, errNotOurs
	}
	n := int(binary.BigEndian.Uint16(b[38:]))
	if len(b) < 40+12*n {
		return 0, errNotOurs
	}
	for i := range n {
		ticks += int64(binary.BigEndian.Uint32(b[40+12*i+4:]))
	}
	return ticks, nil
}
