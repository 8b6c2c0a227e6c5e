package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The disk as gok lays it out, with the sizes that edits gives it: boot (FAT), root A, root B (squashfs), perm (ext4),
// the second GPT header. The boot partition has two systems' kernels (46 MB each, not compressed: UEFI wants them so).
const (
	diskSize = 2 << 30
	bootAt   = 4 << 20
	bootSize = 256 << 20
	rootSize = 400 << 20
	rootA    = bootAt + bootSize
	rootB    = rootA + rootSize
	permAt   = rootB + rootSize
	gptTail  = 33 * 512
	permSize = (diskSize - permAt - gptTail) / 4096 * 4096
)

// bootFree is what must be left on the boot partition: for settings that are dropped there, and for the other slot's
// kernel.
const bootFree = 100 << 20

// permID is the data partition's UUID; nothing looks it up.
const permID = "7d1b6a52-6f0e-4c1f-9d3e-000000000004"

// mke2fsConf is what the host's own file would decide; it differs from one release to the next.
const mke2fsConf = `[defaults]
	base_features = sparse_super,large_file,filetype,resize_inode,dir_index,ext_attr
	blocksize = 4096
	inode_size = 256
	inode_ratio = 16384
[fs_types]
	ext4 = {
		features = has_journal,extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
	}
`

// makeDisk lets gok build the programs and write the whole disk. What it may need from the network is there by now.
func (b *build) makeDisk() error {
	_, err := b.outputWith([]string{"GOPROXY=off"}, b.cache, b.gok, "overwrite", "--parent_dir", filepath.Dir(b.work), "-i", b.name(),
		"--full", b.disk(), "--target_storage_bytes", strconv.Itoa(diskSize))
	return err
}

// unneeded are firmware files that only cameras, debugging and a cut-down start use.
var unneeded = []string{"start_x.elf", "start_db.elf", "start_cd.elf", "start4x.elf", "start4db.elf", "start4cd.elf",
	"fixup_x.dat", "fixup_db.dat", "fixup_cd.dat", "fixup4x.dat", "fixup4db.dat", "fixup4cd.dat"}

// remakeBoot writes the boot partition's files again: gok's has not a byte free. What belongs to a system, kernel, device
// trees and command line, goes into the folder of slot a, see image/update; the firmware's files stay at the top.
func (b *build) remakeBoot() error {
	files, fat := b.at("boot"), b.at("boot.fat")
	if err := errors.Join(os.RemoveAll(files), os.RemoveAll(fat), os.MkdirAll(files, 0o755)); err != nil {
		return err
	}
	if err := b.run("", "mcopy", "-smQ", "-i", fmt.Sprintf("%s@@%d", b.disk(), bootAt), "::*", files); err != nil {
		return err
	}
	for _, name := range unneeded {
		if err := os.RemoveAll(filepath.Join(files, name)); err != nil {
			return err
		}
	}
	if err := b.intoSlot(files); err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(fat, nil, 0o644), os.Truncate(fat, bootSize)); err != nil {
		return err
	}
	if err := b.run("", "mkfs.fat", "--invariant", "-F", "16", "-f", "1", "-s", "16", "-n", "EDGEKIT", fat); err != nil {
		return err
	}
	if err := b.copyToFAT(fat, files, ""); err != nil {
		return err
	}
	free, err := b.freeOnFAT(fat)
	if err != nil {
		return err
	}
	if free < bootFree {
		return fmt.Errorf("%d MB free, expected %d", free>>20, bootFree>>20)
	}
	return b.insert(fat, bootAt)
}

// copyToFAT copies a folder's files, sorted, then its folders.
func (b *build) copyToFAT(fat, dir, under string) error {
	entries, err := os.ReadDir(filepath.Join(dir, under))
	if err != nil {
		return err
	}
	copying := []string{"mcopy", "-mQ", "-i", fat}
	var folders []string
	for _, e := range entries {
		path := filepath.Join(dir, under, e.Name())
		if err := os.Chtimes(path, b.time(), b.time()); err != nil {
			return err
		}
		if e.IsDir() {
			folders = append(folders, filepath.Join(under, e.Name()))
		} else {
			copying = append(copying, path)
		}
	}
	if len(copying) > 4 {
		if err := b.run("", append(copying, "::"+under)...); err != nil {
			return err
		}
	}
	for _, f := range folders {
		if err := b.run("", "mmd", "-i", fat, "::"+f); err != nil {
			return err
		}
		if err := b.copyToFAT(fat, dir, f); err != nil {
			return err
		}
	}
	return nil
}

// freeOnFAT counts the free clusters of a FAT16 file system (Microsoft's FAT specification 1.03, section 3).
func (b *build) freeOnFAT(path string) (int, error) {
	f, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	u16 := func(at int) int { return int(binary.LittleEndian.Uint16(f[at:])) }
	sector, cluster, reserved, tables, rootEntries, tableSectors := u16(11), int(f[13]), u16(14), int(f[16]), u16(17), u16(22)
	data := bootSize/sector - reserved - tables*tableSectors - rootEntries*32/sector
	free := 0
	for n := range data / cluster {
		if u16(reserved*sector+(n+2)*2) == 0 {
			free++
		}
	}
	return free * cluster * sector, nil
}

// makePerm makes the data partition. gokrazy mounts it, and neither makes nor checks it.
func (b *build) makePerm() error {
	return b.run("", "mkfs.ext4", "-q", "-F", "-L", "perm", "-U", permID, "-m", "1", "-J", "size=16",
		"-E", fmt.Sprintf("offset=%d,root_owner=0:0,hash_seed=%s,nodiscard,lazy_itable_init=0,lazy_journal_init=0", permAt, permID), b.disk(), strconv.Itoa(permSize/1024)+"k")
}

// permUsed are the ranges of the data partition that are not free, in bytes from its start.
func (b *build) permUsed() ([]span, error) {
	text, err := b.output("", "dumpe2fs", fmt.Sprintf("%s?offset=%d", b.disk(), permAt))
	if err != nil {
		return nil, err
	}
	free, err := freeBlocks(text)
	if err != nil {
		return nil, err
	}
	var used []span
	at := int64(0)
	for _, f := range free {
		used = append(used, span{at, f.from})
		at = f.to
	}
	return append(used, span{at, permSize}), nil
}

// freeBlocks reads dumpe2fs's list: lines such as "  Free blocks: 1234-2047, 2100", one a group, blocks of 4096 bytes.
func freeBlocks(text string) (free []span, err error) {
	for line := range strings.Lines(text) {
		list, ok := strings.CutPrefix(line, "  Free blocks: ")
		if !ok {
			continue
		}
		for _, r := range strings.Split(strings.TrimSpace(list), ", ") {
			if r == "" {
				continue
			}
			a, z, ranged := strings.Cut(r, "-")
			if !ranged {
				z = a
			}
			from, err1 := strconv.ParseInt(a, 10, 64)
			to, err2 := strconv.ParseInt(z, 10, 64)
			if err := errors.Join(err1, err2); err != nil {
				return nil, fmt.Errorf("dumpe2fs: %q: %w", r, err)
			}
			free = append(free, span{from * 4096, (to + 1) * 4096})
		}
	}
	slices.SortFunc(free, func(a, b span) int { return int((a.from - b.from) / 4096) })
	if len(free) == 0 {
		return nil, errors.New("dumpe2fs lists no free blocks")
	}
	return free, nil
}

// insert copies a file into the disk.
func (b *build) insert(path string, at int64) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	d, err := os.OpenFile(b.disk(), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := d.WriteAt(text, at); err != nil {
		d.Close()
		return err
	}
	return d.Close()
}
