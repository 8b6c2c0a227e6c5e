package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
	"edgekit.internal/capture/h264/h264test"
	"edgekit.internal/capture/record"
	"edgekit.internal/cmd/internal/kittest"
)

// ownDisk gives a kit's recordings a disk of their own, with ext4, which is in a file.
func ownDisk(t *testing.T, data string) (at, disk string) {
	t.Helper()
	at = filepath.Join(data, "recordings")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	disk = filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(disk, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(disk, 400<<20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-m", "0", disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := mount(disk, at); err != nil {
		t.Skipf("no loop device here: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
	return at, disk
}

func mount(disk, at string) error {
	out, err := exec.Command("mount", "-o", "loop,noatime", disk, at).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// cutPower has ext4 forget at once all that is not on the disk, as a power cut does (fs/ext4/ioctl.c, EXT4_IOC_SHUTDOWN).
func cutPower(t *testing.T, at string) {
	t.Helper()
	const shutdown, withoutFlush = 0x8004587d, 2
	dir, err := os.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := unix.IoctlSetPointerInt(int(dir.Fd()), shutdown, withoutFlush); err != nil {
		t.Fatal(err)
	}
}

// TestPowerCutsOnARealDisk: at any moment, what the recorder counted as written is there after ext4 has put itself in order, with the
// marks that were acknowledged, and plays.
func TestPowerCutsOnARealDisk(t *testing.T) {
	at, disk := ownDisk(t, t.TempDir())
	for round := range 6 {
		r := record.New(record.Config{Dir: at, Log: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(context.Background())
		run, fed := make(chan error, 1), make(chan struct{})
		var marked atomic.Int64
		go func() { run <- r.Run(ctx) }()
		if err := r.Start(ctx); err != nil {
			t.Fatal(err)
		}
		go func() { // as fast as the disk takes it
			defer close(fed)
			began := capture.Monotonic() // as marks are dated by it
			for i := 0; ctx.Err() == nil; i++ {
				au := h264test.Playable(0, i%60 == 0, i%60)
				au.At = began + time.Duration(i)*time.Second/30
				r.Picture(au)
				if i%60 == 30 && r.Mark(ctx, record.Released, fmt.Sprint("mark ", marked.Load()+1)) == nil {
					marked.Add(1)
				}
			}
		}()
		cut := uint64(2 + rand.IntN(10))
		kittest.Until(t, "fragments", func() bool { return r.Stats().Fragments >= cut })
		written, last := r.Stats().Fragments, fmt.Sprint("mark ", marked.Load())
		cutPower(t, at)
		kittest.Until(t, "the recorder notices", func() bool { return r.Stats().Failures > 0 })
		stop()
		if err := <-run; err != nil {
			t.Error(err)
		}
		<-fed
		if err := unix.Unmount(at, 0); err != nil {
			t.Fatal(err)
		}
		if err := mount(disk, at); err != nil {
			t.Fatal(err)
		}
		again := record.New(record.Config{Dir: at, Log: slog.New(slog.DiscardHandler)})
		ctx, stop = context.WithCancel(context.Background())
		go func() { run <- again.Run(ctx) }()
		if err := again.Stop(ctx); err != nil { // behind the repair
			t.Fatal(err)
		}
		all, err := again.List()
		stop()
		<-run
		if err != nil || len(all) != round+1 || all[0].Broken != "" || all[0].Long.Seconds() < 1.9*float64(written)-0.1 {
			t.Fatalf("round %d: %d fragments were written: %+v, %v", round, written, all, err)
		}
		decoded(t, filepath.Join(at, all[0].Name+".mp4"))
		_, marks, err := again.Marks(all[0].Name)
		if err != nil && !strings.Contains(err.Error(), "torn") || !slices.ContainsFunc(marks, func(m record.Mark) bool { return m.Note == last }) {
			t.Errorf("round %d: %s was acknowledged: %+v, %v", round, last, marks, err)
		}
	}
}

// freeze has every write to a disk wait, as a card does that cleans up inside, until thaw is called (linux/fs.h).
func freeze(t *testing.T, at string) (thaw func()) {
	t.Helper()
	const fifreeze, fithaw = 0xc0045877, 0xc0045878
	dir, err := os.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetInt(int(dir.Fd()), fifreeze, 0); err != nil {
		t.Fatal(err)
	}
	thawed := false
	thaw = func() {
		if !thawed {
			thawed = true
			unix.IoctlSetInt(int(dir.Fd()), fithaw, 0)
			dir.Close()
		}
	}
	t.Cleanup(thaw) // before the kit is killed, which could not die
	return thaw
}

// TestAStuckDiskHoldsUpTheRecordingOnly: picture, sales and console go on; what waits for the disk is recorded when it answers; and an
// operator is told that a wish was not carried out yet.
func TestAStuckDiskHoldsUpTheRecordingOnly(t *testing.T) {
	data := t.TempDir()
	at, _ := ownDisk(t, data)
	k := kittest.StartIn(t, data, append(small, "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))...)
	op, w := k.Pair(t), k.Watch(t)
	wish(t, op, "PUT", "/api/operator/recordings", map[string]bool{"on": true})
	long := func(more int64) func() bool {
		return func() bool {
			all := recordings(t, op)
			return len(all.Files) == 1 && all.Files[0].Live && all.Files[0].LongMS >= more
		}
	}
	kittest.Until(t, "a recording", long(3000))
	thaw := freeze(t, at)
	stuck, pictures := recordings(t, op).Files[0].LongMS, w.Pictures.Load()
	kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > pictures+90 })
	for _, ticket := range []string{"A-001", "A-002", "A-003"} {
		if a, err := k.Visit(t).Buy("mug"); err != nil || a.Ticket != ticket {
			t.Errorf("%+v, %v", a, err)
		}
	}
	if status, b, err := op.Do("PUT", "/api/operator/recordings/release", map[string]bool{"released": true}); err != nil || status != http.StatusServiceUnavailable {
		t.Errorf("a mark on a disk that does not answer: %d %s %v", status, b, err)
	}
	if now := recordings(t, op).Files[0].LongMS; now > stuck+2500 {
		t.Errorf("%d ms were recorded on a disk that takes nothing", now-stuck)
	}
	thaw()
	kittest.Until(t, "the recording goes on", long(stuck+6000))
	kittest.Until(t, "the mark", func() bool { return recordings(t, op).Now.Released })
	wish(t, op, "PUT", "/api/operator/recordings", map[string]bool{"on": false})
	all := recordings(t, op)
	if len(all.Files) != 1 || all.Files[0].ReleasedMS <= 0 || all.Files[0].Broken != "" {
		t.Fatalf("%+v", all)
	}
	if found := decoded(t, filepath.Join(at, all.Files[0].Name+".mp4")); found["h264"]*1000 < float64(stuck+6000) {
		t.Errorf("%v", found)
	}
}

// TestAFullDiskStopsTheRecordingOnly: picture and sales go on, and so does the recording when there is room.
func TestAFullDiskStopsTheRecordingOnly(t *testing.T) {
	data := t.TempDir()
	at := filepath.Join(data, "recordings")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", at, "tmpfs", 0, "size=300m"); err != nil {
		if os.Getenv("CI") == "" && errors.Is(err, unix.EPERM) {
			t.Skip("only root can mount a small disk")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(at, unix.MNT_DETACH) })
	k := kittest.StartIn(t, data, append(small, "-catalog", kittest.File(t, "catalogue.json", kittest.Catalogue))...)
	op, w := k.Pair(t), k.Watch(t)
	wish(t, op, "PUT", "/api/operator/recordings", map[string]bool{"on": true})
	state := func(want string) func() bool { return func() bool { return recordings(t, op).Now.State == want } }
	kittest.Until(t, "a recording", state("recording"))
	filler := filepath.Join(at, "filler")
	if err := os.WriteFile(filler, bytes.Repeat([]byte{1}, 110<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	kittest.Until(t, "the recording stops", state("full"))
	if all := recordings(t, op); all.Now.Why == "" || all.Room >= 0 || len(all.Files) == 1 && all.Files[0].Live {
		t.Errorf("%+v", all)
	}
	pictures := w.Pictures.Load()
	kittest.Until(t, "pictures", func() bool { return w.Pictures.Load() > pictures+30 })
	if a, err := k.Visit(t).Buy("mug"); err != nil || a.Ticket != "A-001" {
		t.Errorf("%+v, %v", a, err)
	}
	var offers struct {
		Recording bool `json:"recording"`
	}
	if _, err := k.Visit(t).Do("GET", "/api/offers", nil, &offers); err != nil || offers.Recording {
		t.Errorf("visitors are told of a recording that stopped: %v, %v", offers, err)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	kittest.Until(t, "the recording goes on", state("recording"))
}
