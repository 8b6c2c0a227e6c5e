package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
