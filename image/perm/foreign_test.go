package perm

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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

// TestHealthyFileSystemsAreCleanWhateverTheirSize: other cards' sizes, other partition sizes of older images, other features.
// What is called damaged is repaired from the copy, which is older.
func TestHealthyFileSystemsAreCleanWhateverTheirSize(t *testing.T) {
	p := host(t)
	resize, err := exec.LookPath("resize2fs")
	if err != nil {
		t.Fatal(err) // it comes with mke2fs
	}
	for name, c := range map[string]struct {
		made, grown int64 // MB; grown 0: not
		options     []string
	}{
		"smaller than the copy's place": {made: 100},
		"just at the copy's place":      {made: 129},
		"grown to 16 GB":                {made: 900, grown: 15 << 10},
		"grown to 128 GB":               {made: 900, grown: 127 << 10},
		"grown to 1 TB":                 {made: 900, grown: 1 << 20},
		"grown from 300 MB":             {made: 300, grown: 29 << 10},
		"without 64bit":                 {made: 900, grown: 4 << 10, options: []string{"-O", "^64bit"}},
		"without sums":                  {made: 900, grown: 4 << 10, options: []string{"-O", "^metadata_csum"}},
		"with a seed":                   {made: 900, grown: 4 << 10, options: []string{"-O", "metadata_csum_seed"}},
		"meta_bg":                       {made: 900, grown: 4 << 10, options: []string{"-O", "meta_bg,^resize_inode"}},
		"bigalloc":                      {made: 900, options: []string{"-O", "bigalloc"}},
		"sparse_super2":                 {made: 900, options: []string{"-O", "sparse_super2"}},
		"blocks of 1 KB":                {made: 900, options: []string{"-b", "1024"}},
		"smaller groups":                {made: 900, options: []string{"-g", "8192"}},
		"as ext3 was":                   {made: 900, options: []string{"-O", "^extent,^flex_bg,^metadata_csum,^64bit"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "perm.img")
			if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, c.made<<20)); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"-q", "-F", "-t", "ext4", "-b", "4096", "-m", "1", "-J", "size=16"}, c.options...)
			if out, err := exec.Command(p.mke2fs(), append(args, path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			sales := filepath.Join(t.TempDir(), "sales")
			if err := os.WriteFile(sales, []byte("A-001"), 0o600); err != nil {
				t.Fatal(err)
			}
			debugfs(t, path, "write "+sales+" sales")
			if c.grown > 0 {
				if err := os.Truncate(path, c.grown<<20); err != nil {
					t.Fatal(err)
				}
				if out, err := exec.Command(resize, "-f", path).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
			}
			if got, said, err := care(t, p, path); err != nil || got != Clean {
				t.Errorf("%s (%v)\n%s", got, err, said)
			}
			if got := debugfs(t, path, "cat sales"); got != "A-001" {
				t.Errorf("sales are %q", got)
			}
		})
	}
}
