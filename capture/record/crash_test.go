package record

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

// broken is a recording that was not closed, with where its fragments end. The last three have no key picture, and are small.
func broken(t testing.TB, sound bool) (b []byte, ends []int64) {
	s := open(t, Config{})
	if sound {
		s.Sound(packetAt(began - 20*time.Millisecond))
	}
	s.start()
	for i := range 9 * 5 { // five a second: the last fragments are cut at every byte
		at := began + time.Duration(i)*200*time.Millisecond
		for k := range 10 {
			if sound {
				s.Sound(packetAt(at + time.Duration(k)*capture.SoundLen))
			}
		}
		s.Picture(s.unit(at, i == 0))
	}
	s.settle()
	b, err := os.ReadFile(s.path(s.Status().Name, filmSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for end := int64(headSize); end < int64(len(b)); {
		one, err := readFragment(&ram{b: b}, end, int64(len(b)), uint32(len(ends)+1))
		if err != nil {
			t.Fatal(err)
		}
		end += one.size
		ends = append(ends, end)
	}
	if len(ends) != 4 {
		t.Fatalf("%d fragments", len(ends))
	}
	return b, ends
}

// TestAPowerCutLosesTheLastFragmentOnly: at every byte of the last two, whether what was not written is missing or zeros.
func TestAPowerCutLosesTheLastFragmentOnly(t *testing.T) {
	for _, sound := range []bool{true, false} {
		whole, ends := broken(t, sound)
		for _, zeros := range []bool{false, true} {
			for cut := ends[1]; cut <= int64(len(whole)); cut++ {
				f := &ram{b: slices.Clone(whole[:cut])}
				if zeros {
					f.b = append(f.b, make([]byte, int64(len(whole))-cut)...)
				}
				want := 0
				for want+1 < len(ends) && ends[want+1] <= cut {
					want++
				}
				end, _, err := mend(f)
				if err != nil || end < ends[want] || end > ends[want] && !zeros || int64(len(f.b)) != end {
					t.Fatalf("sound %v, zeros %v, cut at %d: %d, %v, want %d", sound, zeros, cut, end, err, ends[want])
				}
				if end > ends[want] && end-cut > 8 { // bytes that are zero anyway
					t.Fatalf("cut at %d of zeros: %d is taken for whole", cut, end)
				}
				ticks, err := long(f.b[:headSize])
				if got := time.Duration(ticks) * time.Second / capture.ClockRate; err != nil || got.Round(100*time.Millisecond) > 9*time.Second || got < time.Duration(want+1)*1900*time.Millisecond {
					t.Fatalf("cut at %d: %v long, %v", cut, got, err)
				}
				if again, _, err := mend(f); again != 0 || err != nil {
					t.Fatalf("cut at %d: mended twice: %d, %v", cut, again, err)
				}
			}
		}
		dir := t.TempDir()
		for i, cut := range []int64{ends[0], ends[1] - 1, ends[1] + 30, ends[2] - 100, ends[3]} {
			path := filepath.Join(dir, fmt.Sprintf("%05d.mp4", i))
			if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			if slices.Contains(ends, cut) {
				decodes(t, path) // as it is found; a player may refuse one that ends within a moof
			}
		}
		s := open(t, Config{Dir: dir})
		s.settle()
		all, err := s.List()
		if err != nil || len(all) != 5 {
			t.Fatal(all, err)
		}
		for _, r := range all {
			if r.Broken != "" || r.Long < 1900*time.Millisecond {
				t.Errorf("%+v", r)
			}
			decodes(t, s.file(r))
		}
	}
}

// TestACutAtTheBeginningLeavesNothing: neither recordings without pictures nor marks without recordings.
func TestACutAtTheBeginningLeavesNothing(t *testing.T) {
	whole, _ := broken(t, true)
	dir := t.TempDir()
	for name, b := range map[string][]byte{"00001.mp4": nil, "00001.marks": []byte("{}\n"), "00002.mp4": whole[:headSize], "00002.marks": nil, "00003.marks": nil, "00004.mp4": whole[:headSize+700],
		"00005.mp4": make([]byte, headSize), "notes.txt": []byte("mine"), "holiday.mp4": []byte("mine"), "00009.mp4": []byte(strings.Repeat("none of ours", 10000))} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, Config{Dir: dir})
	s.start()
	s.pictures(began, began+time.Second, 300, false)
	s.finish()
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	if want := []string{"00009.mp4", "00010.marks", "00010.mp4", "holiday.mp4", "notes.txt"}; !slices.Equal(left, want) {
		t.Errorf("%v, want %v", left, want)
	}
}

// TestDamageFarFromTheEndIsLeftAlone: a power cut tears what was written last. Where more than that cannot be read, cutting it off
// would lose an hour for one bad sector.
func TestDamageFarFromTheEndIsLeftAlone(t *testing.T) {
	whole, ends := broken(t, true)
	rest := make([]byte, mostTorn+1)
	for _, at := range []int64{headSize, ends[0], ends[2]} {
		for far, want := range map[int64]bool{mostTorn + 1: true, mostTorn: false} {
			b := append(slices.Clone(whole[:at]), rest[:far]...)
			f := &ram{b: slices.Clone(b)}
			_, _, err := mend(f)
			if got := errors.Is(err, errDamaged); got != want {
				t.Errorf("%d bytes behind %d: %v", far, at, err)
			}
			if want && !bytes.Equal(f.b, b) {
				t.Errorf("%d bytes behind %d: the file is not as it was", far, at)
			}
		}
	}
}

// TestAHostileFragmentIsNone: one that has boxes for which much room would be made.
func TestAHostileFragmentIsNone(t *testing.T) {
	whole, ends := broken(t, true)
	size := binary.BigEndian.Uint32(whole[ends[0]:])
	for _, claims := range []string{"senc", "saiz"} {
		moof := slices.Clone(whole[ends[0] : ends[0]+int64(size)])
		if !known(moof, "moof") {
			t.Fatal("a fragment of ours is not known")
		}
		box := append(binary.BigEndian.AppendUint32(nil, 20), claims...)
		moof = append(moof, append(box, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)...)
		binary.BigEndian.PutUint32(moof, size+20)
		if known(moof, "moof") {
			t.Errorf("the library is asked about %s", claims)
		}
		f := &ram{b: append(append(slices.Clone(whole[:ends[0]]), moof...), whole[ends[0]+int64(size):]...)}
		if end, _, err := mend(f); end != ends[0] || err != nil {
			t.Errorf("%s: %d, %v, want %d", claims, end, err, ends[0])
		}
	}
}

// recordUntilKilled is the program that TestKilled kills: it says how many fragments are on the disk.
func recordUntilKilled(dir string) {
	r := New(Config{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	go r.Run(context.Background())
	r.Sound(packetAt(began - 20*time.Millisecond))
	if err := r.Start(context.Background()); err != nil {
		panic(err)
	}
	s := &studio{Recorder: r}
	for at, said := began, uint64(0); ; at += 2 * time.Second {
		s.pictures(at, at+2*time.Second, 100, true)
		if err := r.order(context.Background(), func() error { return nil }); err != nil { // as fast as the disk is
			panic(err)
		}
		if n := r.Stats().Fragments; n != said {
			fmt.Println(n)
			said = n
		}
	}
}

// TestKilled: what was on the disk when a recorder was killed is there, and plays.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for round := range 5 {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "RECORD_UNTIL_KILLED="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		said, after := 0, 1+rand.IntN(20)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if fmt.Sscan(lines.Text(), &said); said >= after {
				c.Process.Kill()
			}
		}
		c.Wait()
		s := open(t, Config{Dir: dir})
		s.settle()
		all, err := s.List()
		if err != nil || len(all) != round+1 {
			t.Fatalf("round %d: %+v, %v", round, all, err)
		}
		if r := all[0]; r.Broken != "" || r.Long < time.Duration(said)*1900*time.Millisecond {
			t.Errorf("%d fragments were on the disk: %+v", said, r)
		}
		decodes(t, s.file(all[0]))
		s.stop()
	}
}

