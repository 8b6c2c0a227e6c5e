package perm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// card is a disk in memory: the sectors that are not zero.
type card struct {
	sectors map[int64][]byte
	size    int64
	syncs   int
}

func (c *card) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > c.size*sector {
		return 0, io.EOF
	}
	for i := 0; i < len(p); i += sector {
		s := c.sectors[off/sector+int64(i/sector)]
		if s == nil {
			s = make([]byte, sector)
		}
		copy(p[i:], s)
	}
	return len(p), nil
}

func (c *card) WriteAt(p []byte, off int64) (int, error) {
	if off < 0 || off+int64(len(p)) > c.size*sector {
		return 0, io.ErrShortWrite
	}
	for i := 0; i < len(p); i += sector {
		c.sectors[off/sector+int64(i/sector)] = bytes.Clone(p[i : i+sector])
	}
	return len(p), nil
}

func (c *card) Sync() error { c.syncs++; return nil }

func (c *card) clone() *card {
	n := &card{map[int64][]byte{}, c.size, 0}
	for at, s := range c.sectors {
		n.sectors[at] = s
	}
	return n
}

const (
	imageSectors = 2 << 30 / sector
	permFirst    = 1104 << 20 / sector
	permLast     = imageSectors - 34 // gokrazy's packer leaves 33 sectors, and its last usable one
)

// flashed is an image of 2 GB, as gokrazy's packer lays it out, on a card of so many sectors. With inMBR its MBR has the data
// partition too.
func flashed(size int64, inMBR bool) *card {
	c := &card{map[int64][]byte{}, size, 0}
	t := &table{array: make([]byte, entryCount*entrySize)}
	copy(t.header[:], "EFI PART\x00\x00\x01\x00")
	binary.LittleEndian.PutUint32(t.header[hdrSize:], headerSize)
	binary.LittleEndian.PutUint32(t.header[hdrCount:], entryCount)
	binary.LittleEndian.PutUint32(t.header[hdrEntry:], entrySize)
	copy(t.header[56:], "the disk's own id")
	for i, p := range [][2]int64{{8192, 212991}, {212992, 1236991}, {1236992, permFirst - 1}, {permFirst, permLast}} {
		e := t.entry(i + 1)
		copy(e, []byte("\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4")) // Linux filesystem data
		copy(e[16:], "its own id, no. ")
		e[31] = byte(i + 1)
		binary.LittleEndian.PutUint64(e[entFirst:], uint64(p[0]))
		binary.LittleEndian.PutUint64(e[entLast:], uint64(p[1]))
	}
	const end = imageSectors - 1
	put := func(lba int64, text []byte) { c.WriteAt(text, lba*sector) }
	put(headerAt, t.head(headerAt, end, arrayAt, 34, end-33))
	put(arrayAt, t.array)
	put(end, t.head(end, headerAt, end-32, 34, end-33))
	put(end-32, t.array)
	mbr := make([]byte, sector)
	entry := func(i int, kind byte, first, n uint32) {
		e := mbr[446+16*i:]
		e[4] = kind
		binary.LittleEndian.PutUint32(e[8:], first)
		binary.LittleEndian.PutUint32(e[12:], n)
	}
	entry(0, 0x0c, 8192, 204800)
	entry(1, 0xee, 1, 8191)
	if inMBR {
		entry(2, 0x83, permFirst, permLast-permFirst+1)
	}
	mbr[510], mbr[511] = 0x55, 0xaa
	put(0, mbr)
	return c
}

// lastOf is where the data partition ends by a disk's own account.
func lastOf(t interface{ Fatalf(string, ...any) }, c *card) int64 {
	p, err := readTable(c, headerAt, c.size)
	if err != nil {
		t.Fatalf("the primary table: %v", err)
	}
	b, err := readTable(c, p.u64(hdrOther), c.size)
	if err != nil {
		t.Fatalf("the backup that the primary names: %v", err)
	}
	if b.last(Number) != p.last(Number) && p.u64(hdrArray) == arrayAt && p.u64(hdrOther) == c.size-1 {
		t.Fatalf("the tables differ: %d, %d", p.last(Number), b.last(Number))
	}
	one, err := at(c, arrayAt, 1)
	if err != nil || !bytes.Equal(one[:3*entrySize], p.array[:3*entrySize]) {
		t.Fatalf("the first three partitions, where gokrazy reads them, changed (%v)", err)
	}
	return p.last(Number)
}

