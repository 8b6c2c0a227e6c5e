//go:build boot

package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestBootImageIsTheSameAnywhere builds this commit's image in another folder, from a clone: the same bytes, card and
// update. The update key is the only thing of the maker's own in it.
func TestBootImageIsTheSameAnywhere(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	run := func(dir string, args ...string) string {
		t.Helper()
		c := exec.Command(args[0], args[1:]...)
		c.Dir = dir
		var said bytes.Buffer
		c.Stderr = &said
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, said.Bytes())
		}
		return string(out)
	}
	if changed := run(root, "git", "status", "--porcelain"); changed != "" {
		t.Skipf("there are changes that are not committed, a clone has them not:\n%s", changed)
	}
	clone := filepath.Join(t.TempDir(), "somewhere", "else")
	run(root, "git", "clone", "-q", "--no-hardlinks", root, clone)
	key := filepath.Join(root, ".cache/image/test.key")
	for _, at := range []string{root, clone} {
		run(at, "go", "run", "./image/pack", "-instance", "edgekit", "-out", "", "-update-key", key, "-wifi-firmware", "none")
	}
	for _, name := range []string{"disk.img", "system.update"} {
		path := ".cache/image/instances/edgekit/" + name
		var sums [2]string
		for i, at := range []string{root, clone} {
			if sums[i], err = sumOf(filepath.Join(at, path)); err != nil {
				t.Fatal(err)
			}
		}
		if sums[0] != sums[1] {
			t.Errorf("%s: %s here, %s there: %s", name, sums[0], sums[1], firstDifference(filepath.Join(root, path), filepath.Join(clone, path)))
		}
	}
}

// firstDifference says where to look.
func firstDifference(a, b string) string {
	out, err := exec.Command("cmp", a, b).CombinedOutput()
	if err == nil {
		return "none"
	}
	return fmt.Sprintf("%s%v", out, err)
}