// TestEveryFaultOfTheDiskLeavesWhatWasWritten: each operation fails once, or all from there on. The recorder goes on when the disk
// does, and all that was synced before is there and whole.
func TestEveryFaultOfTheDiskLeavesWhatWasWritten(t *testing.T) {
	for name, bad := range map[string]struct {
		err     error
		half    bool
		forever bool
	}{"full": {err: unix.ENOSPC, half: true}, "failing": {err: unix.EIO, half: true}, "gone": {err: unix.EIO, forever: true}} {
		t.Run(name, func(t *testing.T) {
			for at := int64(1); ; at++ {
				hit := false
				synctest.Test(t, func(t *testing.T) { hit = faultAt(t, at, bad.err, bad.half, bad.forever) })
				if !hit {
					if at < 15 {
						t.Fatalf("only %d operations", at)
					}
					return
				}
			}
		})
	}
}

func faultAt(t *testing.T, at int64, bad error, half, forever bool) (hit bool) {
	d := &disk{half: half}
	d.fail = func(op int64, _ string) error {
		if op == at || forever && op > at {
			hit = true
			return bad
		}
		return nil
	}
	s := open(t, Config{open: d.open})
	s.Sound(packetAt(began - 20*time.Millisecond))
	s.start()
	fed := began
	feed := func(seconds int) {
		to := fed + time.Duration(seconds)*time.Second
		s.pictures(fed, to, 60, true)
		s.settle()
		fed = to
	}
	feed(7)
	time.Sleep(retry + 2*time.Second) // the bubble's own time
	feed(5)
	n := s.Stats()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Stop(ctx); err != nil && !errors.Is(err, bad) {
		t.Errorf("fault at %d: %v", at, err)
	}
	s.stop()
	if hit && s.Stats().Failures == 0 && n.Failures == 0 && d.ops.Load() < at {
		t.Errorf("fault at %d was not noticed: %+v", at, n)
	}
	again := open(t, Config{Dir: s.cfg.Dir})
	again.settle()
	all, err := again.List()
	if err != nil {
		t.Fatal(err)
	}
	sum := time.Duration(0)
	for _, r := range all {
		sum += r.Long
		if r.Broken != "" {
			t.Errorf("fault at %d: %+v", at, r)
		}
		if _, _, err := again.Marks(r.Name); err != nil {
			t.Errorf("fault at %d: %v", at, err)
		}
	}
	// Each fragment that the recorder counted was synced, and is of two seconds, but for the last ones of files.
	if least := time.Duration(int(n.Fragments)-2*len(all)) * 1900 * time.Millisecond; sum < least {
		t.Errorf("fault at %d: %v of %d fragments in %d files", at, sum, n.Fragments, len(all))
	}
	if !forever && sum < 4*time.Second {
		t.Errorf("fault at %d: only %v", at, sum)
	}
	again.stop()
	return hit
}
