//go:build lab

package main

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/drivers/gpio/pintest"
)

// TestLabAPressStartsADrop is a finger on the board: a pin of the kernel's own GPIO driver is pulled, with chatter, and visitors
// can buy; the light says so; the press is in the journal, and what leant on another button all the while did nothing.
func TestLabAPressStartsADrop(t *testing.T) {
	pins := pintest.Open(t)
	const startDrop, soldOut, reprint, callHelp, readyLine, alertLine = 5, 6, 2, 4, 0, 1
	for _, line := range []int{startDrop, soldOut, callHelp} {
		pins.Set(line, true)
	}
	pins.Set(reprint, false) // leant on since before the start
	data := t.TempDir()
	k := kittest.StartIn(t, data, "-catalog", kittest.File(t, "drops.json", drops), "-picture", "320x180@5", "-printer", "none",
		"-buttons", fmt.Sprintf("gpio:%s:%d,%d,%d,%d", pintest.Chip, startDrop, soldOut, reprint, callHelp),
		"-lights", fmt.Sprintf("gpio:%s:%d,%d", pintest.Chip, readyLine, alertLine))
	v := k.Visit(t)
	state := func(want string) func() bool {
		return func() bool { o, err := v.Offer("two"); return err == nil && o.State == want }
	}
	kittest.Until(t, "the announced drop", state("soon"))
	op := k.Pair(t)
	kittest.Until(t, "the buttons", func() bool {
		return deviceState(t, op, "buttons") == "ready" && deviceState(t, op, "lights") == "ready"
	})

	press := func(line int, held time.Duration) {
		pins.Set(line, false, true, false, true, true, false)
		time.Sleep(held) // as a finger does
		pins.Set(line, true, false, true)
	}
	press(startDrop, 80*time.Millisecond)
	kittest.Until(t, "the drop", state("live"))
	if a, err := v.Buy("two"); err != nil || a.Status != 200 {
		t.Errorf("%+v, %v", a, err)
	}
	press(soldOut, 1300*time.Millisecond)
	kittest.Until(t, "sold out", state("sold-out"))
	press(callHelp, 80*time.Millisecond)
	kittest.Until(t, "help", func() bool { return buttonsOf(t, op).Help })
	rhythm(t, pins, alertLine)
	kittest.Until(t, "the stuck one is told", func() bool { return deviceState(t, op, "buttons") == "failed" })
	k.Stop()
	var actions []string
	for _, e := range journalOf(t, filepath.Join(data, "kit.db")) {
		if e.Action != "" {
			actions = append(actions, e.Button+" "+e.Action+" "+e.Offer+" "+e.Via)
		}
	}
	if got, want := fmt.Sprint(actions), "[start-drop start-next-drop two button sold-out sold-out two button call-help call-help  button]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// rhythm waits until a light was seen to flash: nine changes of its line, on and off in turn.
func rhythm(t *testing.T, pins *pintest.Pins, line int) {
	t.Helper()
	for changes, on := 0, false; changes < 9; {
		c := pins.Next()
		if c.Line != line {
			continue
		}
		if changes > 0 && c.High == on {
			t.Fatalf("the light is told twice that it is %v", on)
		}
		on = c.High
		changes++
	}
}
