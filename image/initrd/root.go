package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// wanted is what the kernel's command line says about the system to start.
type wanted struct {
	device string // root=/dev/NAME; "": the partition below
	id     guid   // root=PARTUUID=ID/PARTNROFF=N: the partition whose number is N more than that of ID
	off    int
	init   string
}

// parseCmdline reads root= and init= as the kernel does (admin-guide/kernel-parameters): what is named last counts. It
// knows the forms of root= that this project writes.
func parseCmdline(line string) (w wanted, err error) {
	root := ""
	w.init = "/gokrazy/init"
	for _, word := range strings.Fields(line) {
		if v, ok := strings.CutPrefix(word, "root="); ok {
			root = v
		}
		if v, ok := strings.CutPrefix(word, "init="); ok {
			w.init = v
		}
	}
	if !strings.HasPrefix(w.init, "/") {
		return w, fmt.Errorf("init=%q on the kernel's command line: expected a path", w.init)
	}
	if strings.HasPrefix(root, "/dev/") {
		w.device = root
		return w, nil
	}
	text, ok := strings.CutPrefix(root, "PARTUUID=")
	if !ok {
		return w, fmt.Errorf("root=%q on the kernel's command line: expected PARTUUID=… or /dev/…", root)
	}
	text, off, some := strings.Cut(text, "/PARTNROFF=")
	if some {
		if w.off, err = strconv.Atoi(off); err != nil {
			return w, fmt.Errorf("root=%q on the kernel's command line: PARTNROFF: %w", root, err)
		}
	}
	if w.id, err = parseGUID(text); err != nil {
		return w, fmt.Errorf("root=%q on the kernel's command line: %w", root, err)
	}
	return w, nil
}

// await waits for the device of the root to be there.
func (w wanted) await(limit time.Duration) (string, error) {
	for end := time.Now().Add(limit); ; time.Sleep(look) {
		device, err := w.find("/sys/class/block", "/dev")
		if err == nil {
			return device, nil
		}
		if time.Now().After(end) {
			return "", fmt.Errorf("the root did not appear within %v: %w", limit, err)
		}
	}
}

// find looks for the device among the disks in sysfs's folder class.
func (w wanted) find(class, dev string) (string, error) {
	if w.device != "" {
		_, err := os.Stat(w.device)
		return w.device, err
	}
	all, err := os.ReadDir(class)
	if err != nil {
		return "", err
	}
	var seen []string
	for _, e := range all {
		name := e.Name()
		if _, err := os.Stat(filepath.Join(class, name, "partition")); err == nil {
			continue // a part of a disk
		}
		seen = append(seen, name)
		n, err := w.number(filepath.Join(dev, name))
		if err != nil {
			continue // a disk without our table, or without a medium
		}
		if part := partition(filepath.Join(class, name), name, n); part != "" {
			return filepath.Join(dev, part), nil
		}
		return "", fmt.Errorf("disk %s has the root's table, and no partition %d", name, n)
	}
	return "", fmt.Errorf("no disk has partition %v; there are: %s", w.id, strings.Join(seen, " "))
}

// number is that of the root's partition on a disk.
func (w wanted) number(disk string) (int, error) {
	f, err := os.Open(disk)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := numberOf(f, w.id)
	if err != nil {
		return 0, err
	}
	if n += w.off; n < 1 {
		return 0, errors.New("its number is below 1")
	}
	return n, nil
}

// partition is the name of a disk's partition n by sysfs; "": there is none.
func partition(disk, name string, n int) string {
	all, err := filepath.Glob(filepath.Join(disk, name+"*", "partition"))
	if err != nil {
		return ""
	}
	for _, file := range all {
		if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(n) {
			return filepath.Base(filepath.Dir(file))
		}
	}
	return ""
}
