package firmware

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// board is a root file system with a Pi's firmware in it, and a driver that is not loaded.
func board(t *testing.T, minimalSays string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range map[string]string{search: "\n", names[:len(names)-5] + ".bin": "standard", "lib/firmware/brcm/brcmfmac43455-sdio.raspberrypi,4-model-b.bin": "standard",
		"lib/firmware/brcm/brcmfmac43430-sdio.bin": "another chip", minimal: minimalSays} {
		if text == "" {
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Join(root, filepath.Dir(path)), 0o755), os.WriteFile(filepath.Join(root, path), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func load(t *testing.T, root string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(root, driver), 0o755); err != nil {
		t.Fatal(err)
	}
}

// asks is what the kernel finds for a name: in the folder that it is told of, or where it always looks. A link leads from the root.
func asks(t *testing.T, root, name string) string {
	t.Helper()
	in, err := os.ReadFile(filepath.Join(root, search))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{strings.TrimSuffix(string(in), "\n"), "/lib/firmware"} {
		path := filepath.Join(root, dir, name)
		if to, err := os.Readlink(path); err == nil {
			path = filepath.Join(root, to)
		}
		if b, err := os.ReadFile(path); err == nil && dir != "" {
			return string(b)
		}
	}
	return ""
}

const good = "43455c0-roml/43455_sdio-idauth-maxclients-noclminc Version: 7.45.241"

func TestTheDriverFindsWhatWasChosen(t *testing.T) {
	root := board(t, good)
	if err := Choose(root, Standard); err != nil || Running(root) != Standard || asks(t, root, "brcm/brcmfmac43455-sdio.bin") != "standard" {
		t.Errorf("standard: %v, %s", err, Running(root))
	}
	if err := Choose(root, Minimal); err != nil || Running(root) != Minimal {
		t.Errorf("minimal: %v, %s", err, Running(root))
	}
	for name, want := range map[string]string{"brcm/brcmfmac43455-sdio.bin": good, "brcm/brcmfmac43455-sdio.raspberrypi,4-model-b.bin": good, "brcm/brcmfmac43430-sdio.bin": "another chip"} {
		if got := asks(t, root, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if err := Choose(root, Minimal); err != nil { // the program starts again
		t.Error(err)
	}
	if err := Choose(root, Standard); err != nil || Running(root) != Standard || asks(t, root, "brcm/brcmfmac43455-sdio.bin") != "standard" {
		t.Errorf("and back: %v, %s", err, Running(root))
	}
}

// TestWhatRunsIsNotChanged: the chip has its firmware until it is switched off.
func TestWhatRunsIsNotChanged(t *testing.T) {
	for _, runs := range []Kind{Standard, Minimal} {
		root := board(t, good)
		if err := Choose(root, runs); err != nil {
			t.Fatal(err)
		}
		load(t, root)
		for _, k := range []Kind{Standard, Minimal} {
			if err := Choose(root, k); errors.Is(err, ErrLater) != (k != runs) || Running(root) != runs {
				t.Errorf("%s runs, %s chosen: %v, %s", runs, k, err, Running(root))
			}
		}
	}
}

func TestAFileThatIsNotTheMinimalOneIsNotTaken(t *testing.T) {
	for says, want := range map[string]string{"": "no minimal Wi-Fi firmware", "43455_sdio-pno-dfsradar Version": "does not say", strings.Repeat("x", maxFile+1): "at most"} {
		root := board(t, says)
		if err := Choose(root, Minimal); err == nil || !strings.Contains(err.Error(), want) || Running(root) != Standard {
			t.Errorf("%.20q: %v, %s", says, err, Running(root))
		}
		if got := asks(t, root, "brcm/brcmfmac43455-sdio.bin"); got != "standard" {
			t.Errorf("%.20q: the driver finds %q", says, got)
		}
	}
	root := board(t, good)
	if err := os.RemoveAll(filepath.Join(root, search)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, search), 0o755); err != nil { // a kernel that cannot be told
		t.Fatal(err)
	}
	if err := Choose(root, Minimal); err == nil || Running(root) != Standard {
		t.Errorf("%v, %s", err, Running(root))
	}
}
