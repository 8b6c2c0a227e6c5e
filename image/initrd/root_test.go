package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const bootID = "60c24cc1-f3f9-427a-8199-b16f115a0001"

func TestTheCommandLineNamesRootAndInit(t *testing.T) {
	id, err := parseGUID(bootID)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]wanted{
		"console=tty1 root=PARTUUID=" + bootID + "/PARTNROFF=1 init=/gokrazy/init rootwait panic=10 init=/user/first\n": {id: id, off: 1, init: "/user/first"},
		"root=PARTUUID=" + strings.ToUpper(bootID): {id: id, init: "/gokrazy/init"},
		"root=/dev/sda1 root=/dev/mmcblk0p2":       {device: "/dev/mmcblk0p2", init: "/gokrazy/init"},
	} {
		if got, err := parseCmdline(line); err != nil || got != want {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
	for _, bad := range []string{"", "root=LABEL=x", "root=PARTUUID=", "root=PARTUUID=60c24cc1-01", "root=PARTUUID=" + bootID + "/PARTNROFF=one",
		"root=/dev/sda2 init=sh", "root=PARTUUID=" + strings.Replace(bootID, "-", "", 1)} {
		if got, err := parseCmdline(bad); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}

// disk has a table with these partitions, by number; the others are empty.
func disk(t testing.TB, ids map[int]string) []byte {
	t.Helper()
	b := make([]byte, 34*sector)
	for n, text := range ids {
		id, err := parseGUID(text)
		if err != nil {
			t.Fatal(err)
		}
		e := b[2*sector+(n-1)*128:]
		e[0] = 1 // its type: some
		copy(e[16:], id[:])
	}
	h := b[sector:]
	copy(h, "EFI PART")
	binary.LittleEndian.PutUint32(h[12:], headerSize)
	binary.LittleEndian.PutUint64(h[72:], 2)
	binary.LittleEndian.PutUint32(h[80:], 128)
	binary.LittleEndian.PutUint32(h[84:], 128)
	binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(b[2*sector:]))
	binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
	return b
}

func TestARootIsFoundOnTheDiskThatHasIt(t *testing.T) {
	dev, class := t.TempDir(), t.TempDir()
	for name, text := range map[string][]byte{"mmcblk0": make([]byte, 1<<20), "sda": disk(t, map[int]string{1: "00000000-0000-0000-0000-000000000001"}),
		"vda": disk(t, map[int]string{1: bootID, 2: "60c24cc1-f3f9-427a-8199-b16f115a0002"})} {
		if err := errors.Join(os.WriteFile(filepath.Join(dev, name), text, 0o600), os.Mkdir(filepath.Join(class, name), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	w, err := parseCmdline("root=PARTUUID=" + bootID + "/PARTNROFF=1")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := w.find(class, dev); err == nil || !strings.Contains(err.Error(), "no partition 2") {
		t.Errorf("before the kernel has read the table: %q, %v", got, err)
	}
	for _, part := range []string{"1", "2"} {
		at := filepath.Join(class, "vda", "vda"+part)
		if err := errors.Join(os.Mkdir(at, 0o700), os.WriteFile(filepath.Join(at, "partition"), []byte(part+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.find(class, dev); err != nil || got != filepath.Join(dev, "vda2") {
		t.Errorf("%q, %v", got, err)
	}
	w.id[0]++
	if got, err := w.find(class, dev); err == nil || !strings.Contains(err.Error(), "mmcblk0 sda vda") {
		t.Errorf("no disk has it: %q, %v", got, err)
	}
}

func TestADamagedTableIsNone(t *testing.T) {
	id, err := parseGUID(bootID)
	if err != nil {
		t.Fatal(err)
	}
	good := disk(t, map[int]string{3: bootID})
	if n, err := numberOf(bytes.NewReader(good), id); n != 3 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	for _, at := range []int{sector, sector + 12, sector + 80, sector + 88, 2*sector + 2*128} {
		bad := bytes.Clone(good)
		bad[at] ^= 1
		if n, err := numberOf(bytes.NewReader(bad), id); !errors.Is(err, errNoTable) {
			t.Errorf("byte %d changed: %d, %v", at, n, err)
		}
	}
	if n, err := numberOf(bytes.NewReader(good[:3*sector]), id); err == nil {
		t.Errorf("cut short: %d", n)
	}
}

func TestAGUIDIsWrittenAsItIsRead(t *testing.T) {
	if g, err := parseGUID(bootID); err != nil || g.String() != bootID || g[0] != 0xc1 || g[8] != 0x81 {
		t.Errorf("%v, %v", g, err)
	}
}

func FuzzADiskHasAPartitionOrNot(f *testing.F) {
	f.Add(disk(f, map[int]string{1: bootID}))
	f.Add([]byte("no disk"))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, err := parseGUID(bootID)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) >= 2*sector { // let more than chance through
			clear(b[sector+16 : sector+20])
			binary.LittleEndian.PutUint32(b[sector+16:], crc32.ChecksumIEEE(b[sector:sector+headerSize]))
		}
		if n, err := numberOf(bytes.NewReader(b), id); (n < 1) != (err != nil) {
			t.Fatalf("%d, %v", n, err)
		}
	})
}
