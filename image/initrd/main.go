// Initrd is /init in the initramfs of a kernel whose drivers for disks and file systems are modules, Debian's: it loads
// these, finds the root that the kernel's command line names, mounts it, and becomes the init in it. image/pack/kernel puts
// it into the archive.
//
// It either succeeds or ends, and the kernel then panics and starts again (panic= on its command line), so that a boot
// loader that was only trying this system goes back to the other one.
package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// limit is how long the root may take to appear. A card takes a second.
	limit = 30 * time.Second
	// look is how often its disk is looked for.
	look = 20 * time.Millisecond
)

func main() {
	if err := start(); err != nil {
		say(2, fmt.Sprintf("this system cannot start: %v. The machine starts again; if it stays so, flash the card again", err))
		time.Sleep(time.Second) // for the serial port to say so
		os.Exit(1)              // the kernel panics
	}
}

func start() error {
	for _, m := range [][2]string{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m[1], err)
		}
	}
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return fmt.Errorf("read the kernel's command line: %w", err)
	}
	wanted, err := parseCmdline(string(text))
	if err != nil {
		return err
	}
	if err := loadModules("/modules"); err != nil {
		return err
	}
	device, err := wanted.await(limit)
	if err != nil {
		return err
	}
	return enter(device, wanted.init)
}

// say writes to the kernel's log, which is on all consoles. The level is syslog's.
func say(level int, text string) {
	f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "initrd:", text)
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "<%d>initrd: %s\n", level, text) // a line that the kernel refuses is lost
}