func TestThePartitionGrowsToTheEndOfTheCard(t *testing.T) {
	for _, inMBR := range []bool{false, true} {
		c := flashed(8<<30/sector, inMBR)
		if old := lastOf(t, c); old != permLast {
			t.Fatalf("before: %d", old)
		}
		changed, first, length, err := growPartition(c, c.size, Number)
		if err != nil || !changed || first != permFirst || length%8 != 0 {
			t.Fatalf("%v, %d, %d, %v", changed, first, length, err)
		}
		last := lastOf(t, c)
		if room := c.size - 34 - last; room < 0 || room >= 8 || last != first+length-1 {
			t.Errorf("it ends at %d of %d", last, c.size)
		}
		if p, err := readTable(c, headerAt, c.size); err != nil || p.u64(hdrArray) != arrayAt || p.u64(hdrOther) != c.size-1 || string(p.header[56:72]) != "the disk's own i" {
			t.Errorf("the primary is not where it belongs: %v", err)
		}
		mbr, _ := at(c, 0, 1)
		if got, want := binary.LittleEndian.Uint32(mbr[446+32+12:]), uint32(length); inMBR && got != want || !inMBR && got != 0 {
			t.Errorf("in the MBR it is %d long, expected %d", got, want)
		}
		if again, _, _, err := growPartition(c, c.size, Number); again || err != nil {
			t.Errorf("grown again: %v, %v", again, err)
		}
		thirdOpinion(t, c)
	}
}

// thirdOpinion asks sgdisk and sfdisk, where they are.
func thirdOpinion(t *testing.T, c *card) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "card")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(c.size * sector); err != nil {
		t.Fatal(err)
	}
	for at, s := range c.sectors {
		if _, err := f.WriteAt(s, at*sector); err != nil {
			t.Fatal(err)
		}
	}
	for _, ask := range []struct {
		program string
		args    []string
		want    string
	}{{"sgdisk", []string{"-v"}, "No problems found"}, {"sfdisk", []string{"--verify"}, "No errors detected"}} {
		if _, err := exec.LookPath(ask.program); err != nil {
			t.Logf("%s is not here to be asked", ask.program)
			continue
		}
		out, err := exec.Command(ask.program, append(ask.args, path)...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), ask.want) {
			t.Errorf("%s: %v: %s", ask.program, err, out)
		}
	}
}

// TestAPowerCutLeavesATableThatStarts: whatever of a step was written when the power went, the primary table and the backup
// it names are good, the partition is as it was or grown, and the next start finishes the work.
func TestAPowerCutLeavesATableThatStarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := flashed(rapid.SampledFrom([]int64{4 << 30, 32 << 30, 3<<30 + 7*sector}).Draw(t, "size")/sector, rapid.Bool().Draw(t, "MBR"))
		for range rapid.IntRange(1, 4).Draw(t, "cuts") {
			steps, err := plan(c, c.size, Number)
			if err != nil {
				t.Fatalf("plan: %v", err)
			}
			if len(steps) == 0 {
				break
			}
			cut := rapid.IntRange(0, len(steps)-1).Draw(t, "step")
			for i, step := range steps[:cut+1] {
				for _, w := range step {
					for n := 0; n < len(w.text); n += sector {
						if i < cut || rapid.Bool().Draw(t, "on the disk") {
							c.WriteAt(w.text[n:n+sector], w.lba*sector+int64(n))
						}
					}
				}
				if last := lastOf(t, c); last != permLast && last < c.size-34-8 {
					t.Fatalf("the partition ends at %d", last)
				}
			}
		}
		if _, _, _, err := growPartition(c, c.size, Number); err != nil {
			t.Fatalf("the next start: %v", err)
		}
		if last := lastOf(t, c); last < c.size-34-8 {
			t.Fatalf("it was not grown: %d", last)
		}
		if p, err := readTable(c, headerAt, c.size); err != nil || p.u64(hdrArray) != arrayAt {
			t.Fatalf("its entries were not put back: %v", err)
		}
	})
}

