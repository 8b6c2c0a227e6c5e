package pins

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the drawings anew")

const drawings = "../wiring"

// TestDrawingsAreTheTables: what is committed is what the table gives; -update writes it.
func TestDrawingsAreTheTables(t *testing.T) {
	all := Drawings()
	for name, d := range all {
		path, want := filepath.Join(drawings, name), d.SVG()
		if *update {
			if err := errors.Join(os.MkdirAll(drawings, 0o755), os.WriteFile(path, []byte(want), 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is not what the table gives (%v): go test ./hardware/pins -update", path, err)
		}
		for x := xml.NewDecoder(strings.NewReader(want)); ; {
			if _, err := x.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	files, err := os.ReadDir(drawings)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if _, ok := all[f.Name()]; !ok {
			t.Errorf("%s/%s is no drawing of the table's", drawings, f.Name())
		}
	}
}

func TestTheHeaderIsTheBoards(t *testing.T) {
	count, seen := map[Kind]int{}, map[int]bool{}
	for i, p := range Header() {
		if p.Place != i+1 {
			t.Errorf("pin %d at place %d", i+1, p.Place)
		}
		count[p.Kind]++
		if p.Kind == GPIO && (p.Line < 2 || p.Line > 27 || seen[p.Line]) || p.Kind != GPIO && p.Line != -1 {
			t.Errorf("%+v", p)
		}
		seen[p.Line] = true
	}
	// 26 lines, 8 grounds, 2 of each voltage, and the two of add-on boards.
	if count[GPIO] != 26 || count[Ground] != 8 || count[Power5] != 2 || count[Power3] != 2 || count[ID] != 2 {
		t.Errorf("%v", count)
	}
	for place, want := range map[int]string{1: "3.3 V", 2: "5 V", 6: "GND", 8: "GPIO14", 10: "GPIO15", 11: "GPIO17", 27: "ID", 29: "GPIO5", 36: "GPIO16", 39: "GND", 40: "GPIO21"} {
		if got := Header()[place-1].String(); got != want {
			t.Errorf("place %d is %s, want %s", place, got, want)
		}
	}
}

func TestEveryRoleHasOnePin(t *testing.T) {
	used := map[Role]int{}
	for _, p := range Header() {
		used[p.Role]++
		wantGround := strings.HasSuffix(string(p.Role), "-ground")
		if p.Role != Free && wantGround != (p.Kind == Ground) || p.Role != Free && !wantGround && p.Kind != GPIO {
			t.Errorf("%+v", p)
		}
	}
	for _, r := range []Role{StartDrop, SoldOut, Reprint, CallHelp, ButtonsBack, ReadyLight, AlertLight, LightsBack, PrinterTX, PrinterRX, PrinterBack} {
		if p, ok := For(r); !ok || used[r] != 1 {
			t.Errorf("%s: %+v, %d pins", r, p, used[r])
		}
	}
	if _, ok := For(Free); ok {
		t.Error("a pin was found for nothing")
	}
	// The processor's UART, which no other pins have.
	if tx, _ := For(PrinterTX); tx.Line != 14 {
		t.Errorf("printer's TX is %v", tx)
	}
	if rx, _ := For(PrinterRX); rx.Line != 15 {
		t.Errorf("printer's RX is %v", rx)
	}
}
