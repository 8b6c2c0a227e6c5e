//go:build bench

package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sample is a set of measured values.
type sample []float64

func (s *sample) add(d time.Duration) { *s = append(*s, float64(d)/float64(time.Millisecond)) }

// at is the value that a share p of the sample does not exceed (nearest rank).
func (s sample) at(p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(int(math.Ceil(p*float64(len(sorted)))), 1)-1]
}

// String sums a sample of milliseconds up, for notes.
func (s sample) String() string {
	return fmt.Sprintf("p50 %.1f, p95 %.1f, p99 %.1f, worst %.1f ms of %d", s.at(.5), s.at(.95), s.at(.99), s.at(1), len(s))
}

// spread is the middle of a sample, and its ends where they differ from it as printed.
func (s sample) spread(format string) string {
	middle, least, most := fmt.Sprintf(format, s.at(.5)), fmt.Sprintf(format, s.at(0)), fmt.Sprintf(format, s.at(1))
	if least == most {
		return middle
	}
	return middle + " (" + least + "–" + most + ")"
}

// cpuOf is what a process has used of processors' time, all its threads and the kernel on its behalf
// (clock_getcpuclockid(3)).
func cpuOf(t *testing.T, pid int) time.Duration {
	t.Helper()
	const wholeProcess = 2 // CPUCLOCK_SCHED, linux/posix-timers.h
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|wholeProcess), &ts); err != nil {
		t.Fatalf("processor time of %d: %v", pid, err)
	}
	return time.Duration(ts.Nano())
}

// memoryOf reads a process's Rss or Pss in MB of 10⁶ bytes (proc_pid_smaps(5)).
func memoryOf(t *testing.T, pid int, field string) float64 {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), field+":"); ok {
			kb, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return float64(kb) * 1024 / 1e6
		}
	}
	t.Fatalf("no %s of process %d", field, pid)
	return 0
}

// evenness is how even a machine's time is: how much longer than usual the same piece of work takes now and then, and
// what others took of its processors meanwhile.
type evenness struct {
	took  sample
	steal float64 // percent
	load  string
}

func noise() (e evenness) {
	total, steal := ticks()
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		start, x := time.Now(), uint64(1)
		for range 500_000 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		runtime.KeepAlive(x)
		e.took.add(time.Since(start))
	}
	totalNow, stealNow := ticks()
	e.steal = 100 * (stealNow - steal) / max(totalNow-total, 1)
	load, _ := os.ReadFile("/proc/loadavg") // without it the note says less
	e.load, _, _ = strings.Cut(string(load), " ")
	return e
}

// uneven tells whether others had the processors often enough to spoil one value in a hundred.
func (e evenness) uneven() bool { return e.took.at(.99) > 3*e.took.at(.5) }

func (e evenness) String() string {
	return fmt.Sprintf("%d cores; a loop of %.2f ms took p99 %.2f ×, worst %.2f × as long; %.1f %% of processors' time stolen; load %s",
		runtime.NumCPU(), e.took.at(.5), e.took.at(.99)/e.took.at(.5), e.took.at(1)/e.took.at(.5), e.steal, e.load)
}

// ticks are those of all processors, and of them those that the host gave to others (proc_stat(5)).
func ticks() (total, steal float64) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	for i, f := range strings.Fields(line)[1:] {
		v, _ := strconv.ParseFloat(f, 64)
		if i < 8 {
			total += v
		}
		if i == 7 {
			steal = v
		}
	}
	return total, steal
}

// onDisk makes a folder on the disk that holds the checkout: the system's temporary folder may be memory.
func onDisk(t *testing.T) string {
	t.Helper()
	if err := os.MkdirAll("../../.cache/bench", 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("../../.cache/bench", "data-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if fileSystem(dir) == unix.TMPFS_MAGIC {
		t.Log("the checkout is on tmpfs: there is no disk to sync here")
	}
	return dir
}

// inMemory makes a folder whose syncs cost nothing.
func inMemory(t *testing.T) string {
	t.Helper()
	if fileSystem("/dev/shm") != unix.TMPFS_MAGIC {
		t.Fatal("/dev/shm is not tmpfs: there is nothing here without a disk's sync")
	}
	dir, err := os.MkdirTemp("/dev/shm", "edgekit-bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func fileSystem(path string) int64 {
	var s syscall.Statfs_t
	if syscall.Statfs(path, &s) != nil {
		return 0
	}
	return int64(s.Type)
}
