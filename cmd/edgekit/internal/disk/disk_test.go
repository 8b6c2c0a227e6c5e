package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestWearIsCountedThroughRestartsAndBoots, and not twice.
func TestWearIsCountedThroughRestartsAndBoots(t *testing.T) {
	dir := t.TempDir()
	count := int64(0)
	open := func(boot string) *Wear {
		w := OpenWear(dir)
		w.boot, w.counts = boot, func() (int64, bool) { return count, count >= 0 }
		return w
	}
	for _, step := range []struct {
		boot        string
		count, want int64
		keep        bool
	}{
		{"a", 100, 100, true}, {"a", 150, 150, true}, // a restart within a boot
		{"b", 30, 180, true}, {"b", 80, 230, false}, // a power cut before it was kept
		{"c", 10, 190, true}, {"c", 5, 195, true}, // a counter that began anew
		{"c", -1, 195, true}, // no longer told
	} {
		count = step.count
		w := open(step.boot)
		if got, ok := w.Bytes(); got != step.want || !ok {
			t.Errorf("boot %s, count %d: %d, want %d", step.boot, step.count, got, step.want)
		}
		if step.keep {
			if err := w.Keep(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Symlink("/dev/full", filepath.Join(dir, wearFile+".part")); err != nil {
		t.Fatal(err)
	}
	count = 9
	if err := open("c").Keep(); err == nil {
		t.Error("kept on a full disk")
	}
	if st, err := os.Lstat(filepath.Join(dir, wearFile)); err != nil || !st.Mode().IsRegular() { // reading /dev/full has no end
		t.Fatal(st, err)
	}
	count = -1
	if got, _ := open("c").Bytes(); got != 195 {
		t.Errorf("after a full disk: %d", got)
	}
	if err := os.WriteFile(filepath.Join(dir, wearFile), []byte(`{"bytes":-`), 0o600); err != nil {
		t.Fatal(err)
	}
	count = 7
	if got, _ := open("d").Bytes(); got != 7 {
		t.Errorf("after a damaged file: %d", got)
	}
	if _, ok := OpenWear(dir).Bytes(); !ok {
		t.Error("this machine tells nothing of what is written")
	}
}

func TestTheWholeDiskIsCountedUnderAnyName(t *testing.T) {
	var st unix.Stat_t
	dir, sys := t.TempDir(), t.TempDir()
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	disk := filepath.Join(sys, "devices", "mmcblk0")
	part := filepath.Join(disk, "mmcblk0p4")
	if err := os.MkdirAll(part, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{filepath.Join(part, "partition"): "4\n", filepath.Join(part, "stat"): "1 1 1 1 1 1 3 1", filepath.Join(disk, "stat"): "  1 2 3 4 5 6 2048 8 9 10 11\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(part, filepath.Join(sys, fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))); err != nil {
		t.Fatal(err)
	}
	path, ok := statOf(dir, sys)
	if n, _ := sectorsWritten(path); !ok || n != 2048*512 {
		t.Errorf("%s %v: %d", path, ok, n)
	}
	if path, ok := statOf(dir, t.TempDir()); ok {
		t.Errorf("without a disk: %s", path)
	}
}

// FuzzStat: the kernel's tables are read without trust.
func FuzzStat(f *testing.F) {
	f.Add("1 2 3 4 5 6 7 8")
	f.Add("-1 x 99999999999999999999 9 9 9 9223372036854775807")
	f.Fuzz(func(t *testing.T, s string) {
		path := filepath.Join(t.TempDir(), "stat")
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
		if n, ok := sectorsWritten(path); n < 0 || n > 0 && !ok {
			t.Error(n, ok)
		}
	})
}

func TestRecordingsStopFirstThenLogsAndSalesNever(t *testing.T) {
	for free, want := range map[int64][3]bool{
		1 << 30: {true, true, true}, RecordingsNeed: {true, true, true}, RecordingsNeed - 1: {false, true, true},
		LogsNeed: {false, true, true}, LogsNeed - 1: {false, false, true}, 0: {false, false, true},
	} {
		if got := [3]bool{Enough(free, Recordings), Enough(free, Logs), Enough(free, Sales)}; got != want {
			t.Errorf("%d free: %v, want %v", free, got, want)
		}
	}
}

// TestRoomOnARealDisk: one that is large enough for all, and is filled.
func TestRoomOnARealDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=210m"); err != nil {
		if os.Getenv("CI") == "" && errors.Is(err, unix.EPERM) {
			t.Skip("only root can mount a small disk")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	now := func() [3]bool { return [3]bool{Room(dir, Recordings), Room(dir, Logs), Room(dir, Sales)} }
	for _, step := range []struct {
		filled int64
		want   [3]bool
	}{{0, [3]bool{true, true, true}}, {20 << 20, [3]bool{false, true, true}}, {150 << 20, [3]bool{false, false, true}}} {
		if err := unix.Fallocate(int(f.Fd()), 0, 0, max(step.filled, 1)); err != nil {
			t.Fatal(err)
		}
		if got := now(); got != step.want {
			free, size, err := Free(dir)
			t.Errorf("%d filled, %d of %d free, %v: %v, want %v", step.filled, free, size, err, got, step.want)
		}
	}
	if Room(filepath.Join(dir, "none"), Logs) {
		t.Error("room where there is nothing")
	}
}

// TestAFolderIsOneKits: also for two that start at the same moment.
func TestAFolderIsOneKits(t *testing.T) {
	dir := t.TempDir()
	mine, err := Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Own(dir); err == nil {
		t.Fatal("two own it")
	}
	if err := mine.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
