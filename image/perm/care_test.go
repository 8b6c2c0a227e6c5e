package perm

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"edgekit.internal/hardware/crash"
)

// cardWithout is a card of 2 GB whose data partition is blank, as a file, and the partition as a block device.
func cardWithout(t *testing.T) (disk, device string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting takes root")
	}
	disk = filepath.Join(t.TempDir(), "card")
	f, err := os.Create(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(imageSectors * sector); err != nil {
		t.Fatal(err)
	}
	for at, s := range flashed(imageSectors, false).sectors {
		if _, err := f.WriteAt(s, at*sector); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("losetup", "-f", "--show", "-o", fmt.Sprint(permFirst*sector), "--sizelimit", fmt.Sprint((permLast-permFirst+1)*sector), disk).Output()
	if err != nil {
		t.Skipf("no loop device here: %v", err)
	}
	device = strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if out, err := exec.Command("losetup", "-d", device).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	})
	return disk, device
}

// TestCareOnARealFileSystem has the kernel mount what comes of it.
func TestCareOnARealFileSystem(t *testing.T) {
	p := host(t)
	withMark := func(disk string) error {
		d, _, err := openDisk(disk)
		if err != nil {
			return err
		}
		return errors.Join(setMark(d, true), d.Close())
	}
	sales := func(device string) error {
		dir := t.TempDir()
		return withMount(device, dir, 0, func() error { return os.WriteFile(filepath.Join(dir, "sales"), []byte("A-001"), 0o600) })
	}
	garbage := func(device string) error {
		f, err := os.OpenFile(device, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.WriteAt([]byte("a half-made table"), 4096)
		return errors.Join(err, f.Sync(), f.Close())
	}
	for _, c := range []struct {
		name   string
		before func(disk, device string) error
		want   State
		grown  bool
		sales  bool
	}{
		{"blank", func(_, _ string) error { return nil }, Made, false, false},
		{"somebody else's", func(_, device string) error { return garbage(device) }, Foreign, false, false},
		{"half made, by the mark", func(disk, device string) error { return errors.Join(garbage(device), withMark(disk)) }, Made, false, false},
		{"made, and the mark still there", func(disk, device string) error {
			return errors.Join(p.make(t.Context(), device), sales(device), withMark(disk))
		}, Clean, false, true},
		{"shorter than its partition", func(_, device string) error {
			out, err := exec.Command(p.Mke2fs, "-q", "-F", "-t", "ext4", "-b", "4096", device, "65536").CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			return errors.Join(err, sales(device))
		}, Clean, true, true},
	} {
		disk, device := cardWithout(t)
		if err := c.before(disk, device); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		dir := t.TempDir()
		r := p.Care(t.Context(), device, disk, dir, "this start")
		if c.grown && strings.HasSuffix(r.Problem, unix.EPERM.Error()) {
			t.Logf("%s: may not be grown here (CAP_SYS_RESOURCE); the boot tests grow it", c.name)
			continue
		}
		if r.State != c.want || r.Grown != c.grown || r.Problem != "" {
			t.Errorf("%s: %+v", c.name, r)
		}
		d, _, err := openDisk(disk)
		if err != nil {
			t.Fatal(err)
		}
		if on, err := marked(d); err != nil || on {
			t.Errorf("%s: the mark is still there (%v)", c.name, err)
		}
		d.Close()
		if c.want == Foreign {
			continue
		}
		err = withMount(device, dir, 0, func() error {
			kept, err := os.ReadFile(filepath.Join(dir, "sales"))
			if c.sales && string(kept) != "A-001" {
				t.Errorf("%s: sales are %q, %v", c.name, kept, err)
			}
			if text, err := os.ReadFile(filepath.Join(dir, ReportFile)); (err == nil) != r.worthKeeping() || err == nil && !strings.Contains(string(text), "this start") {
				t.Errorf("%s: report %s, %v", c.name, text, err)
			}
			return nil
		})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if again := p.Care(t.Context(), device, disk, dir, "the next"); again.State != Clean || again.Grown || again.Problem != "" {
			t.Errorf("%s, at the next start: %+v", c.name, again)
		}
		if r.Partition-r.FileSystem >= worthwhile*sector || r.FileSystem > r.Partition {
			t.Errorf("%s: %d of %d bytes", c.name, r.FileSystem, r.Partition)
		}
	}
}

// TestACrashReportIsOnTheCard, where the kit's daemon looks for it; one that cannot be kept is an error.
func TestACrashReportIsOnTheCard(t *testing.T) {
	_, device := cardWithout(t)
	dir := t.TempDir()
	if err := KeepCrash(device, dir, "first", "panic: on a card that is not made yet"); err == nil {
		t.Error("kept, on nothing")
	}
	if err := host(t).make(t.Context(), device); err != nil {
		t.Fatal(err)
	}
	if err := KeepCrash(device, dir, "first", "panic: a bug"); err != nil {
		t.Fatal(err)
	}
	err := withMount(device, dir, unix.MS_RDONLY, func() error {
		all, err := crash.Reports(filepath.Join(dir, "edgekit", "crashes"))
		if err != nil || len(all) != 1 || all[0].Program != "first" || all[0].Text != "panic: a bug" {
			t.Errorf("%+v, %v", all, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
