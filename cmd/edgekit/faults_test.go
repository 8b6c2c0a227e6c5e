package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"edgekit.internal/cmd/internal/kittest"
)

func confirmed(t *testing.T, v *kittest.Visitor, offer string) string {
	t.Helper()
	a, err := v.Buy(offer)
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("%s: %+v, %v", offer, a, err)
	}
	return a.Ticket
}

// TestPrinterGone: without a printer tickets wait and visitors do not; when it is there they come out, each once and in
// order.
func TestPrinterGone(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := hole.Addr().String()
	hole.Close() // nobody listens there now
	k := kittest.Start(t, "-printer", "tcp:"+at)
	v := k.Visit(t)
	for _, want := range []string{"A-001", "A-002", "A-003"} {
		if got := confirmed(t, v, "pen"); got != want {
			t.Errorf("ticket %s, want %s", got, want)
		}
	}
	op := k.Pair(t)
	kittest.Until(t, "the console to say that the printer is gone", func() bool {
		_, b, err := op.Get("/api/operator/state")
		return err == nil && strings.Contains(string(b), `"device":"printer"`) && strings.Contains(string(b), `"state":"failed"`)
	})
	paper, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer paper.Close()
	printed := make(chan []byte, 64)
	go func() {
		for {
			c, err := paper.Accept()
			if err != nil {
				return
			}
			go serveTCP(c, printed)
		}
	}()
	var all []byte
	for _, ticket := range []string{"A-001", "A-002", "A-003"} {
		kittest.UntilWithin(t, "slip "+ticket, 2*kittest.Limit, func() bool {
			select {
			case b := <-printed:
				all = append(all, b...)
			default:
			}
			return strings.Contains(string(all), ticket)
		})
	}
	if a, b, c := strings.Index(string(all), "A-001"), strings.Index(string(all), "A-002"), strings.Index(string(all), "A-003"); a > b || b > c {
		t.Error("not in order")
	}
	kittest.Until(t, "all sent", func() bool {
		_, b, err := op.Get("/api/operator/state")
		return err == nil && strings.Count(string(b), `"state":"sent"`) == 3
	})
	if strings.Contains(string(all), "POSSIBLE COPY") {
		t.Error("a first print is marked as a possible copy")
	}
}

// serveTCP is a printer's end: it answers status requests and hands on the rest.
func serveTCP(c net.Conn, printed chan<- []byte) {
	defer c.Close()
	for {
		b := make([]byte, 4096)
		n, err := c.Read(b)
		if err != nil {
			return
		}
		printed <- statusAnswered(c, b[:n])
	}
}

// TestPrinterOutOfPaper: tickets wait for a new roll, the console says what is needed, and visitors notice nothing.
func TestPrinterOutOfPaper(t *testing.T) {
	paper, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer paper.Close()
	var empty atomic.Bool
	empty.Store(true)
	status := func(n byte) byte {
		switch {
		case empty.Load() && n == 4:
			return 0x72 // paper end, by both sensors
		case empty.Load() && n == 2:
			return 0x32 // stopped by paper end
		}
		return 0x12
	}
	printed := make(chan []byte, 64)
	go func() {
		for {
			c, err := paper.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				b := make([]byte, 4096)
				for {
					n, err := c.Read(b)
					if err != nil {
						return
					}
					if rest := statusAs(c, bytes.Clone(b[:n]), status); len(rest) > 0 {
						printed <- rest
					}
				}
			}()
		}
	}()
	k := kittest.Start(t, "-printer", "tcp:"+paper.Addr().String())
	op := k.Pair(t)
	kittest.Until(t, "the console to ask for paper", func() bool {
		_, b, err := op.Get("/api/operator/state")
		return err == nil && strings.Contains(string(b), `"state":"failed"`) && strings.Contains(string(b), "paper")
	})
	confirmed(t, k.Visit(t), "pen")
	confirmed(t, k.Visit(t), "pen")
	select {
	case b := <-printed:
		t.Errorf("sent to a printer without paper: %q", b)
	default:
	}
	empty.Store(false)
	var all []byte
	kittest.UntilWithin(t, "both slips", 2*kittest.Limit, func() bool {
		select {
		case b := <-printed:
			all = append(all, b...)
		default:
		}
		return bytes.Contains(all, []byte("A-001")) && bytes.Contains(all, []byte("A-002"))
	})
	if bytes.Contains(all, []byte("POSSIBLE COPY")) {
		t.Error("a first print is marked as a possible copy")
	}
}

// TestCameraGone: a camera that is not there is a slate that says so; pictures and taps go on.
func TestCameraGone(t *testing.T) {
	k := kittest.Start(t, "-camera", "/dev/video99")
	w := k.Watch(t)
	kittest.Until(t, "pictures of the slate", func() bool { return w.Pictures.Load() > 10 })
	op := k.Pair(t)
	kittest.Until(t, "the console to say so", func() bool {
		_, b, err := op.Get("/api/operator/state")
		return err == nil && strings.Contains(string(b), "/dev/video99")
	})
	confirmed(t, w.Visitor, "pen")
}

// TestDiskFull: when the disk is full taps are refused plainly, nothing acknowledged is lost, and with space again they
// are taken. The disk is a real one: a small file system of its own.
func TestDiskFull(t *testing.T) {
	disk := t.TempDir()
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=8m"); err != nil {
		if os.Getenv("CI") == "" && errors.Is(err, unix.EPERM) {
			t.Skip("only root can mount a small disk")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	data := filepath.Join(disk, "data")
	k := kittest.StartIn(t, data, "-printer", "none", "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))
	first := confirmed(t, k.Visit(t), "pen")

	filler := fill(t, disk)
	acked := map[string]bool{first: true}
	refused := 0
	kittest.Until(t, "ten taps refused for lack of space", func() bool {
		a, err := k.Visit(t).Buy("pen")
		switch {
		case err != nil:
			t.Fatal(err)
		case a.Status == http.StatusOK:
			acked[a.Ticket] = true
		case a.Status == http.StatusServiceUnavailable && a.Reason == "unavailable" && a.Detail != "":
			refused++
		default:
			t.Fatalf("%+v", a)
		}
		return refused == 10
	})
	t.Logf("%d taps fitted, then %d were refused", len(acked), refused)
	if err := os.Remove(filler); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	acked[confirmed(t, k.Visit(t), "pen")] = true

	k.Kill()
	k = kittest.StartIn(t, data, "-printer", "none")
	status, b, err := k.Pair(t).Get("/api/operator/state")
	if err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	for ticket := range acked {
		if !strings.Contains(string(b), `"ticket":"`+ticket+`"`) {
			t.Errorf("acknowledged %s is gone", ticket)
		}
	}
	if n := strings.Count(string(b), `"ticket":"`); n != len(acked) {
		t.Errorf("%d tickets, %d were acknowledged", n, len(acked))
	}
}

// fill takes all that is left of a disk, and tells by which file.
func fill(t *testing.T, disk string) (path string) {
	t.Helper()
	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 16; size > 0; {
		if _, err := filler.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	return filler.Name()
}
