package perm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// host are this machine's e2fsprogs.
func host(t *testing.T) Programs {
	t.Helper()
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	var p Programs
	for name, at := range map[string]*string{"e2fsck": &p.E2fsck, "mke2fs": &p.Mke2fs, "debugfs": new(string)} {
		path, err := exec.LookPath(name)
		if err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
		*at = path
	}
	return p
}

// partition is a data partition of 300 MB with a file of sales on it.
func partition(t *testing.T, p Programs) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "perm.img")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 300<<20)); err != nil {
		t.Fatal(err)
	}
	if err := p.make(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	sales := filepath.Join(t.TempDir(), "sales")
	if err := os.WriteFile(sales, []byte("A-001"), 0o600); err != nil {
		t.Fatal(err)
	}
	debugfs(t, path, "write "+sales+" sales")
	return path
}

func debugfs(t *testing.T, path, ask string) string {
	t.Helper()
	out, err := exec.Command("debugfs", "-w", "-R", ask, path).Output()
	if err != nil {
		t.Fatalf("debugfs: %v", err)
	}
	return string(out)
}

// spoil writes garbage.
func spoil(t *testing.T, path string, from, to int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("\xa5\x5a\x11\x99", int(to-from)/4)), from); err != nil {
		t.Fatal(err)
	}
}

// care is what Care does with a file system, without mounting it.
func care(t *testing.T, p Programs, path string) (State, string, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	switch found, err := look(f); {
	case err != nil:
		t.Fatal(err)
	case found == nothing:
		return Made, "", p.make(t.Context(), path)
	case found == somethingElse:
		return Foreign, "", nil
	case found == ext4Damaged:
		return p.repair(t.Context(), path, fromCopy...)
	}
	return p.check(t.Context(), path)
}

func TestDamageIsMendedAndSalesKept(t *testing.T) {
	p := host(t)
	for name, c := range map[string]struct {
		from, to int64
		want     State
	}{
		"none":                              {0, 0, Clean},
		"the first group's tables":          {4096 + 16, 4096 + 48, Mended},
		"all group descriptors":             {4096, 8192, Mended},
		"superblock":                        {1024, 2048, Mended},
		"superblock, in its second half":    {1024 + 512, 2048, Mended},
		"superblock's id":                   {1024 + 0x68, 1024 + 0x78, Mended},
		"descriptor's count, not its place": {4096 + 12, 4096 + 16, Mended},
		"the copy's descriptors":            {backupAt + 4096, backupAt + 8192, Clean},
		"superblock and tables":             {1024, 8192, Mended},
	} {
		path := partition(t, p)
		spoil(t, path, c.from, c.to)
		got, said, err := care(t, p, path)
		if err != nil || got != c.want {
			t.Errorf("%s: %s, expected %s (%v)\n%s", name, got, c.want, err, said)
			continue
		}
		if sales := debugfs(t, path, "cat sales"); sales != "A-001" {
			t.Errorf("%s: sales are %q", name, sales)
		}
		if again, said, err := care(t, p, path); err != nil || again != Clean {
			t.Errorf("%s: at the next start it is %s (%v)\n%s", name, again, err, said)
		}
	}
}

func TestOnlyABlankPartitionGetsAFileSystem(t *testing.T) {
	p := host(t)
	blank := filepath.Join(t.TempDir(), "blank")
	if err := errors.Join(os.WriteFile(blank, nil, 0o600), os.Truncate(blank, 300<<20)); err != nil {
		t.Fatal(err)
	}
	if got, _, err := care(t, p, blank); err != nil || got != Made {
		t.Errorf("blank: %s, %v", got, err)
	}
	if got, _, err := care(t, p, blank); err != nil || got != Clean {
		t.Errorf("what was made: %s, %v", got, err)
	}
	for name, at := range map[string]int64{"a FAT": 0, "btrfs": 64 << 10, "swap": 4080} {
		path := filepath.Join(t.TempDir(), "foreign")
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 300<<20)); err != nil {
			t.Fatal(err)
		}
		spoil(t, path, at, at+512)
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, err := care(t, p, path); err != nil || got != Foreign {
			t.Errorf("%s: %s, %v", name, got, err)
		}
		if after, err := os.ReadFile(path); err != nil || string(before) != string(after) {
			t.Errorf("%s: it was written to (%v)", name, err)
		}
	}
}

