package main

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/scanner"
)

// TestAScannedSlipIsShown: a serial scanner, on one of the kernel's own lines, reads a slip's code, and the console says which
// ticket it is; of a code that was made up, that it is none.
func TestAScannedSlipIsShown(t *testing.T) {
	far, near := line(t)
	k := kittest.Start(t, "-config", kittest.File(t, "edgekit.toml", fmt.Sprintf("[scanner]\ndevice = \"serial:%s\"\n", near)))
	a, err := k.Visit(t).Buy("mug")
	if err != nil || a.Ticket != "A-001" {
		t.Fatalf("%+v, %v", a, err)
	}
	op, browser := k.Pair(t), kittest.Browser(t, watchful)
	kittest.Until(t, "the scanner", func() bool { return deviceState(t, op, "scanner") == "ready" })
	scans := func() []wire.Scan {
		var s struct{ Scans []wire.Scan }
		if _, b, err := op.Get("/api/operator/state"); err != nil || json.Unmarshal(b, &s) != nil {
			t.Fatal(string(b), err)
		}
		return s.Scans
	}
	for n, c := range []struct {
		code string
		ok   bool
	}{{"edgekit:A-001:" + a.ID, true}, {"edgekit:A-001:" + kittest.NewTap(), false}} {
		if _, err := far.WriteString(c.code + "\r"); err != nil {
			t.Fatal(err)
		}
		kittest.Until(t, "the scan", func() bool { return len(scans()) == n+1 })
		if got := scans()[0]; got.OK != c.ok || got.Text != c.code || c.ok != (got.Ticket == "A-001") {
			t.Errorf("%+v", got)
		}
	}
	kittest.Open(t, browser, k.Console+"/console")
	enter(t, browser, kitCode(t, op))
	kittest.See(t, browser, "both", under("Scanned")+`.match(/Not a ticket[^]*Not ours[^]*A-001[^]*Ours[^]*A-001: Mug, € 10\.00/)`)
	kittest.Read(t, browser, `document.querySelector("#teach summary").click()`)
	press(t, browser, "Show the sheet")
	kittest.See(t, browser, "the sheet", `[...document.querySelectorAll("img")].some(i => i.alt === "The sheet: a code for the scanner" && i.checkVisibility() && i.naturalWidth > 200)`)
	if _, err := far.WriteString(scanner.Sheet() + "\r"); err != nil {
		t.Fatal(err)
	}
	kittest.See(t, browser, "what came of it", under("Devices")+`.includes("This scanner sends characters, not keys: there is nothing to learn.")`)
	kittest.See(t, browser, "it among the scans", under("Scanned")+`.match(/The scanner's sheet[^]*Learned/)`)
	press(t, browser, "Print the sheet")
	kittest.See(t, browser, "it is printed", under("Devices")+`.includes("The sheet is printed. Have the scanner read it within 10 minutes.")`)
	if got := kittest.Read(t, browser, `JSON.stringify(wrongs)`); got != "[]" {
		t.Errorf("the page did wrong: %s", got)
	}
}

// line is a serial line: one end, and where the other one is (pty(7)).
func line(t *testing.T) (far *os.File, near string) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	if err := unix.IoctlSetPointerInt(int(far.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(far.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return far, fmt.Sprintf("/dev/pts/%d", n)
}
