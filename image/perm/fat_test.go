package perm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestABootPartitionLeftInTheMiddleOfAWrite gets back the clusters that belong to no file, keeps its files, and is checked
// only then.
func TestABootPartitionLeftInTheMiddleOfAWrite(t *testing.T) {
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	dir := t.TempDir()
	fat, text := filepath.Join(dir, "fat"), filepath.Join(dir, "config.txt")
	do := func(args ...string) string {
		t.Helper()
		c := exec.Command(args[0], args[1:]...)
		c.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	if err := os.WriteFile(fat, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(fat, 64<<20); err != nil {
		t.Fatal(err)
	}
	do("mkfs.fat", "-F", "16", "-f", "1", "-s", "16", fat)
	if err := os.WriteFile(text, []byte("os_prefix=a/\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do("mcopy", "-i", fat, text, "::config.txt")
	p := Programs{FsckFAT: "fsck.fat"}
	if said := p.CareForBoot(t.Context(), fat, dir); said != "" {
		t.Errorf("one in order: %s", said)
	}

	image, err := os.ReadFile(fat)
	if err != nil {
		t.Fatal(err)
	}
	image[fatState] |= fatDirty
	reserved := int(image[14]) | int(image[15])<<8
	const lost = 100 // a cluster that the table says is used, and no file has
	table := image[reserved*sector:]
	table[2*lost], table[2*lost+1] = 0xFF, 0xFF
	if err := os.WriteFile(fat, image, 0o600); err != nil {
		t.Fatal(err)
	}
	if said := p.CareForBoot(t.Context(), fat, dir); !strings.Contains(said, "repaired, and cannot be mounted") { // a file is not
		t.Errorf("one left in the middle of a write: %q", said)
	}
	if said := p.CareForBoot(t.Context(), fat, dir); said != "" {
		t.Errorf("and after that: %s", said)
	}
	if out := do("fsck.fat", "-n", fat); strings.Contains(out, "lost") || strings.Contains(out, "Orphan") || strings.Contains(out, "Reclaim") {
		t.Errorf("it says %s", out)
	}
	if got := do("mtype", "-i", fat, "::config.txt"); got != "os_prefix=a/\n" {
		t.Errorf("config.txt is %q", got)
	}
	if err := os.WriteFile(fat, []byte(strings.Repeat("x", 4096)), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := p.CareForBoot(t.Context(), fat, dir); !strings.Contains(said, "no FAT") {
		t.Errorf("something else: %q", said)
	}
}

// TestWhatFsckSalvagesIsRemoved: it is nobody's, and the folder has few places.
func TestWhatFsckSalvagesIsRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"FSCK0000.REC", "fsck0331.rec", "config.txt", "FSCK.REC", "edgekit.toml"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := removeSalvaged(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("%v, %v", left, err)
	}
}
