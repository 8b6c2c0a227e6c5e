package perm

import (
	"context"
	"fmt"
	"os"
)

// A FAT16's state is at byte 37 of its first sector: bit 0 is set while it is mounted for writing (Linux, fs/fat/inode.c,
// fat_set_state). That it is set now means that the power went meanwhile, in an update or while settings were saved.
const (
	fatState = 37
	fatDirty = 1
)

// CareForBoot checks and repairs the boot partition, which is device, if it was not unmounted in order. It says what was
// done, or nothing. What a power cut leaves there is clusters that belong to no file; they would fill it in time.
func (p Programs) CareForBoot(ctx context.Context, device string) (said string) {
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
	return "the boot partition was left in the middle of a write, and is in order again"
}