func TestATableThatIsNotOursIsLeftAlone(t *testing.T) {
	for name, spoil := range map[string]func(*card){
		"nothing":   func(c *card) { clear(c.sectors) },
		"no header": func(c *card) { delete(c.sectors, headerAt) },
		"header's sum": func(c *card) {
			c.sectors[headerAt] = append([]byte(nil), c.sectors[headerAt]...)
			c.sectors[headerAt][40]++
		},
		"entries' sum": func(c *card) {
			c.sectors[arrayAt] = append([]byte(nil), c.sectors[arrayAt]...)
			c.sectors[arrayAt][40]++
		},
		"one behind it": func(c *card) { second(c, c.size-100_000, c.size-50_000) },
		"one in front":  func(c *card) { second(c, 40, 50) },
	} {
		c := flashed(8<<30/sector, false)
		spoil(c)
		before := c.clone()
		if changed, _, _, err := growPartition(c, c.size, Number); err == nil || changed {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		for at, s := range before.sectors {
			if !bytes.Equal(s, c.sectors[at]) {
				t.Errorf("%s: sector %d was written", name, at)
			}
		}
	}
	if changed, _, _, err := growPartition(flashed(imageSectors, false), imageSectors, Number); changed || err != nil {
		t.Errorf("a card without room: %v, %v", changed, err)
	}
	if changed, _, _, err := growPartition(flashed(imageSectors+worthwhile/2, false), imageSectors+worthwhile/2, Number); changed || err != nil {
		t.Errorf("a card with little room: %v, %v", changed, err)
	}
}

// second moves the third partition.
func second(c *card, first, last int64) {
	p, err := readTable(c, headerAt, c.size)
	if err != nil {
		panic(err)
	}
	binary.LittleEndian.PutUint64(p.entry(3)[entFirst:], uint64(first))
	p.setLast(3, last)
	c.WriteAt(p.head(headerAt, p.u64(hdrOther), arrayAt, 34, p.u64(hdrLast)), headerAt*sector)
	c.WriteAt(p.array, arrayAt*sector)
}

// TestACardThatRefusesIsSaid: a write that fails is an error, and what was there is still there.
func TestACardThatRefusesIsSaid(t *testing.T) {
	c := flashed(8<<30/sector, false)
	if _, _, _, err := growPartition(refusing{c}, c.size, Number); !errors.Is(err, os.ErrPermission) || lastOf(t, c) != permLast {
		t.Error(err)
	}
}

type refusing struct{ *card }

func (refusing) WriteAt([]byte, int64) (int, error) { return 0, os.ErrPermission }

func FuzzTablesAreReadOrRefused(f *testing.F) {
	good := flashed(imageSectors, true)
	text, err := at(good, 0, spareEnd)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, int64(8<<30/sector))
	f.Fuzz(func(t *testing.T, text []byte, size int64) {
		if size < 128 || size > 1<<40 {
			return
		}
		c := &card{map[int64][]byte{}, size, 0}
		for n := int64(0); (n+1)*sector <= int64(len(text)) && n < size; n++ {
			c.sectors[n] = text[n*sector:][:sector]
		}
		// Sums that are right, or the fuzzer never gets past them.
		if h := c.sectors[headerAt]; h != nil {
			p := &table{header: [sector]byte(h)}
			if a := p.u64(hdrArray); a >= arrayAt && a < size-arrayLen {
				if p.array, err = at(c, a, arrayLen); err == nil {
					c.sectors[headerAt] = p.head(p.u64(hdrMy), p.u64(hdrOther), a, p.u64(hdrFirst), p.u64(hdrLast))
				}
			}
		}
		steps, err := plan(c, size, Number)
		if err != nil {
			return
		}
		for _, step := range steps {
			for _, w := range step {
				end := w.lba + int64(len(w.text))/sector
				if w.lba < 0 || end > size || end > spareEnd && w.lba < size-33 {
					t.Fatalf("sectors %d to %d of %d would be written", w.lba, end, size)
				}
			}
		}
	})
}
