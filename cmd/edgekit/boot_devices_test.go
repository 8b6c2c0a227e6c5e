//go:build boot

package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/image/boottest"
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
	code, err := m.Code(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	op, err := kittest.PairWith(m.Console, code)
	if err != nil {
		t.Fatal(err)
	}
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
