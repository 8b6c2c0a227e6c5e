package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
)

// guid is a partition's identifier as a GUID partition table stores it: the first three groups with the lowest byte first
// (UEFI specification 2.10, appendix A).
type guid [16]byte

// parseGUID reads the usual form, 8-4-4-4-12 hexadecimal digits.
func parseGUID(text string) (g guid, err error) {
	groups := strings.Split(text, "-")
	b, err := hex.DecodeString(strings.Join(groups, ""))
	if err != nil || len(b) != len(g) || len(groups) != 5 || len(groups[0]) != 8 || len(groups[1]) != 4 || len(groups[2]) != 4 || len(groups[3]) != 4 {
		return g, fmt.Errorf("%q: expected a partition's UUID", text)
	}
	binary.LittleEndian.PutUint32(g[:], binary.BigEndian.Uint32(b))
	binary.LittleEndian.PutUint16(g[4:], binary.BigEndian.Uint16(b[4:]))
	binary.LittleEndian.PutUint16(g[6:], binary.BigEndian.Uint16(b[6:]))
	copy(g[8:], b[8:])
	return g, nil
}

func (g guid) String() string {
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(g[:]), binary.LittleEndian.Uint16(g[4:]), binary.LittleEndian.Uint16(g[6:]), g[8:10], g[10:])
}

// The table's header and entries (UEFI specification 2.10, section 5.3), on disks with sectors of 512 bytes, as cards have.
const (
	sector     = 512
	headerSize = 92
	maxEntries = 1 << 16 // bytes of all entries; 128 of 128 bytes are the rule
)

var errNoTable = errors.New("no GUID partition table")

// numberOf finds a partition by its identifier in a disk's primary table, and gives its number, from 1. The kernel did not
// read partitions from a table whose sums are wrong, so neither does this.
func numberOf(disk io.ReaderAt, id guid) (int, error) {
	head := make([]byte, sector)
	if _, err := disk.ReadAt(head, sector); err != nil {
		return 0, err
	}
	sum := binary.LittleEndian.Uint32(head[16:])
	clear(head[16:20])
	if string(head[:8]) != "EFI PART" || binary.LittleEndian.Uint32(head[12:]) != headerSize || crc32.ChecksumIEEE(head[:headerSize]) != sum {
		return 0, errNoTable
	}
	at, count, size := binary.LittleEndian.Uint64(head[72:]), binary.LittleEndian.Uint32(head[80:]), binary.LittleEndian.Uint32(head[84:])
	if total := uint64(count) * uint64(size); size < 128 || total > maxEntries || at < 2 || at > 1<<40 {
		return 0, errNoTable
	}
	entries := make([]byte, count*size)
	if _, err := disk.ReadAt(entries, int64(at)*sector); err != nil {
		return 0, err
	}
	if crc32.ChecksumIEEE(entries) != binary.LittleEndian.Uint32(head[88:]) {
		return 0, errNoTable
	}
	for n := range int(count) {
		if e := entries[n*int(size):]; guid(e[16:32]) == id && guid(e[:16]) != (guid{}) {
			return n + 1, nil
		}
	}
	return 0, fmt.Errorf("no partition %v", id)
}