// FuzzPartitionsAreLookedAt: whatever lies there, looking at it ends well, and only what is blank is nothing.
func FuzzPartitionsAreLookedAt(f *testing.F) {
	var s super
	s[0x38], s[0x39], s[0x18], s[0x64+1], s[4], s[0x22] = 0x53, 0xEF, 2, 4, 1, 1
	f.Add(s[:], s[:], []byte{1})
	f.Fuzz(func(t *testing.T, own, spare, groups []byte) {
		c := &card{map[int64][]byte{}, (backupAt + 4*blockLen) / sector, 0}
		blank := true
		for at, text := range map[int64][]byte{superAt: own, backupAt: spare, blockLen: groups} {
			x := super{}
			copy(x[:], text)
			if at != blockLen && len(text) > 0 { // a sum that is right
				binary.LittleEndian.PutUint32(x[0x3FC:], sum(^uint32(0), x[:0x3FC]))
			}
			blank = blank && x == (super{})
			c.WriteAt(x[:], at)
		}
		if found, err := look(anyLength{c}); err != nil || found == nothing && !blank {
			t.Fatalf("%v, %v", found, err)
		}
		fsBytes(anyLength{c}) // an error, or a length
	})
}

// anyLength reads a card in any lengths.
type anyLength struct{ *card }

func (w anyLength) ReadAt(p []byte, off int64) (int, error) {
	from, to := off/sector*sector, (off+int64(len(p))+sector-1)/sector*sector
	if to > w.size*sector {
		return 0, io.EOF
	}
	text := make([]byte, to-from)
	if _, err := w.card.ReadAt(text, from); err != nil {
		return 0, err
	}
	return copy(p, text[off-from:]), nil
}

func TestTheLengthIsWhatTheSuperblockSays(t *testing.T) {
	f, err := os.Open(partition(t, host(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := fsBytes(f); err != nil || n != 300<<20 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := fsBytes(strings.NewReader(strings.Repeat("\xff", 4096))); err == nil {
		t.Errorf("garbage has a length of %d", n)
	}
}

func TestAProgramThatCannotRunIsSaid(t *testing.T) {
	if s, _, err := (Programs{E2fsck: "/no/such/program"}).check(t.Context(), "x"); s != Broken || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s, %v", s, err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if s, _, err := (Programs{E2fsck: "/bin/true"}).check(over, "x"); s != Broken || err == nil {
		t.Errorf("out of time: %s, %v", s, err)
	}
	script := filepath.Join(t.TempDir(), "e2fsck")
	for code, want := range map[int]State{0: Clean, 1: Mended, 2: Mended, 4: Broken, 8: Broken, 128: Broken} {
		if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\nhead -c 10000 /dev/zero | tr '\\0' x\nexit %d\n", code), 0o700); err != nil {
			t.Fatal(err)
		}
		if s, said, err := (Programs{E2fsck: script}).check(t.Context(), "x"); s != want || len(said) > maxSaid+8 || (err == nil) != (want != Broken) {
			t.Errorf("exit %d: %s, %d bytes, %v", code, s, len(said), err)
		}
	}
}

func TestAReportIsWrittenWholeAndReadable(t *testing.T) {
	dir := t.TempDir()
	for _, r := range []Report{{State: Mended, Said: "recovering journal"}, {State: Clean, Grown: true, FileSystem: 4 << 30}} {
		if err := r.keep(dir); err != nil || !r.worthKeeping() {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, ReportFile)); err != nil || !strings.Contains(string(text), string(r.State)) {
			t.Errorf("%s, %v", text, err)
		}
	}
	if err := os.Symlink("/dev/full", filepath.Join(dir, ReportFile+".part")); err != nil {
		t.Fatal(err)
	}
	if err := (Report{State: Mended}).keep(dir); err == nil {
		t.Error("no error on a full disk")
	}
	if st, err := os.Lstat(filepath.Join(dir, ReportFile)); err != nil || !st.Mode().IsRegular() { // reading /dev/full has no end
		t.Errorf("a report that could not be written took the last one's place: %v, %v", st, err)
	}
	if (Report{State: Clean}).worthKeeping() {
		t.Error("each start writes to the card")
	}
	for _, s := range []State{Clean, Mended, Made, Foreign, Broken, ""} {
		if text := (Report{State: s, Grown: true, FileSystem: 4 << 30, Problem: "why"}).Sentence(); !strings.Contains(text, "4096 MB; why") || strings.Contains(text, "\n") {
			t.Errorf("%q", text)
		}
	}
}
