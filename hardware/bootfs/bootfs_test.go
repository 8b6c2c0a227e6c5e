package bootfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// TestThePartitionIsFoundUnderAnyName lays out sysfs as the kernel does. The mount itself is proved on the image.
func TestThePartitionIsFoundUnderAnyName(t *testing.T) {
	var st unix.Stat_t
	dir := t.TempDir()
	if err := unix.Stat(dir, &st); err != nil {
		t.Fatal(err)
	}
	for _, disk := range []string{"mmcblk0p%d", "sda%d", "nvme0n1p%d"} {
		sys := t.TempDir()
		for n := 1; n <= 4; n++ {
			at := filepath.Join(sys, "devices", "disk", fmt.Sprintf(disk, n))
			if err := os.MkdirAll(at, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(at, "partition"), fmt.Appendf(nil, "%d\n", n), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		root := filepath.Join("devices", "disk", fmt.Sprintf(disk, 2))
		if err := os.Symlink(root, filepath.Join(sys, fmt.Sprintf("%d:%d", unix.Major(st.Dev), unix.Minor(st.Dev)))); err != nil {
			t.Fatal(err)
		}
		if got, err := partition(dir, sys, 1); err != nil || got != "/dev/"+fmt.Sprintf(disk, 1) {
			t.Errorf("%s, %v", got, err)
		}
		if got, err := partition(dir, sys, 5); err == nil {
			t.Errorf("partition 5 is %s", got)
		}
	}
	if got, err := partition(dir, t.TempDir(), 1); err == nil {
		t.Errorf("without a disk: %s", got)
	}
}

// TestNobodyWaitsForAnUpdate: it has the partition for as long as its sender takes, and settings are saved meanwhile.
func TestNobodyWaitsForAnUpdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	synctest.Test(t, func(t *testing.T) {
		update, err := await(path)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := await(path); !errors.Is(err, ErrBusy) || time.Since(start) != patience {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		time.AfterFunc(time.Second, func() { update.Close() })
		start = time.Now()
		turn, err := await(path)
		if err != nil || time.Since(start) > 2*time.Second {
			t.Fatalf("%v after %v", err, time.Since(start))
		}
		turn.Close()
	})
}

// TestAMountThatIsInUse is unmounted when it is not any more, and taken out of sight where that does not come.
func TestAMountThatIsInUse(t *testing.T) {
	for name, c := range map[string]struct {
		fails    int // how often
		err      error
		detached bool
	}{
		"nobody has it": {0, nil, false}, "for a moment": {5, unix.EBUSY, false}, "for good": {1 << 20, unix.EBUSY, true}, "no mount": {1, unix.EINVAL, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				detached := false
				err := release(func(flags int) error {
					if flags == unix.MNT_DETACH {
						detached = true
						return nil
					}
					if c.fails--; c.fails >= 0 {
						return c.err
					}
					return nil
				})
				if detached != c.detached || (err != nil) != c.detached || err != nil && !errors.Is(err, c.err) {
					t.Errorf("%v, detached %v", err, detached)
				}
			})
		})
	}
}
