package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/image/pack/licence"
)

func TestFreeBlocksAreReadFromDumpe2fs(t *testing.T) {
	got, err := freeBlocks("Free blocks:              99\nGroup 1:\n  Free blocks: \nGroup 0: (Blocks 0-32767)\n  Free blocks: 3917-3920, 4000\n  Free inodes: 12-7552\n")
	want := []span{{3917 * 4096, 3921 * 4096}, {4000 * 4096, 4001 * 4096}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(span{})); d != "" || err != nil {
		t.Errorf("%s%v", d, err)
	}
	for _, bad := range []string{"", "  Free blocks: many\n"} {
		if got, err := freeBlocks(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

func TestSpansBecomeWholeBlocksOnce(t *testing.T) {
	got := blocks([]span{{0, 100}, {4000, 4097}, {9000, 9000}, {3 * 4096, 4 * 4096}})
	want := []span{{0, 2 * 4096}, {3 * 4096, 4 * 4096}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(span{})); d != "" {
		t.Error(d)
	}
}

// TestTheMapVouchesForItselfAndItsRanges reads a map as bmaptool does.
func TestTheMapVouchesForItselfAndItsRanges(t *testing.T) {
	disk := bytes.Repeat([]byte("edgekit!"), 4*4096/8)
	text, err := blockMap(bytes.NewReader(disk), int64(len(disk)), []span{{0, 4096}, {2 * 4096, 4 * 4096}})
	if err != nil {
		t.Fatal(err)
	}
	var m bmap
	if err := xml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	blank := regexp.MustCompile(`[0-9a-f]{64}</BmapFile`).ReplaceAll(text, []byte(strings.Repeat("0", 64)+"</BmapFile"))
	if sum := fmt.Sprintf("%x", sha256.Sum256(blank)); sum != m.Checksum {
		t.Errorf("the map's checksum is %s, expected %s", m.Checksum, sum)
	}
	want := []mapped{{fmt.Sprintf("%x", sha256.Sum256(disk[:4096])), "0"}, {fmt.Sprintf("%x", sha256.Sum256(disk[2*4096:])), "2-3"}}
	if d := cmp.Diff(want, m.Ranges); d != "" || m.Mapped != 3 || m.Blocks != 4 {
		t.Errorf("%s%+v", d, m)
	}
}

// TestGokrazysOwnDoorsAreShut: without a password gokrazy's pages and its update interface listen on no network.
func TestGokrazysOwnDoorsAreShut(t *testing.T) {
	all, err := filepath.Glob("../../gokrazy/*/config.json")
	if err != nil || len(all) < 3 {
		t.Fatalf("%v, %v", all, err)
	}
	for _, path := range all {
		var c struct {
			Update struct {
				NoPassword   bool
				HTTPPassword string
			}
		}
		if err := json.Unmarshal([]byte(read(t, path)), &c); err != nil || !c.Update.NoPassword || c.Update.HTTPPassword != "" {
			t.Errorf("%s: %+v, %v", path, c.Update, err)
		}
	}
}

// TestInstancesArePinned: what an instance names is pinned by checksum, and no address is.
func TestInstancesArePinned(t *testing.T) {
	for _, instance := range []string{"edgekit", "edgekit-vm"} {
		b := &build{root: "../..", instance: instance}
		c, err := b.config()
		if err != nil {
			t.Fatal(err)
		}
		mod, sum := read(t, b.src("gokrazy/"+instance+"/builddir/go.mod")), read(t, b.src("gokrazy/"+instance+"/builddir/go.sum"))
		if err := b.noteModules(c, regexp.MustCompile(`(?m)^\t`).ReplaceAllString(mod, ""), sum); err != nil {
			t.Error(err)
		}
		for _, text := range []string{mod, sum, read(t, b.src("gokrazy/"+instance+"/config.json"))} {
			if strings.Contains(text, "://") || strings.Contains(text, "replace ") {
				t.Errorf("%s: an address or a folder of somebody's is in it:\n%s", instance, text)
			}
		}
	}
}

// TestWhatHasNoNoticeIsRefused: a module that a program was built from is among the licence notices, or there is no image.
func TestWhatHasNoNoticeIsRefused(t *testing.T) {
	b := &build{licences: []licence.Part{{Name: "example.com/a", Version: "v1.0.0", SPDX: "MIT"}}}
	if got, err := b.licenceOf("example.com/a", "v1.0.0"); err != nil || got != "MIT" {
		t.Errorf("%s, %v", got, err)
	}
	for _, other := range [][2]string{{"example.com/a", "v1.0.1"}, {"example.com/b", "v1.0.0"}} {
		if got, err := b.licenceOf(other[0], other[1]); err == nil {
			t.Errorf("%v: %s", other, got)
		}
	}
}

// TestTheKernelsSourceIsNamed by the release that its module notes.
func TestTheKernelsSourceIsNamed(t *testing.T) {
	dir := t.TempDir()
	if got, err := kernelSource("m v1", dir); got != "" || err != nil {
		t.Errorf("no kernel: %q, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "vmlinuz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := kernelSource("m v1", dir); err == nil {
		t.Errorf("a kernel without source: %q", got)
	}
	note := filepath.Join(dir, "_build/upstream-url.txt")
	if err := errors.Join(os.MkdirAll(filepath.Dir(note), 0o755), os.WriteFile(note, []byte("scheme:host/linux/stable_20250916.tar.gz\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got, err := kernelSource("m v1", dir); err != nil || !strings.Contains(got, "tag stable_20250916,") || !strings.Contains(got, "m v1") {
		t.Errorf("%q, %v", got, err)
	}
}

// TestNobodysFileIsReplaced in the root that is put together.
func TestNobodysFileIsReplaced(t *testing.T) {
	b := &build{work: t.TempDir()}
	if err := b.addFile("/usr/sbin/a", []byte("one"), true); err != nil {
		t.Fatal(err)
	}
	if err := b.addFile("/usr/sbin/a", []byte("two"), false); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	st, err := os.Stat(b.at("extra/usr/sbin/a"))
	if err != nil || st.Mode().Perm() != 0o755 || read(t, b.at("extra/usr/sbin/a")) != "one" {
		t.Errorf("%v, %v", st, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
