package perm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// worthwhile is how much free space behind the partition is worth growing into, in sectors: 64 MB.
const worthwhile = 64 << 20 / sector

// Sectors between the table and the first partition that are used for a moment: spareArray for a second copy of the
// entries, markAt for the mark of a file system that is being made.
const (
	spareArray = arrayAt + arrayLen
	markAt     = spareArray + arrayLen
	spareEnd   = markAt + 1
)

// write is text for a sector and those behind it. Each of a step's sectors may be on the disk or not when the power is
// cut in it; a single sector is written whole or not at all.
type write struct {
	lba  int64
	text []byte
}

// Disk is a whole disk, or an image of one.
type Disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// plan is how partition n comes to reach to the end of a disk of so many sectors, in steps that are each on the disk
// before the next begins. It is empty if there is nothing to do, and finishes what a power cut left undone.
//
// The primary table must be good at every moment: the kernel does not look at the backup when it is not. Its header is one
// sector, so the new entries are first put where nothing is, and the header leads there; then they are put in their own
// place, and the header leads back. The backup at the end of the disk is complete before the primary names it.
func plan(d io.ReaderAt, sectors int64, n int) (steps [][]write, err error) {
	t, err := readTable(d, headerAt, sectors)
	if err != nil {
		return nil, err
	}
	if n < 1 || n > entryCount || !t.used(n) {
		return nil, fmt.Errorf("perm: no partition %d", n)
	}
	for i := 1; i <= entryCount; i++ {
		if t.used(i) && (t.first(i) < spareEnd || i != n && t.last(i) >= t.first(n)) {
			return nil, fmt.Errorf("perm: partition %d is in the way", i)
		}
	}
	settle := func(t *table, other, last int64) [][]write { // entries in their place, and the header that leads there
		return [][]write{{{arrayAt, t.array}}, {{headerAt, t.head(headerAt, other, arrayAt, spareArray, last)}}}
	}
	if a := t.u64(hdrArray); a != arrayAt {
		if a != spareArray {
			return nil, fmt.Errorf("perm: the partition table's entries are at sector %d: this was made by something else", a)
		}
		steps = settle(t, t.u64(hdrOther), t.u64(hdrLast))
	}
	end := sectors - 1                    // the backup's header
	last := end - arrayLen - 1            // usable
	grown := last - (last-t.first(n)+1)%8 // whole blocks of 4096 bytes
	if grown-t.last(n) >= worthwhile {
		t = t.copy()
		t.setLast(n, grown)
		steps = append(steps, [][]write{
			{{end - arrayLen, t.array}},
			{{end, t.head(end, headerAt, end-arrayLen, spareArray, last)}},
			{{spareArray, t.array}},
			{{headerAt, t.head(headerAt, end, spareArray, markAt, last)}},
		}...)
		steps = append(steps, settle(t, end, last)...)
	}
	mbr, err := at(d, 0, 1)
	if err != nil {
		return nil, fmt.Errorf("perm: MBR: %w", err)
	}
	if m := withLength(mbr, t.first(n), t.last(n)-t.first(n)+1); !bytes.Equal(m, mbr) {
		steps = append(steps, []write{{0, m}})
	}
	return steps, nil
}

// withLength is an MBR in which the partition that starts at first, if it is there, has a length.
func withLength(mbr []byte, first, length int64) []byte {
	m := bytes.Clone(mbr)
	for i := range 4 {
		e := m[446+16*i:][:16]
		if e[4] != 0 && e[4] != 0xEE && int64(binary.LittleEndian.Uint32(e[8:])) == first {
			binary.LittleEndian.PutUint32(e[12:], uint32(min(length, 1<<32-1)))
		}
	}
	return m
}

// growPartition carries the plan out, and says whether there was one, and the partition's first sector and length.
func growPartition(d Disk, sectors int64, n int) (changed bool, first, length int64, err error) {
	steps, err := plan(d, sectors, n)
	if err != nil {
		return false, 0, 0, err
	}
	for _, step := range steps {
		for _, w := range step {
			if _, err := d.WriteAt(w.text, w.lba*sector); err != nil {
				return true, 0, 0, fmt.Errorf("perm: partition table: %w", err)
			}
		}
		if err := d.Sync(); err != nil {
			return true, 0, 0, fmt.Errorf("perm: partition table: %w", err)
		}
	}
	t, err := readTable(d, headerAt, sectors)
	if err != nil {
		return len(steps) > 0, 0, 0, err
	}
	return len(steps) > 0, t.first(n), t.last(n) - t.first(n) + 1, nil
}

// mark is in the sector markAt while a file system is made. A power cut in that leaves something that is no file system and
// not blank either; by the mark it is known for our own.
var mark = append([]byte("edgekit: a file system is being made on partition 4"), make([]byte, sector-51)...)

func marked(d io.ReaderAt) (bool, error) {
	text, err := at(d, markAt, 1)
	return bytes.Equal(text, mark), err
}

func setMark(d Disk, on bool) error {
	text := mark
	if !on {
		text = make([]byte, sector)
	}
	_, err := d.WriteAt(text, markAt*sector)
	return errors.Join(err, d.Sync())
}
