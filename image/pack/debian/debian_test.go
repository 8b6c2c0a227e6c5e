package debian

import (
	"archive/tar"
	"bytes"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachPackageIsPinnedByVersionAndSum(t *testing.T) {
	pins, err := Pins()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range roots() {
		if !slices.ContainsFunc(pins, func(p Pin) bool { return p.Name == name }) {
			t.Errorf("%s is not pinned", name)
		}
	}
	text, err := os.ReadFile("pins")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(text), string(formatPins(pins))); d != "" {
		t.Errorf("-repin would write the same pins otherwise:\n%s", d)
	}
	if strings.Contains(string(text), "//") {
		t.Error("an address is in it")
	}
}

func TestOneKernelIsPinned(t *testing.T) {
	pins, err := Pins()
	if err != nil {
		t.Fatal(err)
	}
	programs, kernels := split(pins)
	if len(kernels) != 1 || len(programs) != len(pins)-1 {
		t.Errorf("%v", kernels)
	}
	for shown, want := range map[string]string{
		"Package: linux-image-arm64\nDepends: linux-base (>= 4), linux-image-6.1.0-56-arm64 (= 6.1.192-2)\n": "linux-image-6.1.0-56-arm64",
		"Package: linux-image-arm64\nDepends: linux-base\n":                                                  "",
	} {
		if got := kernelIn([]byte(shown)); got != want {
			t.Errorf("%q: %q, expected %q", shown, got, want)
		}
	}
}

func TestPinsThatSayTooLittleAreRefused(t *testing.T) {
	for _, bad := range []string{"", "# nothing\n", "hostapd 2:2.10\n", "hostapd 2:2.10 abc\n", "hostapd 2:2.10 " + strings.Repeat("x", 64) + "\n"} {
		if pins, err := parsePins(bad); err == nil {
			t.Errorf("%q: %v", bad, pins)
		}
	}
}

// archive is the content of a package: NAME or NAME → LINK.
func archive(t testing.TB, entries ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		name, link, linked := strings.Cut(e, " → ")
		h := &tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg, Size: int64(len(name))}
		if linked {
			h = &tar.Header{Name: name, Linkname: link, Typeflag: tar.TypeSymlink}
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if !linked {
			if _, err := w.Write([]byte(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFilesAreFoundWhereLinksLead(t *testing.T) {
	var all []*unpacked
	for name, entries := range map[string][]string{
		"libc6":       {"./lib/aarch64-linux-gnu/ld.so.1", "./lib/ld.so.1 → aarch64-linux-gnu/ld.so.1"},
		"gcc-12-base": {"./usr/share/doc/gcc-12-base/copyright"},
		"libgcc-s1":   {"./usr/share/doc/libgcc-s1 → gcc-12-base", "./usr/lib/libgcc_s.so.1", "./a → b", "./b → /a"},
	} {
		u := &unpacked{pin: Pin{Name: name}, files: map[string]tarFile{}}
		if err := u.read(bytes.NewReader(archive(t, entries...))); err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	tree := newTree(all)
	for _, c := range []struct{ path, want, whose string }{
		{"/usr/lib/ld.so.1", "./lib/aarch64-linux-gnu/ld.so.1", "libc6"},
		{"/usr/share/doc/libgcc-s1/copyright", "./usr/share/doc/gcc-12-base/copyright", "gcc-12-base"},
		{"/usr/lib/libgcc_s.so.1", "./usr/lib/libgcc_s.so.1", "libgcc-s1"},
	} {
		if f, u, err := tree.open(c.path); err != nil || string(f.data) != c.want || u.pin.Name != c.whose || !f.exec {
			t.Errorf("%s: %q, %v", c.path, f.data, err)
		}
	}
	if _, _, err := tree.open("/usr/bin/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there: %v", err)
	}
	if _, _, err := tree.open("/a"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a circle of links: %v", err)
	}
}

func FuzzArchivesAreReadOrRefused(f *testing.F) {
	f.Add(archive(f, "./usr/bin/a", "./b → ../../c"))
	f.Add([]byte("no archive"))
	f.Fuzz(func(t *testing.T, text []byte) {
		u := &unpacked{files: map[string]tarFile{}}
		if u.read(bytes.NewReader(text)) != nil {
			return
		}
		tree := newTree([]*unpacked{u})
		for name, file := range u.files {
			if !strings.HasPrefix(name, "/") || strings.Contains(name+"/", "/../") || strings.Contains(file.link+"/", "/../") {
				t.Fatalf("%q → %q leads out of the package", name, file.link)
			}
			tree.open(name) // an error or a file, soon
		}
	})
}
