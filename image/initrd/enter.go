package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// enter mounts the root, frees the initramfs's memory, and becomes the root's init. It returns only an error.
//
// The kernel's threads share process 1's root folder, so that modules and firmware that it asks for later come from the new
// root too.
func enter(device, init string) error {
	const root = "/root"
	if err := unix.Mount(device, root, "squashfs", unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	if err := unix.Mount("/dev", root+"/dev", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move /dev into the root: %w", err)
	}
	for _, dir := range []string{"/proc", "/sys"} { // init mounts its own
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			return fmt.Errorf("unmount %s: %w", dir, err)
		}
	}
	if err := errors.Join(os.RemoveAll("/modules"), os.Remove("/init")); err != nil {
		return fmt.Errorf("empty the initramfs: %w", err)
	}
	if err := unix.Chdir(root); err != nil {
		return fmt.Errorf("enter the root: %w", err)
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("make %s the root: %w", device, err)
	}
	if err := errors.Join(unix.Chroot("."), unix.Chdir("/")); err != nil {
		return fmt.Errorf("make %s the root: %w", device, err)
	}
	return fmt.Errorf("start %s: %w", init, unix.Exec(init, append([]string{init}, os.Args[1:]...), os.Environ()))
}
