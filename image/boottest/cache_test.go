package boottest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestACutTakesOnlyWhatWasNotFlushed writes a card's four places in turn and cuts its power, again and again: what was flushed, or
// written by force, is there; what came after is there, or is what was there before, by the sector, in any order.
func TestACutTakesOnlyWhatWasNotFlushed(t *testing.T) {
	const place = 4 * sector
	path := filepath.Join(t.TempDir(), "card.img")
	if err := os.WriteFile(path, make([]byte, 4*place), 0o600); err != nil {
		t.Fatal(err)
	}
	fill := func(b byte) []byte { return bytes.Repeat([]byte{b}, place) }
	var lost, kept, torn, reordered int
	for range 300 {
		c, err := openCache(path, filepath.Join(t.TempDir(), "s"), false)
		if err != nil {
			t.Fatal(err)
		}
		write := func(at int64, b byte, forced bool) {
			if err := c.write(at*place, fill(b), forced); err != nil {
				t.Fatal(err)
			}
		}
		for at := range int64(4) {
			write(at, 'a', false)
		}
		c.flush()
		if !c.flushed() {
			t.Fatal("after a flush something may be lost")
		}
		write(0, 'b', false)
		write(1, 'b', false)
		write(2, 'b', false)
		write(2, 'c', true)
		if c.flushed() {
			t.Fatal("nothing may be lost of what was not flushed")
		}
		if seen, err := os.ReadFile(path); err != nil || !bytes.Equal(seen, bytes.Join([][]byte{fill('b'), fill('b'), fill('c'), fill('a')}, nil)) {
			t.Fatal("a read does not give what was written last")
		}
		if _, err := c.cut(); err != nil {
			t.Fatal(err)
		}
		is, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(is[2*place:], append(fill('c'), fill('a')...)) {
			t.Fatalf("what was flushed or forced is gone: %q", is[2*place:])
		}
		var news [2]int
		for at := range news {
			for s := range place / sector {
				switch b := is[at*place+s*sector:][:sector]; {
				case bytes.Equal(b, fill('b')[:sector]):
					news[at]++
				case !bytes.Equal(b, fill('a')[:sector]):
					t.Fatalf("a sector is torn: %q", b)
				}
			}
			switch news[at] {
			case 0:
				lost++
			case place / sector:
				kept++
			default:
				torn++
			}
		}
		if news[0] == 0 && news[1] == place/sector {
			reordered++
		}
	}
	if lost == 0 || kept == 0 || torn == 0 || reordered == 0 {
		t.Errorf("of 600 writes %d lost, %d kept, %d torn, %d times the later one without the earlier: expected some of each", lost, kept, torn, reordered)
	}
}
