package wifi

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAdaptersGetWhatTheirDriversAskFor(t *testing.T) {
	asked := []string{"mt7662.bin", "mediatek/mt7610u.bin", "rt2870.bin", "mt7662.bin"}
	dir := t.TempDir()
	if _, err := Adapters(dir, asked); !errors.Is(err, ErrNoAdapters) {
		t.Errorf("an empty folder: %v", err)
	}
	tar := filepath.Join(t.TempDir(), "firmware.tar")
	if err := os.WriteFile(tar, []byte("tar"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Adapters(tar, asked); !errors.Is(err, ErrNoAdapters) {
		t.Errorf("a tar: %v", err)
	}
	for name, text := range map[string]string{"mediatek/mt7662.bin": "m", "mediatek/mt7610u.bin": "n", "other.bin": "x"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("mediatek/mt7662.bin", filepath.Join(dir, "mt7662.bin")); err != nil { // as Debian has it
		t.Fatal(err)
	}
	if f, err := Adapters(dir, asked); err == nil || !strings.Contains(err.Error(), "no licence") {
		t.Errorf("without a licence: %+v, %v", f, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENCE.mediatek"), []byte("may be passed on"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Adapters(dir, asked)
	want := &Firmware{Files: []File{{"mediatek/mt7610u.bin", []byte("n")}, {"mt7662.bin", []byte("m")}}, Licence: "may be passed on\n"}
	if d := cmp.Diff(want, f); d != "" || err != nil {
		t.Errorf("%s%v", d, err)
	}
}

func TestAdaptersFirmwareStaysInItsFolder(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(secret, []byte("s"), 0o600), os.Symlink(secret, filepath.Join(dir, "rt2870.bin")), os.WriteFile(filepath.Join(dir, "mt7601u.bin"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rt2870.bin", "../secret", "mt7601u.bin"} { // a link out of it, a path out of it, an empty file
		if f, err := Adapters(dir, []string{name}); err == nil {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
