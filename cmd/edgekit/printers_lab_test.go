//go:build lab

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/drivers"
)

// echoing is a printer's end at which jobs' IDs are said back (ESC/POS, GS ( H), which are not for paper.
type echoing struct {
	io.ReadWriter
	held []byte     // may be the beginning of a request
	jam  sync.Mutex // locked: the paper is jammed, and it neither prints nor answers
}

var wantsEcho = []byte("\x1d(H\x06\x0000")

func (e *echoing) Read(b []byte) (int, error) {
	n, err := e.ReadWriter.Read(b[:len(b)-len(wantsEcho)-4])
	e.jam.Lock()
	defer e.jam.Unlock()
	all := append(e.held, b[:n]...)
	e.held = nil
	out := b[:0]
	for at := bytes.Index(all, wantsEcho[:1]); at >= 0; at = bytes.Index(all, wantsEcho[:1]) {
		out, all = append(out, all[:at]...), all[at:]
		switch whole := len(wantsEcho) + 4; {
		case bytes.HasPrefix(all, wantsEcho) && len(all) >= whole:
			if _, err := e.Write(append(append([]byte{0x37, 0x22}, all[len(wantsEcho):whole]...), 0)); err != nil {
				return len(out), err
			}
			all = all[whole:]
			continue
		case bytes.HasPrefix(all, wantsEcho), bytes.HasPrefix(wantsEcho, all):
			e.held = bytes.Clone(all)
			return len(out), err
		}
		out, all = append(out, all[0]), all[1:]
	}
	return len(append(out, all...)), err
}

// TestLabTwoUSBPrintersShareTheSlips, found by themselves; then one is jammed and pulled out, and the other prints all that is left. Every
// ticket is on paper, and none twice: but for the one that was under way, which is marked.
func TestLabTwoUSBPrintersShareTheSlips(t *testing.T) {
	device := func(name, do string) {
		t.Helper()
		if out, err := exec.Command("device", name, do).CombinedOutput(); err != nil {
			t.Fatalf("device %s %s: %v\n%s", name, do, err, out)
		}
	}
	device("printer2", "up")
	pull := sync.OnceFunc(func() { device("printer2", "unplug") })
	t.Cleanup(pull)
	var rolls [2]roll
	var ends [2]echoing
	for i, node := range []string{"/dev/g_printer0", "/dev/g_printer1"} {
		paper, err := os.OpenFile(node, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { paper.Close() })
		slips := make(chan []byte)
		ends[i].ReadWriter = paper
		go read(&ends[i], slips)
		go func() {
			for s := range slips {
				rolls[i].add(s)
			}
		}()
	}
	out := func(i int) []string {
		rolls[i].mu.Lock()
		defer rolls[i].mu.Unlock()
		return append([]string(nil), rolls[i].slips...)
	}
	k := kittest.Start(t, "-picture", "160x90@2", "-printer", "auto", "-printer-model", "epson")
	op := k.Pair(t)
	kittest.Until(t, "both printers", func() bool {
		var now struct{ Devices []drivers.Status }
		_, b, err := op.Get("/api/operator/state")
		if err != nil || json.Unmarshal(b, &now) != nil {
			return false
		}
		ready := 0
		for _, d := range now.Devices {
			if d.Device == "printer" && d.State == drivers.Ready {
				ready++
			}
		}
		return ready == 2
	})
	buy := func(visitors, each int) {
		var all sync.WaitGroup
		for range visitors {
			v := k.Visit(t)
			all.Go(func() {
				for range each {
					if a, err := v.Buy("pen"); err != nil || a.Ticket == "" {
						t.Errorf("%+v, %v", a, err)
					}
				}
			})
		}
		all.Wait()
	}
	whole := func() map[string]bool {
		got := map[string]bool{}
		for _, s := range append(out(0), out(1)...) {
			if wholeSlip.MatchString(s) {
				got[numberOnSlip.FindString(s)] = true
			}
		}
		return got
	}
	const before, after = 24, 16
	buy(4, before/4)
	kittest.UntilWithin(t, "24 slips", 4*kittest.Limit, func() bool { return len(whole()) == before })
	for i := range rolls {
		last, slips := "", out(i)
		if len(slips) < before/6 {
			t.Errorf("printer %d printed %d of %d", i, len(slips), before)
		}
		for _, s := range slips {
			if n := numberOnSlip.FindString(s); n <= last || strings.Contains(s, "POSSIBLE COPY") {
				t.Errorf("printer %d: %s after %s, or it is marked", i, n, last)
			} else {
				last = n
			}
		}
	}
	t.Logf("%d and %d slips", len(out(0)), len(out(1)))

	ends[1].jam.Lock()
	buy(4, after/4)
	kittest.UntilWithin(t, "all slips but one", 4*kittest.Limit, func() bool { return len(whole()) >= before+after-1 })
	pull()
	kittest.UntilWithin(t, "the other to print that too", 4*kittest.Limit, func() bool { return len(whole()) == before+after })
	ends[1].jam.Unlock()
	marked, seen := 0, map[string]int{}
	for _, s := range append(out(0), out(1)...) {
		if strings.Contains(s, "POSSIBLE COPY") {
			marked++
		} else if n := numberOnSlip.FindString(s); wholeSlip.MatchString(s) {
			if seen[n]++; seen[n] > 1 {
				t.Errorf("%s came out twice, without a mark", n)
			}
		}
	}
	if marked == 0 {
		t.Error("no slip is marked as a possible copy: what was under way in the second is lost, or came out as the first")
	}
	t.Logf("%d and %d slips, %d marked", len(out(0)), len(out(1)), marked)
}
