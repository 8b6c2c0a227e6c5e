//go:build boot

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/image/boottest"
	"edgekit.internal/image/perm"
)

// TestBootMendsTheDataPartition damages the first group's descriptors, which lead e2fsck's own repair to give up all
// files, on a card that lost power in the middle of things: the kit starts with every sale.
func TestBootMendsTheDataPartition(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	powerOn(t, m)
	v, tap := sellSet(t, m)
	m.PowerCut()
	if err := m.Overwrite(4096+16, bytes.Repeat([]byte{0xa5, 0x5a, 0x11, 0x99}, 8)); err != nil {
		t.Fatal(err)
	}
	powerOn(t, m)
	if a, err := v.Tap(tap.id, tap.offer, tap.token); err != nil || a.Status != http.StatusOK || a.Ticket != tap.ticket {
		t.Errorf("the same tap after the damage: %+v, %v", a, err)
	}
	m.PowerCut()
	if r, _ := report(t, m); r.State != perm.Mended || r.Problem != "" || r.Said == "" {
		t.Errorf("%+v", r)
	}
}

// TestBootGrowsToTheCard flashes the image onto a larger card, sells, cuts the power at random moments of the start in
// which the partition grows, and finds all of the card in use and the sale on it.
func TestBootGrowsToTheCard(t *testing.T) {
	t.Parallel()
	const size = 4 << 30
	m := newMachine(t)
	powerOn(t, m)
	v, tap := sellSet(t, m)
	m.PowerCut()
	if err := m.Extend(size); err != nil {
		t.Fatal(err)
	}
	for range *bootCuts {
		if err := m.PowerOn(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(2000+rand.IntN(3000)) * time.Millisecond) // the moment of the cut is the input here, not a wait
		m.PowerCut()
	}
	powerOn(t, m)
	if a, err := v.Tap(tap.id, tap.offer, tap.token); err != nil || a.Status != http.StatusOK || a.Ticket != tap.ticket {
		t.Errorf("the same tap on the grown card: %+v, %v", a, err)
	}
	m.PowerCut()
	if _, length := report(t, m); length < size-1200<<20 {
		t.Errorf("the file system has %d MB of a card of %d MB", length>>20, size>>20)
	}
	if sgdisk, err := exec.LookPath("sgdisk"); err == nil { // a third opinion, where it can be had
		if out, err := exec.Command(sgdisk, "-v", m.Disk).CombinedOutput(); err != nil || !bytes.Contains(out, []byte("No problems found")) {
			t.Errorf("sgdisk: %v: %s", err, out)
		}
	}
}

// TestBootMakesADataPartition starts with a blank one, on a larger card.
func TestBootMakesADataPartition(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for _, err := range []error{m.Blank(), m.Extend(3 << 30)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	// The backup table went with it, the primary stands.
	powerOn(t, m)
	v, tap := sellSet(t, m)
	m.PowerCut()
	if r, length := report(t, m); r.State != perm.Made || r.Problem != "" || length < 1900<<20 {
		t.Errorf("%+v, %d MB", r, length>>20)
	}
	powerOn(t, m)
	if a, err := v.Tap(tap.id, tap.offer, tap.token); err != nil || a.Status != http.StatusOK || a.Ticket != tap.ticket {
		t.Errorf("the same tap after a power cut: %+v, %v", a, err)
	}
}

// TestBootSaysThatItCannotKeepAnything: with a data partition that is beyond repair, or not the kit's, or on a card that
// takes no writes any more, nothing is sold that could be lost. Visitors and the stall holder are told, the latter on the
// card too where that is possible; a partition is left alone.
func TestBootSaysThatItCannotKeepAnything(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	closed := func() {
		t.Helper()
		if err := m.PowerOn(); err != nil {
			t.Fatal(err)
		}
		client := http.Client{Timeout: 2 * time.Second}
		kittest.UntilWithin(t, "the page to say it", boottest.Limit, func() bool {
			res, err := client.Get(m.Viewer)
			if err != nil {
				return false
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			return err == nil && res.StatusCode == http.StatusServiceUnavailable && bytes.Contains(text, []byte("cannot sell here just now")) && bytes.Contains(text, []byte("/perm"))
		})
		m.PowerCut()
	}
	m.Sealed = true
	closed()

	m.Sealed = false
	theirs := bytes.Repeat([]byte("holiday pictures"), 1<<13)
	for _, at := range []int64{0, 128 << 20} { // the superblock, and its first copy
		if err := m.Overwrite(at, theirs); err != nil {
			t.Fatal(err)
		}
	}
	closed()
	if text, _ := m.Dropped("edgekit-error.txt"); !strings.Contains(text, "new one") || !strings.Contains(text, "/perm") {
		t.Errorf("on the card: %q", text)
	}
	if there, err := m.Holds(string(theirs)); err != nil || !there {
		t.Errorf("what was on the partition is gone: %v", err)
	}
}

// sellSet sells one set.
func sellSet(t *testing.T, m *boottest.Machine) (*kittest.Visitor, tapped) {
	t.Helper()
	v, err := kittest.NewVisitor(m.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	o, err := v.Offer("set")
	if err != nil {
		t.Fatal(err)
	}
	tap := tapped{id: kittest.NewTap(), offer: "set", token: o.Token}
	a, err := v.Tap(tap.id, tap.offer, tap.token)
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("%+v, %v", a, err)
	}
	tap.ticket = a.Ticket
	return v, tap
}

// report is what the kit says it did with its data partition, and how long the file system is by dumpe2fs.
func report(t *testing.T, m *boottest.Machine) (r perm.Report, length int64) {
	t.Helper()
	dir := t.TempDir()
	if err := m.Data(dir, perm.ReportFile); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, filepath.Base(perm.ReportFile)))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	t.Log(r.Sentence())
	out, err := exec.Command("dumpe2fs", "-h", filepath.Join(dir, "perm.img")).Output()
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^Block count: +(\d+)$`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("dumpe2fs: %s", out)
	}
	n, err := strconv.ParseInt(string(found[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return r, n * 4096
}
