package perm

import "bytes"

// others are what somebody may have made on the partition instead, by what their first 128 KB say (Linux,
// include/uapi/linux/magic.h and each file system's own documentation). The copy of a kit's superblock may still lie behind
// them, untouched.
var others = []struct {
	at    int
	magic string
}{
	{510, "\x55\xaa"},          // FAT, exFAT, NTFS: a boot sector
	{0, "XFSB"},                // XFS
	{0, "hsqs"},                // squashfs
	{0, "LUKS\xba\xbe"},        // an encrypted disk
	{512, "LABELONE"},          // LVM
	{1024, "\x10\x20\xf5\xf2"}, // F2FS
	{4086, "SWAPSPACE2"},       // swap
	{32769, "CD001"},           // ISO 9660
	{65600, "_BHRfS_M"},        // btrfs
}

// another tells whether a partition's first bytes are another file system's.
func another(head []byte) bool {
	for _, o := range others {
		if len(head) >= o.at+len(o.magic) && bytes.Equal(head[o.at:][:len(o.magic)], []byte(o.magic)) {
			return true
		}
	}
	return false
}
