package setup

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// TestTheCodeOnTheSlipStaysGood through restarts, until it is used.
func TestTheCodeOnTheSlipStaysGood(t *testing.T) {
	dir := t.TempDir()
	first := OpenState(dir, quiet()).Code()
	if len(first) != 7 || first[3] != '-' {
		t.Errorf("code %q", first)
	}
	s := OpenState(dir, quiet())
	if s.Code() != first || s.Paired() {
		t.Errorf("after a restart: %q, paired %v", s.Code(), s.Paired())
	}
	lost := s.Next(false)
	if lost == first || s.Paired() {
		t.Errorf("after wrong tries: %q, paired %v", lost, s.Paired())
	}
	used := s.Next(true)
	if s = OpenState(dir, quiet()); s.Code() != used || used == lost || !s.Paired() {
		t.Errorf("after pairing and a restart: %q, paired %v", s.Code(), s.Paired())
	}
	if fi, err := os.Stat(filepath.Join(dir, stateFile)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

// TestATaughtScannerIsKnown through restarts; of many, those that were taught last.
func TestATaughtScannerIsKnown(t *testing.T) {
	dir := t.TempDir()
	for i := range mostTaught + 1 {
		if err := OpenState(dir, quiet()).SetScanner(fmt.Sprintf("0c2e:%04x", i), "us"); err != nil {
			t.Fatal(err)
		}
	}
	if err := OpenState(dir, quiet()).SetScanner("0c2e:0001", "de"); err != nil {
		t.Fatal(err)
	}
	s := OpenState(dir, quiet())
	for id, want := range map[string]string{"0c2e:0000": "", "0c2e:0001": "de", "0c2e:0002": "us", "0c2e:0008": "us", "ffff:0035": ""} {
		if got := s.Scanner(id); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

// TestASlipIsPrintedOnce, or marked; and a kit that goes down whenever it prints does not eat its roll.
func TestASlipIsPrintedOnce(t *testing.T) {
	dir := t.TempDir()
	open := func() *State { return OpenState(dir, quiet()) }
	due := func(of string, wantDue, wantAgain bool) {
		t.Helper()
		if due, again := open().Due(SetupSlip, of); due != wantDue || again != wantAgain {
			t.Errorf("%s: due %v, again %v", of, due, again)
		}
	}
	note := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	due("a", true, false)
	note(open().Sending(SetupSlip, "a"))
	note(open().Sent(SetupSlip, "a", false)) // the printer went before the first byte
	due("a", true, false)
	note(open().Sending(SetupSlip, "a")) // the power goes here
	due("a", true, true)
	note(open().Sending(SetupSlip, "a"))
	note(open().Sending(SetupSlip, "a"))
	due("a", false, true) // three times is enough
	due("b", true, false) // the Wi-Fi's password changed
	note(open().Sending(SetupSlip, "b"))
	note(open().Sent(SetupSlip, "b", true))
	due("b", false, false)
	if due, _ := open().Due(RefusalSlip, "b"); !due {
		t.Error("one kind of slip is taken for the other")
	}
}

// FuzzState: whatever the file holds after a crash, there is a state that works.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"code":"123-456","slips":{"setup":{"of":"a","tries":-1}}}`))
	f.Add([]byte(`{"slips":null}`))
	f.Add([]byte("{"))
	f.Add([]byte(`{"code":"       "}`)) // which no digits at all would open
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, stateFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		s := OpenState(dir, quiet())
		if code := s.Code(); !codeForm.MatchString(code) {
			t.Errorf("%q", code)
		}
		s.Due(SetupSlip, "x")
		if err := s.Sending(SetupSlip, "x"); err != nil {
			t.Error(err)
		}
		if s.Next(true); len(OpenState(dir, quiet()).Code()) != 7 {
			t.Errorf("%q", s.Code())
		}
	})
}

// TestOperatorsPhonesAreRemembered through a restart, the last 16 of them.
func TestOperatorsPhonesAreRemembered(t *testing.T) {
	dir := t.TempDir()
	s := OpenState(dir, slog.New(slog.DiscardHandler))
	for i := range maxStaff + 3 {
		s.AddStaff(fmt.Sprint("m", i))
	}
	s.AddStaff("m5")
	s.AddStaff("m5")
	all := OpenState(dir, slog.New(slog.DiscardHandler)).Staff()
	if len(all) != maxStaff || all[0] != "m3" || all[maxStaff-1] != "m5" || slices.Index(all, "m5") != maxStaff-1 {
		t.Error(all)
	}
}
