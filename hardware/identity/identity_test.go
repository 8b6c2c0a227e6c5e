package identity

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
)

func TestMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != b.ID || len(a.ID) != 12 || !bytes.Equal(a.Secret("x"), b.Secret("x")) {
		t.Errorf("%s then %s", a.ID, b.ID)
	}
	if bytes.Equal(a.Secret("x"), a.Secret("y")) {
		t.Error("one secret for two purposes")
	}
	if !ed25519.Verify(b.Public(), []byte("hello"), a.Sign([]byte("hello"))) {
		t.Error("signature does not check out")
	}
	if fi, err := os.Stat(filepath.Join(dir, file)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if other, err := Open(t.TempDir()); err != nil || other.ID == a.ID {
		t.Errorf("another kit is %v, %v", other, err)
	}
}

func TestADamagedFileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, file)
	os.WriteFile(path, []byte("edgekit1 but short"), 0o600)
	if _, err := Open(dir); err == nil {
		t.Error("a damaged identity was taken")
	}
	if b, _ := os.ReadFile(path); string(b) != "edgekit1 but short" {
		t.Error("a damaged identity was replaced")
	}
	if _, err := Open(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there")
	}
}
