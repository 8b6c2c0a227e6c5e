package perm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ext4's superblock and group descriptors (Linux, Documentation/filesystems/ext4: super.rst, group_descr.rst,
// checksums.rst), and where image/pack's and mke2fs's first copy of them is: block 32768 of 4096 bytes.
const (
	superAt   = 1024
	superLen  = 1024
	blockLen  = 4096
	backupAt  = backupNo * blockLen
	backupNo  = 32768
	maxGroups = 1 << 15 // 4 TB
)

type super [superLen]byte

func (s *super) u16(at int) uint16 { return binary.LittleEndian.Uint16(s[at:]) }
func (s *super) u32(at int) uint32 { return binary.LittleEndian.Uint32(s[at:]) }

func (s *super) magic() bool     { return s.u16(0x38) == 0xEF53 }
func (s *super) wide() bool      { return s.u32(0x60)&0x80 != 0 }  // INCOMPAT_64BIT
func (s *super) scattered() bool { return s.u32(0x60)&0x10 != 0 }  // INCOMPAT_META_BG: descriptors are elsewhere
func (s *super) summed() bool    { return s.u32(0x64)&0x400 != 0 } // RO_COMPAT_METADATA_CSUM
func (s *super) isCopy() bool    { return s.u16(0x5A) != 0 }       // s_block_group_nr
func (s *super) good() bool      { return s.magic() && sum(^uint32(0), s[:0x3FC]) == s.u32(0x3FC) }
func (s *super) shift() uint32   { return s.u32(0x18) }

func (s *super) blocks() int64 {
	n := int64(s.u32(4))
	if s.wide() {
		n |= int64(s.u32(0x150)) << 32
	}
	return n
}

// sum is crc32c as ext4 uses it: no complement before or after.
func sum(crc uint32, p []byte) uint32 {
	return ^crc32.Update(^crc, crc32.MakeTable(crc32.Castagnoli), p)
}

func readSuper(dev io.ReaderAt, at int64) (*super, error) {
	s := new(super)
	if _, err := dev.ReadAt(s[:], at); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("perm: read the data partition: %w", err)
	}
	return s, nil
}

// fsBytes is how long an ext4 says it is.
func fsBytes(dev io.ReaderAt) (int64, error) {
	s, err := readSuper(dev, superAt)
	if err != nil {
		return 0, err
	}
	n := s.blocks()
	if !s.magic() || s.shift() > 6 || n <= 0 || n > 1<<48 {
		return 0, errors.New("perm: superblock: no ext4")
	}
	return n << (10 + s.shift()), nil
}

// groups are the descriptors behind the superblock in a block, one for each group, by the account of s.
func (s *super) groups(dev io.ReaderAt, block int64) ([][]byte, error) {
	size, per := 32, int64(s.u32(0x20))
	if s.wide() {
		size = int(s.u16(0xFE))
	}
	if s.shift() != 2 || per != backupNo || size < 32 || size > 1024 || s.scattered() {
		return nil, errors.New("perm: not laid out as mke2fs does here")
	}
	n := (s.blocks() + per - 1) / per
	if n < 1 || n > maxGroups {
		return nil, fmt.Errorf("perm: %d groups", n)
	}
	text := make([]byte, int(n)*size)
	if _, err := dev.ReadAt(text, (block+1)*blockLen); err != nil {
		return nil, fmt.Errorf("perm: read the data partition: %w", err)
	}
	list := make([][]byte, n)
	for i := range list {
		list[i] = text[i*size : (i+1)*size]
	}
	return list, nil
}

// groupGood holds a descriptor against its sum.
func (s *super) groupGood(n int, d []byte) bool {
	seed := s.u32(0x270)
	if s.u32(0x60)&0x2000 == 0 { // INCOMPAT_CSUM_SEED
		seed = sum(^uint32(0), s[0x68:0x78])
	}
	crc := sum(sum(seed, binary.LittleEndian.AppendUint32(nil, uint32(n))), d[:0x1E])
	crc = sum(crc, []byte{0, 0})
	if len(d) > 32 {
		crc = sum(crc, d[0x20:])
	}
	return uint16(crc) == binary.LittleEndian.Uint16(d[0x1E:])
}

// sameplace says whether two descriptors have bitmaps and inodes at the same blocks, which only resizing changes.
func samePlace(a, b []byte) bool {
	return bytes.Equal(a[:12], b[:12]) && (len(a) < 0x2C || bytes.Equal(a[0x20:0x2C], b[0x20:0x2C]))
}

// copyKnowsBetter says whether superblock or group descriptors are damaged, and their copy is not. e2fsck believes the
// descriptors first: where they lead to the wrong blocks it takes those for inodes, clears the journal and all files, and
// writes the damage over the copy. So it has to be told to start from the copy, and only we look before it writes.
//
// A descriptor that was written by half has a wrong sum and leads to the right blocks; the journal mends that.
func copyKnowsBetter(dev io.ReaderAt) (bool, error) {
	own, err := readSuper(dev, superAt)
	if err != nil {
		return false, err
	}
	spare, err := readSuper(dev, backupAt)
	if err != nil || !spare.good() || !spare.isCopy() || !spare.summed() {
		return false, err
	}
	if own.magic() && !bytes.Equal(own[0x68:0x78], spare[0x68:0x78]) { // another file system's, from before
		return false, nil
	}
	if !own.good() {
		return true, nil
	}
	mine, err := own.groups(dev, 0)
	if err != nil {
		return false, nil // e2fsck has to see for itself
	}
	copies, err := spare.groups(dev, backupNo)
	if err != nil {
		return false, nil
	}
	for i := range min(len(mine), len(copies)) {
		if !own.groupGood(i, mine[i]) && !samePlace(mine[i], copies[i]) && spare.groupGood(i, copies[i]) {
			return true, nil
		}
	}
	return false, nil
}
