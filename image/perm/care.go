package perm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"edgekit.internal/hardware/crash"
)

// Care does all of it for partition Number of a disk: grow the partition, check, repair or make its file system, grow
// that, and keep the report if there is something in it. device is the partition, disk what it is on. dir is an empty
// folder to mount it on for a moment; it is not mounted when Care returns.
func (p Programs) Care(ctx context.Context, device, disk, dir, boot string) (r Report) {
	start := time.Now()
	r.Boot = boot
	fail := func(err error) {
		if err != nil && r.Problem == "" {
			r.Problem = err.Error()
		}
	}
	defer func() { r.Took = time.Since(start) }()
	part, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		fail(err)
		return r
	}
	defer part.Close()
	found, err := look(part)
	if err != nil {
		fail(err)
		return r
	}
	d, sectors, err := openDisk(disk)
	if err != nil && found == nothing {
		fail(err)
		return r
	}
	fail(err) // a file system is looked after all the same
	making := false
	if err == nil {
		defer d.Close()
		making, err = marked(d)
		fail(err)
	}
	if found == somethingElse && !making {
		r.State = Foreign
		return r
	}
	if d != nil {
		r.Grown, err = growDisk(d, sectors, Number)
		fail(err)
	}
	if found == nothing || found == somethingElse {
		r.State, err = p.fresh(ctx, d, device)
	} else {
		r.State, r.Said, err = p.mend(ctx, device, dir, found)
		if making { // it was done: mke2fs writes the superblock last, and there may be sales by now
			fail(setMark(d, false))
		}
	}
	fail(err)
	if r.State == Broken {
		return r
	}
	if r.Partition, err = part.Seek(0, io.SeekEnd); err != nil {
		fail(err)
	}
	r.FileSystem, err = fsBytes(part)
	fail(err)
	short := err == nil && r.Partition-r.FileSystem >= worthwhile*sector
	if !short && !r.worthKeeping() {
		return r
	}
	fail(withMount(device, dir, 0, func() error {
		if short {
			if err := resize(dir, r.Partition/4096); err != nil {
				fail(err)
			} else {
				r.FileSystem, r.Grown = r.Partition/4096*4096, true
			}
		}
		r.Took = time.Since(start)
		return r.keep(dir)
	}))
	return r
}

// fresh makes a file system, under a mark on the disk.
func (p Programs) fresh(ctx context.Context, d Disk, device string) (State, error) {
	if err := setMark(d, true); err != nil {
		return Broken, fmt.Errorf("perm: %w", err)
	}
	if err := p.make(ctx, device); err != nil {
		return Broken, err
	}
	return Made, setMark(d, false)
}

// mend checks, and mounts to see whether the kernel agrees: it looks at more than a quick check does.
func (p Programs) mend(ctx context.Context, device, dir string, found content) (s State, said string, err error) {
	if found == ext4 {
		s, said, err = p.check(ctx, device)
	} else {
		s, said, err = p.repair(ctx, device, fromCopy...)
	}
	if err != nil || s == Broken {
		return s, said, err
	}
	if mounted := mountable(device, dir); mounted != nil && s == Clean {
		if s, said, err = p.repair(ctx, device); err == nil {
			err = mountable(device, dir)
		}
		if err != nil {
			s = Broken
		}
	}
	return s, said, err
}

// mountable mounts it for reading, which writes nothing to the card.
func mountable(device, dir string) error {
	return withMount(device, dir, unix.MS_RDONLY, func() error { return nil })
}

func withMount(device, dir string, flags uintptr, do func() error) error {
	if err := unix.Mount(device, dir, "ext4", flags|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("perm: mount %s: %w", device, err)
	}
	return errors.Join(do(), unix.Unmount(dir, 0))
}

// KeepCrash keeps a program's report of its crash where the kit's other programs have theirs, on the data partition, which is
// mounted on dir for that.
func KeepCrash(device, dir, program, report string) error {
	return withMount(device, dir, 0, func() error {
		return crash.Keep(filepath.Join(dir, filepath.Dir(ReportFile), "crashes"), program, report)
	})
}

// resizeFS is EXT4_IOC_RESIZE_FS (fs/ext4/ext4.h): _IOW('f', 16, __u64), the new length in blocks.
const resizeFS = 0x40086610

func resize(dir string, blocks int64) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	n := uint64(blocks)
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), resizeFS, uintptr(unsafe.Pointer(&n))); e != 0 {
		return fmt.Errorf("perm: grow the file system to %d blocks: %w", blocks, e)
	}
	return nil
}

// openDisk opens a whole disk, and says how many sectors it has.
func openDisk(path string) (*os.File, int64, error) {
	d, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, 0, fmt.Errorf("perm: %w", err)
	}
	size, err := d.Seek(0, io.SeekEnd)
	if err != nil {
		d.Close()
		return nil, 0, fmt.Errorf("perm: %s: %w", path, err)
	}
	return d, size / sector, nil
}

// growDisk grows a partition in the table, and in what the kernel knows.
func growDisk(d *os.File, sectors int64, n int) (changed bool, err error) {
	if size, err := unix.IoctlGetInt(int(d.Fd()), unix.BLKSSZGET); err == nil && size != sector {
		return false, fmt.Errorf("perm: the disk has sectors of %d bytes: its partition is not grown", size)
	}
	changed, first, length, err := growPartition(d, sectors, n)
	if err != nil || !changed {
		return false, err
	}
	p := unix.BlkpgPartition{Start: first * sector, Length: length * sector, Pno: int32(n)}
	arg := unix.BlkpgIoctlArg{Op: unix.BLKPG_RESIZE_PARTITION, Datalen: int32(unsafe.Sizeof(p)), Data: (*byte)(unsafe.Pointer(&p))}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, d.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg))); e != 0 {
		return false, fmt.Errorf("perm: the kernel does not take the grown partition before the next start: %w", e)
	}
	return true, nil
}

// DiskOf is the device of the disk that a partition is on: /dev/mmcblk0 for /dev/mmcblk0p4.
func DiskOf(partition string) (string, error) {
	own, err := filepath.EvalSymlinks(filepath.Join("/sys/class/block", filepath.Base(partition)))
	if err != nil {
		return "", fmt.Errorf("perm: the disk of %s: %w", partition, err)
	}
	return "/dev/" + filepath.Base(filepath.Dir(own)), nil
}
