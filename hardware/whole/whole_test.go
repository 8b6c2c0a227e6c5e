package whole

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAnErrorLeavesTheOldFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "state")
	for _, text := range []string{"one", "two"} {
		if err := Replace(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q, %v", got, err)
		}
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if err := os.Symlink("/dev/full", path+".part"); err != nil { // takes no byte: ENOSPC
		t.Fatal(err)
	}
	if err := Replace(path, []byte("three")); err == nil {
		t.Error("a full disk was no error")
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "two" {
		t.Errorf("after an error %q, %v", got, err)
	}
	if err := Replace(path, []byte("three")); err != nil {
		t.Errorf("and after that: %v", err)
	}
	if err := Replace(filepath.Join(dir, "none", "state"), nil); err == nil {
		t.Error("in a folder that is not there")
	}
}
