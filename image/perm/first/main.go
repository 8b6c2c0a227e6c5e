// First is what the kernel starts, as process 1, in an image's root. It looks after the data partition, see package perm,
// and then becomes gokrazy's init, whatever came of it.
//
// No watchdog runs meanwhile: the Pi's firmware does not start one before the kernel, and the kernel feeds one that was
// started (CONFIG_WATCHDOG_HANDLE_BOOT_ENABLED) until somebody opens it, which init does.
//
// A panic here costs no start: it is caught, and its report kept beside the other programs' if the data partition can be mounted,
// else its line is in the kernel's log. What Go does not let a program catch (its stack overflows, memory runs out, two
// goroutines write one map) ends process 1: the kernel panics and starts again, and the report is on the serial port only.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/hardware/bootfs"
	"edgekit.internal/image/perm"
)

const (
	initProgram = "/gokrazy/init"
	mountPoint  = "/perm"
	// limit is when the kit starts with the data partition as it is. A quick check has 5 minutes, a full one 10.
	limit = 17 * time.Minute
)

func main() {
	done := make(chan string, 1)
	go func() {
		defer func() {
			if p := recover(); p != nil { // process 1 must not end
				done <- fmt.Sprintf("the data partition was not looked after: %v", p)
			}
		}()
		done <- lookAfter()
	}()
	select {
	case said := <-done:
		log(said)
	case <-time.After(limit):
		log("the data partition is still being looked at: the kit starts without waiting any longer")
	}
	err := unix.Exec(initProgram, append([]string{initProgram}, os.Args[1:]...), os.Environ())
	log(fmt.Sprintf("%s: %v", initProgram, err)) // the kernel panics now, and starts again
}

// lookAfter says what was done. What it mounts is not mounted any more when it returns: init wants to do that.
func lookAfter() string {
	for _, m := range [][2]string{{"sysfs", "/sys"}, {"proc", "/proc"}} {
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err == nil {
			defer unix.Unmount(m[1], unix.MNT_DETACH) // init mounts over what is left
		}
	}
	if _, err := os.Stat("/dev/null"); err != nil { // the kernel mounts it, unless it was built not to
		if err := unix.Mount("devtmpfs", "/dev", "devtmpfs", 0, ""); err != nil {
			return fmt.Sprintf("the data partition was not looked after: /dev: %v", err)
		}
		defer unix.Unmount("/dev", unix.MNT_DETACH)
	}
	device, err := bootfs.Partition(perm.Number)
	if err != nil {
		return fmt.Sprintf("the data partition was not looked after: %v", err)
	}
	return guarded(func() string { return care(device) }, func(report string) error {
		unix.Unmount(mountPoint, unix.MNT_DETACH) // where it stopped in the middle; an error means that nothing was mounted
		return perm.KeepCrash(device, mountPoint, "first", report)
	})
}

// guarded is what work says. Should it panic, that is said, and the report kept.
func guarded(work func() string, keep func(report string) error) (said string) {
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		said = fmt.Sprintf("the data partition was not looked after, by a fault of this program: %v", p)
		if err := keep(fmt.Sprintf("panic: %v\n\n%s", p, debug.Stack())); err != nil {
			said += fmt.Sprintf("; the report of it is not kept: %v", err)
		}
	}()
	return work()
}

func care(device string) string {
	if boot, err := bootfs.Partition(1); err == nil {
		if said := (perm.Programs{}).CareForBoot(context.Background(), boot, mountPoint); said != "" {
			log(said)
		}
	}
	disk, err := perm.DiskOf(device)
	if err != nil {
		return fmt.Sprintf("the data partition was not looked after: %v", err)
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		boot = nil // the report lacks it
	}
	return perm.Programs{}.Care(context.Background(), device, disk, mountPoint, strings.TrimSpace(string(boot))).Sentence()
}

// log writes to the kernel's log, which is on the serial port too.
func log(text string) {
	f, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		fmt.Fprintln(os.Stderr, "first:", text)
		return
	}
	defer f.Close()
	fmt.Fprintf(f, "<5>first: %s\n", text) // 5: notice; a line that the kernel refuses is lost
}
