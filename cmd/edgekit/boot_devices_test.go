//go:build boot

package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/gpio/pintest"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/image/boottest"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

// TestBootPrintsOnASerialPrinter is the main job on the image: the synthetic camera, and a printer at a USB-serial
// adapter, driven by the kernel's ftdi_sio. The bytes at the printer's end draw the slip that the console shows.
func TestBootPrintsOnASerialPrinter(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	socket := filepath.Join(t.TempDir(), "printer")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m.Plugged = []string{"-device", "qemu-xhci", "-chardev", "socket,id=printer,path=" + socket, "-device", "usb-serial,chardev=printer"}
	printed := make(chan []byte, 4)
	go func() {
		if c, err := l.Accept(); err == nil {
			read(untilEOF{c}, printed)
		}
	}()
	if err := m.Drop("edgekit.toml", "printer = \"serial:/dev/ttyUSB0\"\n"); err != nil {
		t.Fatal(err)
	}
	powerOn(t, m)
	_, tap := sellSet(t, m)
	op := pairAt(t, m)
	want := consoleSlip(t, op, tap.ticket)
	kittest.UntilWithin(t, "the ticket's slip, after the set-up slip perhaps", boottest.Limit, func() bool {
		select {
		case b := <-printed:
			got, report, err := thermal.Render(b, thermal.Paper80)
			if err != nil {
				t.Fatalf("what the printer got: %v, %+v", err, report)
			}
			return same(got, want)
		default:
			return false
		}
	})
}

// untilEOF is a printer's end that is gone when its machine is.
type untilEOF struct{ io.ReadWriter }

func (u untilEOF) Read(p []byte) (int, error) {
	n, err := u.ReadWriter.Read(p)
	if errors.Is(err, io.EOF) || err != nil && n == 0 {
		err = net.ErrClosed
	}
	return n, err
}

// TestBootShutsDownByAButton: a pin of the machine is pulled down for as long as a finger holds Reprint, while visitors buy. The machine is
// off by itself; all that visitors were told they have is on the card, which says that the kit ended in order. At the next start all pins
// are down, as when something leans on every button: it serves, and stays on.
func TestBootShutsDownByAButton(t *testing.T) {
	t.Parallel()
	rnd := seeded(t)
	m := newMachine(t)
	socket := filepath.Join(t.TempDir(), "pins")
	m.Plugged = []string{"-accel", "tcg", "-qtest", "unix:" + socket + ",server=on,wait=off", "-qtest-log", "/dev/null"}
	wired := []int{0, 1, 2, 4}
	if err := m.Drop("edgekit.toml", fmt.Sprintf("printer = \"virtual\"\nbuttons = \"gpio:%s:0,1,2,4\"\n", pintest.Chip)); err != nil {
		t.Fatal(err)
	}
	powerOn(t, m)
	pins := pintest.Dial(t, socket)
	for _, line := range wired {
		pins.Set(line, true)
	}
	op := pairAt(t, m)
	kittest.UntilWithin(t, "the buttons to be watched, all up", boottest.Limit, func() bool { return deviceOf(op, "buttons").State == drivers.Ready })
	var all sync.WaitGroup
	stop := make(chan struct{})
	var buyers []*buyer
	for range 8 {
		b := newBuyer(t, m.Viewer, rnd)
		buyers = append(buyers, b)
		all.Go(func() { b.shop(t, stop) })
	}
	one, err := kittest.NewVisitor(m.Viewer)
	if err != nil {
		t.Fatal(err)
	}
	kittest.UntilWithin(t, "20 sales", boottest.Limit, func() bool {
		a, err := one.Buy("pen")
		return err == nil && a.Ticket >= "A-020"
	})
	pins.Set(wired[2], false)
	time.Sleep(5 * time.Second) // how long it is held is the input here, not a wait: 3 s make it, 10 s would be nobody's finger
	pins.Set(wired[2], true)
	select {
	case <-m.Off():
	case <-time.After(boottest.Limit):
		t.Fatal("the machine is still on")
	}
	close(stop)
	all.Wait()
	data := t.TempDir()
	if err := m.Data(data, "edgekit/kit.db", "edgekit/kit.db-wal", "edgekit/crashes/edgekit.runs"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(data, "edgekit.runs")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the card says that the kit still runs: %v", err)
	}
	sales := audit(t, data)
	for _, b := range buyers {
		for _, tap := range b.taps {
			if tap.ticket != "" && sales[b.ID+" "+tap.id] != tap.ticket {
				t.Errorf("tap %s was acknowledged with ticket %s; the card says %q", tap.id, tap.ticket, sales[b.ID+" "+tap.id])
			}
		}
	}
	pressed := false
	for _, e := range journalOf(t, filepath.Join(data, "kit.db")) {
		pressed = pressed || e.Kind == journal.Press && e.Action == string(pipeline.ShutDown) && e.Via == string(pipeline.ViaButton) && e.Refused == ""
	}
	if !pressed {
		t.Error("the journal does not say that the kit was shut down by a button")
	}
	powerOn(t, m)
	for _, b := range buyers {
		b.settle(t)
	}
	m.PowerCut()
	again := t.TempDir()
	if err := m.Data(again, "edgekit/kit.db", "edgekit/kit.db-wal"); err != nil {
		t.Fatal(err)
	}
	acked, _ := held(t, buyers, audit(t, again))
	t.Logf("%d sales acknowledged, %d on the card when it went off", acked, len(sales))
}

// TestBootInAnyYear: the wall clock says 1970, then 2200, then 1971, as after power cuts with and without a battery. Tokens,
// sales and ids of taps know nothing of it.
func TestBootInAnyYear(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.Date = "1970-01-02T00:00:00"
	powerOn(t, m)
	till := newTill(t, m.Viewer)
	till.sell()
	v, tap := sellSet(t, m)
	till.sold++
	for _, date := range []string{"2200-01-01T12:00:00", "1971-06-01T00:00:00"} {
		m.PowerCut()
		m.Date = date
		powerOn(t, m)
		if a, err := v.Tap(tap.id, tap.offer, tap.token); err != nil || a.Status != http.StatusOK || a.Ticket != tap.ticket {
			t.Errorf("the first tap again in %.4s: %+v, %v", date, a, err)
		}
		till.sell()
	}
}

// TestBootImageHoldsNoSecret: what everybody can download must not open anybody's kit, or sign for it.
func TestBootImageHoldsNoSecret(t *testing.T) {
	t.Parallel()
	key, err := boottest.ReadKey(*bootKey)
	if err != nil {
		t.Fatal(err)
	}
	disk, err := os.Open(*bootImage)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	for what, secret := range map[string][]byte{
		"the key that signs updates":         key.Seed(),
		"the key that signs updates, base64": []byte(base64.StdEncoding.EncodeToString(key.Seed())),
		"a private key":                      []byte("PRIVATE KEY-----\nM"),
	} {
		if found, err := contains(disk, secret); err != nil || found {
			t.Errorf("%s is in the image, or: %v", what, err)
		}
	}
}

func contains(f *os.File, what []byte) (bool, error) {
	const step = 8 << 20
	b := make([]byte, step+len(what))
	for at := int64(0); ; at += step {
		n, err := f.ReadAt(b, at)
		if bytes.Contains(b[:n], what) {
			return true, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}
