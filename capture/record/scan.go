package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"
)

var (
	errNotOurs = errors.New("this is no file of ours")
	errOpen    = errors.New("it was not closed, which the next start of the kit does")
)

// maxMoof is far above what two seconds take: some 16 bytes a sample.
const maxMoof = 1 << 18

// looked is how many of the last fragments are looked into. All but the last were synced before the next was written.
const looked = 4

// scan walks a file that was not closed, and tells what of it is whole: up to which byte, with what in it. It takes any bytes. An
// error is of reading, or errNotOurs.
func scan(f io.ReaderAt, size int64) (end int64, x index, err error) {
	head := make([]byte, headSize)
	if size < headSize {
		return 0, x, errNotOurs
	}
	if _, err := f.ReadAt(head, 0); err != nil {
		return 0, x, fmt.Errorf("record: read: %w", err)
	}
	if _, _, err := place(head); err != nil {
		return 0, x, err
	}
	var found []part
	end = headSize
	for {
		one, err := readFragment(f, end, size, uint32(len(found)+1))
		if errors.Is(err, errTorn) {
			break
		}
		if err != nil {
			return 0, x, err
		}
		found = append(found, one)
		end += one.size
	}
	for i := max(0, len(found)-looked); i < len(found); i++ {
		if err := found[i].whole(f); errors.Is(err, errTorn) {
			end, found = found[i].off, found[:i]
			break
		} else if err != nil {
			return 0, x, err
		}
	}
	for _, one := range found {
		at, over := one.at, one.end
		if !one.pictures {
			at, over = x.end, x.end
		}
		x.add(one.size, at, over, one.key)
	}
	return end, x, nil
}

var errTorn = errors.New("record: torn")

// part is a fragment found in a file.
type part struct {
	off, size int64
	data      int64 // where the pictures are
	sizes     []uint32
	sound     int64 // where the packets are
	packets   []uint32
	pictures  bool
	at, end   int64 // of the pictures, in ticks
	key       bool  // the first is one
}

// readFragment reads the fragment that begins at an offset and has a number. errTorn: there is none that is whole.
func readFragment(f io.ReaderAt, off, size int64, number uint32) (one part, err error) {
	moofSize, err := box(f, off, size, "moof")
	if err != nil || moofSize > maxMoof {
		return one, torn(err)
	}
	mdatSize, err := box(f, off+moofSize, size, "mdat")
	if err != nil {
		return one, torn(err)
	}
	b := make([]byte, moofSize)
	if _, err := f.ReadAt(b, off); err != nil {
		return one, fmt.Errorf("record: read: %w", err)
	}
	one = part{off: off, size: moofSize + mdatSize}
	moof, ok := decodeMoof(b)
	if !ok || moof.Mfhd == nil || moof.Mfhd.SequenceNumber != number {
		return one, errTorn
	}
	sum := int64(0)
	for _, t := range moof.Trafs {
		if t.Tfhd == nil || t.Tfdt == nil || len(t.Truns) != 1 || t.Trun.SampleCount() == 0 {
			return one, errTorn
		}
		long := int64(t.Trun.AddSampleDefaultValues(t.Tfhd, nil))
		if t.Tfhd.TrackID == soundTrack {
			one.sound = off + moofSize + 8 + sum
		}
		if t.Tfhd.TrackID == videoTrack {
			one.pictures, one.at = true, int64(t.Tfdt.BaseMediaDecodeTime())
			one.end = one.at + long
			one.key = mp4.IsSyncSampleFlags(t.Trun.Samples[0].Flags)
			one.data = off + moofSize + 8 + sum
		}
		for _, s := range t.Trun.Samples {
			sum += int64(s.Size)
			if t.Tfhd.TrackID == videoTrack {
				one.sizes = append(one.sizes, s.Size)
			} else {
				one.packets = append(one.packets, s.Size)
			}
		}
	}
	if sum != mdatSize-8 || one.at < 0 || one.end < one.at {
		return one, errTorn
	}
	return one, nil
}

// boxesIn are the boxes that a fragment of ours has in others. For boxes of other kinds the library may make as much room as they claim to
// need, which is what a hostile file would have it do.
var boxesIn = map[string][]string{"moof": {"mfhd", "traf"}, "traf": {"tfhd", "tfdt", "trun"}}

// known tells whether a box has in it only what it has in a fragment of ours.
func known(b []byte, kind string) bool {
	for inner := b[8:]; len(inner) > 0; {
		if len(inner) < 8 {
			return false
		}
		size, name := int64(binary.BigEndian.Uint32(inner)), string(inner[4:8])
		if size < 8 || size > int64(len(inner)) || !slices.Contains(boxesIn[kind], name) || boxesIn[name] != nil && !known(inner[:size], name) {
			return false
		}
		inner = inner[size:]
	}
	return true
}

// decodeMoof is the library's reading of bytes that may be anything.
func decodeMoof(b []byte) (moof *mp4.MoofBox, ok bool) {
	if !known(b, "moof") {
		return nil, false
	}
	defer func() {
		if recover() != nil { // it is made for files that are whole
			moof, ok = nil, false
		}
	}()
	decoded, err := mp4.DecodeBox(0, bytes.NewReader(b))
	if err != nil {
		return nil, false
	}
	moof, ok = decoded.(*mp4.MoofBox)
	return moof, ok
}

// whole looks into a fragment, of which parts are zeros if they did not get to the disk: NAL units fill its pictures, and none ends with
// a zero (ISO/IEC 14496-10 section 7.4.1); no packet begins with one, which would be 10 ms long (RFC 6716 table 2).
func (one part) whole(f io.ReaderAt) error {
	at := one.data
	for _, size := range one.sizes {
		for end := at + int64(size); at < end; {
			var n [5]byte
			if end-at < int64(len(n)) {
				return errTorn
			}
			if _, err := f.ReadAt(n[:], at); err != nil {
				return fmt.Errorf("record: read: %w", err)
			}
			at += 4 + int64(binary.BigEndian.Uint32(n[:]))
			if n[4] == 0 || at > end {
				return errTorn
			}
			if err := notZero(f, at-1); err != nil {
				return err
			}
		}
	}
	at = one.sound
	for _, size := range one.packets {
		if err := notZero(f, at); err != nil {
			return err
		}
		at += int64(size)
	}
	return nil
}

func notZero(f io.ReaderAt, at int64) error {
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		return fmt.Errorf("record: read: %w", err)
	}
	if b[0] == 0 {
		return errTorn
	}
	return nil
}

// box reads the header of a box that must be of a kind and within the file.
func box(f io.ReaderAt, off, size int64, kind string) (int64, error) {
	var b [8]byte
	if off+8 > size {
		return 0, errTorn
	}
	if _, err := f.ReadAt(b[:], off); err != nil {
		return 0, fmt.Errorf("record: read: %w", err)
	}
	n := int64(binary.BigEndian.Uint32(b[:]))
	if n < 8 || off+n > size || string(b[4:]) != kind {
		return 0, errTorn
	}
	return n, nil
}

// torn is an error as it is, or errTorn where there was none.
func torn(err error) error {
	if err == nil {
		return errTorn
	}
	return err
}
