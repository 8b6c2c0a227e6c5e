package wifi

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	bin   = bytes.Repeat([]byte{0xde, 0xad}, 32<<10)
	other = bytes.Repeat([]byte{0xbe, 0xef}, 32<<10)
	nvram = []byte(strings.Repeat("boardtype=0x0646\n", 10))
)

// raspberry is a Raspberry Pi OS card's firmware, in part: a link out of the folder where the administrator chooses, links
// for a board, and much that is of no use. "→" makes a link.
var raspberry = map[string]string{
	"brcm/brcmfmac43455-sdio.bin":                              "→ ../cypress/cyfmac43455-sdio.bin",
	"brcm/brcmfmac43455-sdio.txt":                              string(nvram),
	"brcm/brcmfmac43455-sdio.raspberrypi,4-model-b.txt":        "→ brcmfmac43455-sdio.txt",
	"brcm/brcmfmac43455-sdio.raspberrypi,5-model-b.txt":        string(nvram) + "mine=1",
	"brcm/brcmfmac43436-sdio.bin":                              string(bin),
	"brcm/brcmfmac43430b0-sdio.raspberrypi,model-zero-2-w.bin": "→ brcmfmac43436-sdio.bin",
	"brcm/brcmfmac43455-sdio.acepc-t8.txt":                     string(nvram),
	"brcm/brcmfmac43430-sdio.raspberrypi,3-model-b.txt":        "→ nowhere.txt",
	"brcm/BCM4345C0.hcd":                                       "bluetooth",
	"cypress/cyfmac43455-sdio.bin":                             "→ /etc/alternatives/cyfmac43455-sdio.bin",
	"cypress/cyfmac43455-sdio-standard.bin":                    string(bin),
	"cypress/cyfmac43455-sdio-minimal.bin":                     string(other),
	"intel/ibt-11-5.sfi":                                       "of no use",
	"LICENCE.cypress":                                          "may be passed on",
}

var taken = []File{
	{"brcm/brcmfmac43430b0-sdio.raspberrypi,model-zero-2-w.bin", bin},
	{"brcm/brcmfmac43436-sdio.bin", bin},
	{"brcm/brcmfmac43455-sdio.bin", bin},
	{"brcm/brcmfmac43455-sdio.raspberrypi,5-model-b.txt", append(nvram, "mine=1"...)},
	{"brcm/brcmfmac43455-sdio.txt", nvram},
	{"cypress/cyfmac43455-sdio-minimal.bin", other},
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if to, linked := strings.CutPrefix(text, "→ "); linked {
			err = os.Symlink(to, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func archive(t testing.TB, under string, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for name, text := range files {
		h := &tar.Header{Name: under + name, Mode: 0o644, Typeflag: tar.TypeReg, Size: int64(len(text))}
		to, linked := strings.CutPrefix(text, "→ ")
		if linked {
			h, text = &tar.Header{Name: under + name, Linkname: to, Typeflag: tar.TypeSymlink}, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestFoldersAndTarsGiveTheSame(t *testing.T) {
	plain := archive(t, "./lib/firmware/", raspberry)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(plain)
	z.Close()
	for name, source := range map[string]string{
		"folder": folder(t, raspberry),
		"tar":    filepath.Join(folder(t, map[string]string{"f.tar": string(plain)}), "f.tar"),
		"tar.gz": filepath.Join(folder(t, map[string]string{"f": zipped.String()}), "f"),
	} {
		f, err := Open(source)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(taken, f.Files, cmp.Comparer(bytes.Equal)); d != "" || f.Licence != "may be passed on\n" {
			t.Errorf("%s: %s%q", name, d, f.Licence)
		}
		if d := cmp.Diff([]string{"3B"}, f.Missing()); d != "" {
			t.Errorf("%s: boards without: %s", name, d)
		}
	}
}

// TestTheFolderItselfWillDo: not /lib/firmware but its folder brcm.
func TestTheFolderItselfWillDo(t *testing.T) {
	dir := folder(t, map[string]string{"brcm/brcmfmac43430-sdio.bin": string(bin), "brcm/copyright": "may be passed on"})
	f, err := Open(filepath.Join(dir, "brcm"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]File{{"brcm/brcmfmac43430-sdio.bin", bin}}, f.Files, cmp.Comparer(bytes.Equal)); d != "" {
		t.Error(d)
	}
}

func TestWhatIsNotFirmwareIsRefused(t *testing.T) {
	with := func(name, text string) map[string]string {
		return map[string]string{"brcm/brcmfmac43430-sdio.bin": string(bin), "LICENSE": "may", name: text}
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"nothing":                {nil, "no firmware"},
		"no licence":             {map[string]string{"brcm/brcmfmac43430-sdio.bin": string(bin)}, "licence"},
		"a page in its way":      {with("brcm/brcmfmac43455-sdio.bin", "<html>404"), "expected 65536 or more"},
		"far too large":          {with("brcm/brcmfmac43455-sdio.bin", strings.Repeat("x", 3<<20)), "larger than"},
		"settings that are none": {with("brcm/brcmfmac43455-sdio.txt", strings.Repeat("\x00", 100)), "NAME=VALUE"},
	} {
		if _, err := Open(folder(t, c.files)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, expected %q", name, err, c.want)
		}
	}
	if _, err := Open(folder(t, nil)); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Open("/no/such/folder"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	if err := newShelf().readTar(bytes.NewReader(archive(t, "../", raspberry))); err == nil {
		t.Error("a tar that leads out of itself is read")
	}
}

func FuzzTarsAreReadOrRefused(f *testing.F) {
	f.Add(archive(f, "lib/firmware/", map[string]string{"brcm/brcmfmac43430-sdio.txt": string(nvram), "LICENSE": "may", "brcm/brcmfmac43455-sdio.bin": "→ ../../../../etc/shadow"}))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, text []byte) {
		s := newShelf()
		if s.readTar(bytes.NewReader(text)) != nil {
			return
		}
		fw, err := s.firmware()
		if err != nil {
			return
		}
		for _, x := range fw.Files {
			if !known.MatchString(x.Path) || int64(len(x.Data)) > 2<<20 {
				t.Fatalf("took %q, %d bytes", x.Path, len(x.Data))
			}
		}
	})
}
