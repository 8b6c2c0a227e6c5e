// Package crash keeps what a program of the kit leaves when it crashes: the Go runtime's report of it, with every
// goroutine. A program calls Arm first thing; what it left is found by whoever looks, and after a restart. A program that catches its own panic Keeps the report.
package crash

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A folder of crash reports has for each program a file PROGRAM.now, which the runtime writes to as the program dies, and
// files PROGRAM-NNNNNN.txt of earlier crashes. Arm and Keep turn the former into one of the latter. Beyond mostReports the oldest of
// the program that has most are removed, so that one that crashes each second leaves the others' where they are. A power cut while
// the runtime writes leaves as much of the report as came to the disk.
const (
	mostReports = 20
	mostBytes   = 64 << 10 // of each; what goes beyond is cut off, when the program starts again
)

var reportName = regexp.MustCompile(`^([a-z][a-z0-9-]*)-(\d{6})\.txt$`)

// Arm makes this program leave a report in a folder when it crashes: by panic, by a fault in C, or when the runtime gives up. It
// makes the folder if there is none. The program's name has small letters, digits and dashes.
func Arm(dir, program string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	path := filepath.Join(dir, program+".now")
	if err := putAway(dir, program, path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	defer f.Close() // the runtime has its own
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	return nil
}

// Keep puts away a report that the program has written itself, because it lives on after what would have been its end. It is on
// the disk when Keep returns. At most 64 KB of it are kept.
func Keep(dir, program, report string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	path := filepath.Join(dir, program+".now")
	if err := putAway(dir, program, path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	_, err = io.WriteString(f, report[:min(len(report), mostBytes)])
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	if err := putAway(dir, program, path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// putAway gives a report, if there is one, the next number.
func putAway(dir, program, path string) error {
	st, err := os.Stat(path)
	if err != nil || st.Size() == 0 {
		return nil // none: what is wrong with the folder shows when it is written to
	}
	all, err := list(dir)
	if err != nil {
		return err
	}
	next := 1
	for _, r := range all {
		next = max(next, r.n+1)
	}
	if st.Size() > mostBytes {
		if err := os.Truncate(path, mostBytes); err != nil {
			return fmt.Errorf("crash: %w", err)
		}
	}
	name := fmt.Sprintf("%s-%06d.txt", program, next%1_000_000)
	if err := os.Rename(path, filepath.Join(dir, name)); err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	for all = append(all, Report{Name: name, Program: program}); len(all) > mostReports; {
		i := oldestOfMost(all)
		if err := os.Remove(filepath.Join(dir, all[i].Name)); err != nil && !errors.Is(err, os.ErrNotExist) { // another program may be at it too
			return fmt.Errorf("crash: %w", err)
		}
		all = slices.Delete(all, i, i+1)
	}
	return nil
}

// oldestOfMost is, among reports of which the oldest are in front, the first of the program that has most.
func oldestOfMost(all []Report) (at int) {
	count := map[string]int{}
	for _, r := range all {
		count[r.Program]++
	}
	for i, r := range slices.Backward(all) {
		if count[r.Program] >= count[all[at].Program] {
			at = i
		}
	}
	return at
}

// Report is one crash.
type Report struct {
	Name    string // the file's
	Program string
	At      time.Time // when the runtime wrote it, by the wall clock there was
	Text    string    // at most 64 KB
	n       int
}

// Reports are all crashes in a folder, newest first, those too whose program has not started again.
func Reports(dir string) ([]Report, error) {
	all, err := list(dir)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	now, err := filepath.Glob(filepath.Join(dir, "*.now"))
	if err != nil {
		return nil, err
	}
	for _, path := range now {
		if st, err := os.Stat(path); err == nil && st.Size() > 0 {
			name := filepath.Base(path)
			all = slices.Insert(all, 0, Report{Name: name, Program: strings.TrimSuffix(name, ".now"), At: st.ModTime()})
		}
	}
	for i := range all {
		f, err := os.Open(filepath.Join(dir, all[i].Name))
		if err != nil {
			continue // it was put away meanwhile
		}
		b, err := io.ReadAll(io.LimitReader(f, mostBytes))
		f.Close()
		if err == nil {
			all[i].Text = strings.ToValidUTF8(string(b), "?")
		}
	}
	return all, nil
}

// list is what was put away, oldest first, without texts.
func list(dir string) (all []Report, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("crash: %w", err)
	}
	for _, e := range entries {
		m := reportName.FindStringSubmatch(e.Name())
		st, err := e.Info()
		if m == nil || err != nil || !st.Mode().IsRegular() {
			continue
		}
		n, err := strconv.Atoi(m[2])
		if err != nil {
			continue
		}
		all = append(all, Report{Name: e.Name(), Program: m[1], At: st.ModTime(), n: n})
	}
	slices.SortFunc(all, func(a, b Report) int { return cmp.Compare(a.n, b.n) })
	return all, nil
}
