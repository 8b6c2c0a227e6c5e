package perm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A FAT16's state is at byte 37 of its first sector: bit 0 is set while it is mounted for writing (Linux, fs/fat/inode.c,
// fat_set_state). That it is set now means that the power went meanwhile, in an update or while settings were saved.
const (
	fatState = 37
	fatDirty = 1
)

// CareForBoot checks and repairs the boot partition, which is device, if it was not unmounted in order. It says what was
// done, or nothing. What a power cut leaves there is clusters that belong to no file; they would fill it in time. dir is an
// empty folder to mount it on for a moment.
func (p Programs) CareForBoot(ctx context.Context, device, dir string) (said string) {
	f, err := os.Open(device)
	if err != nil {
		return fmt.Sprintf("the boot partition was not looked at: %v", err)
	}
	head := make([]byte, sector)
	_, err = f.ReadAt(head, 0)
	f.Close()
	if err != nil || head[510] != 0x55 || head[511] != 0xAA {
		return fmt.Sprintf("the boot partition was not looked at: it is no FAT (%v)", err)
	}
	if head[fatState]&fatDirty == 0 {
		return ""
	}
	exit, text, err := run(ctx, quickLimit, p.fsckFAT(), "-a", "-w", device)
	switch { // fsck.fat(8): 1 errors corrected
	case err != nil:
		return fmt.Sprintf("the boot partition was not checked: %v", err)
	case exit > 1:
		return fmt.Sprintf("the boot partition could not be repaired (fsck.fat: exit %d): %s", exit, text)
	}
	if err := unix.Mount(device, dir, "vfat", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_NOATIME, ""); err != nil {
		return fmt.Sprintf("the boot partition was repaired, and cannot be mounted: %v", err)
	}
	if err := errors.Join(removeSalvaged(dir), unix.Unmount(dir, 0)); err != nil {
		return fmt.Sprintf("the boot partition was repaired, and what that left over is still there: %v", err)
	}
	return "the boot partition was left in the middle of a write, and is in order again"
}

// removeSalvaged removes the files FSCK0000.REC and so on that fsck.fat makes of clusters without a file: parts of an
// update that was cut off, hundreds of them, and the top folder of a FAT16 has 512 places.
func removeSalvaged(dir string) error {
	all, err := filepath.Glob(filepath.Join(dir, "[Ff][Ss][Cc][Kk][0-9][0-9][0-9][0-9].[Rr][Ee][Cc]"))
	for _, path := range all {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
