package perm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A GUID partition table as image/pack's cards have it: UEFI specification 2.10, chapter 5.3, with 512-byte sectors and
// 128 entries of 128 bytes, and in front of it an MBR that names the boot partition too, for the Pi.
const (
	sector     = 512
	entrySize  = 128
	entryCount = 128
	arrayLen   = entryCount * entrySize / sector // sectors
	headerSize = 92
	headerAt   = 1 // primary
	arrayAt    = 2 // primary
)

// table is one of a disk's two tables.
type table struct {
	header [sector]byte
	array  []byte
}

// Offsets in a header and in an entry.
const (
	hdrSize, hdrCRC, hdrMy, hdrOther, hdrFirst, hdrLast = 12, 16, 24, 32, 40, 48
	hdrArray, hdrCount, hdrEntry, hdrArrayCRC           = 72, 80, 84, 88
	entFirst, entLast                                   = 32, 40
)

func (t *table) u64(at int) int64      { return int64(binary.LittleEndian.Uint64(t.header[at:])) }
func (t *table) u32(at int) uint32     { return binary.LittleEndian.Uint32(t.header[at:]) }
func (t *table) set64(at int, v int64) { binary.LittleEndian.PutUint64(t.header[at:], uint64(v)) }
func (t *table) entry(n int) []byte    { return t.array[(n-1)*entrySize : n*entrySize] }
func (t *table) used(n int) bool       { return !bytes.Equal(t.entry(n)[:16], make([]byte, 16)) }
func (t *table) first(n int) int64     { return int64(binary.LittleEndian.Uint64(t.entry(n)[entFirst:])) }
func (t *table) last(n int) int64      { return int64(binary.LittleEndian.Uint64(t.entry(n)[entLast:])) }
func (t *table) setLast(n int, v int64) {
	binary.LittleEndian.PutUint64(t.entry(n)[entLast:], uint64(v))
}
func (t *table) copy() *table { return &table{t.header, bytes.Clone(t.array)} }
func at(r io.ReaderAt, lba int64, n int) ([]byte, error) {
	b := make([]byte, n*sector)
	_, err := r.ReadAt(b, lba*sector)
	return b, err
}

// errNoTable is when a disk has no table that is read here.
var errNoTable = errors.New("perm: no GUID partition table")

// readTable reads the table whose header is at a sector of a disk of so many sectors, and holds it against both sums.
func readTable(r io.ReaderAt, lba, sectors int64) (*table, error) {
	if lba < headerAt || lba >= sectors {
		return nil, fmt.Errorf("%w at sector %d of %d", errNoTable, lba, sectors)
	}
	head, err := at(r, lba, 1)
	if err != nil {
		return nil, fmt.Errorf("perm: partition table: %w", err)
	}
	t := &table{header: [sector]byte(head)}
	if string(head[:8]) != "EFI PART" || t.u32(hdrSize) != headerSize || t.u64(hdrMy) != lba {
		return nil, fmt.Errorf("%w at sector %d", errNoTable, lba)
	}
	if t.u32(hdrCRC) != t.headerSum() {
		return nil, fmt.Errorf("%w: the checksum of its header at sector %d is wrong", errNoTable, lba)
	}
	if t.u32(hdrCount) != entryCount || t.u32(hdrEntry) != entrySize {
		return nil, fmt.Errorf("%w: %d entries of %d bytes, expected %d of %d", errNoTable, t.u32(hdrCount), t.u32(hdrEntry), entryCount, entrySize)
	}
	if start := t.u64(hdrArray); start < arrayAt || start > sectors-arrayLen {
		return nil, fmt.Errorf("%w: its entries are at sector %d of %d", errNoTable, start, sectors)
	}
	if t.array, err = at(r, t.u64(hdrArray), arrayLen); err != nil {
		return nil, fmt.Errorf("perm: partition table: %w", err)
	}
	if crc32.ChecksumIEEE(t.array) != t.u32(hdrArrayCRC) {
		return nil, fmt.Errorf("%w: the checksum of its entries at sector %d is wrong", errNoTable, t.u64(hdrArray))
	}
	for n := 1; n <= entryCount; n++ {
		if t.used(n) && (t.first(n) < arrayAt+arrayLen || t.last(n) < t.first(n) || t.last(n) >= sectors) {
			return nil, fmt.Errorf("%w: partition %d is at sectors %d to %d of %d", errNoTable, n, t.first(n), t.last(n), sectors)
		}
	}
	return t, nil
}

func (t *table) headerSum() uint32 {
	h := t.header
	copy(h[hdrCRC:hdrCRC+4], make([]byte, 4))
	return crc32.ChecksumIEEE(h[:headerSize])
}

// head is the table's header for its place on the disk, with both sums.
func (t *table) head(my, other, array, first, last int64) []byte {
	h := t.copy()
	h.set64(hdrMy, my)
	h.set64(hdrOther, other)
	h.set64(hdrArray, array)
	h.set64(hdrFirst, first)
	h.set64(hdrLast, last)
	binary.LittleEndian.PutUint32(h.header[hdrArrayCRC:], crc32.ChecksumIEEE(h.array))
	binary.LittleEndian.PutUint32(h.header[hdrCRC:], h.headerSum())
	return h.header[:]
}
