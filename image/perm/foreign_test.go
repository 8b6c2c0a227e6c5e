package perm

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// TestWhatWasMadeOverAKitsPartitionIsNotTakenForIt: another file system leaves the copy of the kit's superblock where it is,
// 128 MB behind the start. By it e2fsck would "repair" what somebody keeps there now.
func TestWhatWasMadeOverAKitsPartitionIsNotTakenForIt(t *testing.T) {
	p := host(t)
	for name, c := range map[string]struct {
		make []string
		want State
	}{
		"FAT":                     {[]string{"mkfs.fat", "-F", "32"}, Foreign},
		"ext4 of another layout":  {[]string{p.mke2fs(), "-q", "-F", "-t", "ext4", "-b", "1024", "-O", "^metadata_csum"}, Clean},
		"ext2 without checksums":  {[]string{p.mke2fs(), "-q", "-F", "-t", "ext2", "-b", "1024"}, Clean},
		"ext4 of the same layout": {[]string{p.mke2fs(), "-q", "-F", "-t", "ext4", "-b", "4096"}, Clean},
	} {
		path := partition(t, p)
		if out, err := exec.Command(c.make[0], append(c.make[1:], path)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, out)
		}
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got, said, err := care(t, p, path)
		if err != nil || got != c.want {
			t.Errorf("%s: %s, want %s (%v)\n%s", name, got, c.want, err, said)
		}
		if after, err := os.ReadFile(path); err != nil || c.want == Foreign && !bytes.Equal(before, after) {
			t.Errorf("%s: it was written to (%v)", name, err)
		}
	}
}
