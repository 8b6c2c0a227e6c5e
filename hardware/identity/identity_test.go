package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("read before there is one: %v", err)
	}
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
	if fi, err := os.Stat(filepath.Join(dir, Name)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if other, err := Open(t.TempDir()); err != nil || other.ID == a.ID {
		t.Errorf("another kit is %v, %v", other, err)
	}
}

func TestADamagedFileIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, Name)
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

// TestTheCertificateStays the same through restarts, is good whatever a clock says, and is made anew when it is damaged.
func TestTheCertificateStays(t *testing.T) {
	dir := t.TempDir()
	first, err := Certificate(dir, "abc")
	if err != nil {
		t.Fatal(err)
	}
	again, err := Certificate(dir, "abc")
	if err != nil || Fingerprint(again) != Fingerprint(first) {
		t.Error(err)
	}
	if f := Fingerprint(first); len(f) != 16*5-1 || strings.ToUpper(f) != f {
		t.Errorf("fingerprint %q", f)
	}
	path := filepath.Join(dir, certificateFile)
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	if c := first.Leaf; c.NotBefore.Year() != 1970 || c.NotAfter.Year() < 2099 {
		t.Errorf("good from %v to %v", c.NotBefore, c.NotAfter)
	}
	pool := x509.NewCertPool()
	pool.AddCert(first.Leaf)
	for _, now := range []time.Time{time.Unix(86400, 0), time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)} {
		if _, err := first.Leaf.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, DNSName: "edgekit.local"}); err != nil {
			t.Errorf("in %d: %v", now.Year(), err)
		}
	}
	if err := os.WriteFile(path, []byte("-----BEGIN CERT"), 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := Certificate(dir, "abc")
	if err != nil || Fingerprint(other) == Fingerprint(first) {
		t.Errorf("after damage: %v", err)
	}
}
