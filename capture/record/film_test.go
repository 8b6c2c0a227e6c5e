package record

import (
	"bytes"
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"edgekit.internal/capture"
)

// lengths are how long the recordings are, oldest first, to a tenth of a second.
func (s *studio) lengths() (out []float64) {
	s.t.Helper()
	all, err := s.List()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, r := range slices.Backward(all) {
		if r.Broken != "" {
			s.t.Errorf("%+v", r)
		}
		decodes(s.t, s.file(r))
		out = append(out, math.Round(r.Long.Seconds()*10)/10)
	}
	return out
}

// of is a stream whose pictures go through a change before they are fed.
func (s *studio) of(from, to time.Duration, change func(*capture.AccessUnit)) {
	for i := 0; ; i++ {
		at := from + time.Duration(i)*time.Second/30
		if at >= to {
			return
		}
		au := s.unit(at, i == 0)
		change(&au)
		s.Picture(au)
	}
}

// TestWhatEndsAFile: another size, sound that comes, a long gap, a clock that jumps, an hour. Short gaps, a camera program that
// starts again, and sound that goes, do not.
func TestWhatEndsAFile(t *testing.T) {
	same := func(*capture.AccessUnit) {}
	other := func(au *capture.AccessUnit) { // another level in its SPS
		au.Data = bytes.Replace(au.Data, []byte{0x67, 0x42, 0xc0, 0x1f}, []byte{0x67, 0x42, 0xc0, 0x20}, 1)
	}
	for name, c := range map[string]struct {
		feed func(s *studio)
		want []float64
		late uint64
	}{
		"another size": {func(s *studio) {
			s.of(began, began+3*time.Second, same)
			s.of(began+3*time.Second, began+5*time.Second, other)
		}, []float64{3, 2}, 0},
		"a camera program that starts again": {func(s *studio) {
			s.of(began, began+3*time.Second, same)
			s.SetLayers(nil)
			s.of(began+5*time.Second, began+7*time.Second, same)
		}, []float64{7}, 0},
		"a long gap": {func(s *studio) {
			s.of(began, began+3*time.Second, same)
			s.of(began+20*time.Second, began+21*time.Second, same)
		}, []float64{3, 1}, 0},
		"a jump ahead and back": {func(s *studio) {
			s.of(began, began+time.Second, same)
			s.of(began+time.Hour, began+time.Hour+2*time.Second, same)
			s.of(began+3*time.Second, began+6*time.Second, same)
		}, []float64{1, 2, 3}, 0},
		"pictures of the past": {func(s *studio) {
			s.of(began, began+2*time.Second, same)
			s.of(began+time.Second, began+3*time.Second, same)
		}, []float64{3}, 30},
		"an hour": {func(s *studio) {
			s.cfg.Length = 4 * time.Second
			s.pictures(began, began+9*time.Second, 30, false)
		}, []float64{4, 4, 1}, 0},
		"sound that comes": {func(s *studio) {
			s.pictures(began, began+3*time.Second, 60, false)
			s.pictures(began+3*time.Second, began+6*time.Second, 60, true)
		}, []float64{3, 3}, 0}, // with the first key picture after it
		"other layers": {func(s *studio) {
			s.of(began, began+2*time.Second, same)
			s.of(began+2*time.Second, began+4*time.Second, func(au *capture.AccessUnit) { au.Layer = 1 })
		}, []float64{2}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Config{})
			s.start()
			c.feed(s)
			s.finish()
			if got := s.lengths(); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			if n := s.Stats(); n.Late != c.late || n.Dropped+n.Failures != 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// TestSoundStaysWithThePicture: silence fills in for what is missing, packets that sway do not matter, and those that are there twice are
// not.
func TestSoundStaysWithThePicture(t *testing.T) {
	s := open(t, Config{})
	s.Sound(packetAt(began - 20*time.Millisecond))
	s.start()
	for i := range 14 * 50 {
		at := time.Duration(i) * capture.SoundLen
		p := packetAt(began + at + time.Duration(i%3-1)*10*time.Millisecond)
		p.Data = []byte{0xf8, 0xff, 0xfe, 0xff}         // told from what fills in
		if at < 4*time.Second || at >= 10*time.Second { // unplugged between
			s.Sound(p)
		}
		if at >= 12*time.Second { // twice, but much later
			p.At -= time.Second
			s.Sound(p)
		}
		if s.Picture(s.unit(began+at, i%100 == 0)); i%100 == 0 {
			s.settle()
		}
	}
	s.finish()
	r := s.only()
	p := probe(t, s.file(r))
	if len(p.Streams) != 2 || math.Abs(p.number(p.Streams[1].Long)-14) > 0.1 || math.Abs(p.number(p.Streams[1].Packets)-700) > 3 {
		t.Errorf("%+v", p)
	}
	if n := s.Stats(); n.Silence < 295 || n.Silence > 305 || n.Late < 95 || n.Late > 101 {
		t.Errorf("%+v", n)
	}
	b, err := os.ReadFile(s.file(r))
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(b, []byte{0xf8, 0xff, 0xfe, 0xff}); n < 398 || n > 401 {
		t.Errorf("%d packets that were heard", n)
	}
}

// TestASlowDiskHarmsTheRecordingOnly: who hands pictures over does not wait for a disk that does not answer; what waits is bounded; a
// key picture is asked for when there is room again, and the recording is right.
func TestASlowDiskHarmsTheRecordingOnly(t *testing.T) {
	d := &disk{}
	s := open(t, Config{open: d.open})
	s.start()
	s.pictures(began, began+3*time.Second, 300, false)
	s.settle()
	stuck := make(chan struct{})
	d.mu.Lock()
	d.stuck = stuck
	d.mu.Unlock()
	big := func(au *capture.AccessUnit) { // of 100 kB
		au.Data = append(au.Data, bytes.Repeat([]byte{0, 0, 1, 6, 5, 0xff}, 100_000/6)...)
	}
	s.of(began+3*time.Second, began+12*time.Second, big) // returns although nothing is taken
	waiting := func() int { s.queue.mu.Lock(); defer s.queue.mu.Unlock(); return s.queue.bytes }
	if n := s.Stats(); n.Dropped < 100 || waiting() > queueBytes {
		t.Errorf("%d dropped, %d bytes wait", n.Dropped, waiting())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := s.Mark(ctx, Released, ""); err != ErrBusy {
		t.Errorf("a mark on a disk that does not answer: %v", err)
	}
	for len(s.asked) > 0 {
		<-s.asked
	}
	d.mu.Lock()
	d.stuck = nil
	d.mu.Unlock()
	close(stuck)
	s.settle()
	s.Picture(s.unit(began+12*time.Second, false)) // cannot be decoded
	if len(s.asked) == 0 {
		t.Error("no key picture was asked for")
	}
	s.pictures(began+13*time.Second, began+15*time.Second, 300, false)
	s.finish()
	if got := s.lengths(); !slices.Equal(got, []float64{15}) {
		t.Errorf("%v", got)
	}
}

// TestRecordingsStopAsTheDiskFills, and go on when there is room; none is deleted unless that was asked for.
func TestRecordingsStopAsTheDiskFills(t *testing.T) {
	for _, oldest := range []bool{false, true} {
		spare := int64(1 << 30)
		deleted := 0
		var s *studio
		s = open(t, Config{Oldest: oldest, Spare: func() (int64, bool) {
			if s != nil && s.Stats().Deleted > 0 && spare < 0 {
				deleted++
				return resume, true
			}
			return spare, true
		}})
		s.start()
		s.pictures(began, began+3*time.Second, 300, false)
		s.finish()
		s.start()
		s.pictures(began+4*time.Second, began+7*time.Second, 300, false)
		s.with(func(ctx context.Context) error { return s.order(ctx, func() error { spare = -1; return nil }) })
		s.pictures(began+7*time.Second, began+10*time.Second, 300, false)
		s.settle()
		switch is := s.Status(); {
		case oldest && (is.State != Running || s.Stats().Deleted != 1):
			t.Errorf("%+v, %+v", is, s.Stats())
		case !oldest && (is.State != Full || is.Why == "" || is.Name != ""):
			t.Errorf("%+v", is)
		}
		if !oldest {
			for len(s.asked) > 0 {
				<-s.asked
			}
			s.of(began+10*time.Second, began+11*time.Second, func(au *capture.AccessUnit) { au.Key = false })
			s.settle()
			if n := len(s.asked); n > 0 {
				t.Errorf("%d key pictures asked for, of which nothing can become", n)
			}
			s.with(func(ctx context.Context) error {
				return s.order(ctx, func() error { spare = 1 << 20; s.tick(); return nil }) // too little to begin again
			})
			if is := s.Status(); is.State != Full {
				t.Errorf("%+v", is)
			}
			s.with(func(ctx context.Context) error {
				return s.order(ctx, func() error { spare = resume; s.tick(); return nil })
			})
			s.pictures(began+11*time.Second, began+12*time.Second, 300, false)
		}
		s.finish()
		want := []float64{3, 2, 1}
		if oldest {
			want = []float64{6}
		}
		if got := s.lengths(); !slices.Equal(got, want) {
			t.Errorf("oldest %v: %v, want %v", oldest, got, want)
		}
	}
}

// TestADiskThatSaysNothingIsNotEmptied: what is not known to be full stops recording, and deletes nothing.
func TestADiskThatSaysNothingIsNotEmptied(t *testing.T) {
	known := true
	s := open(t, Config{Oldest: true, Spare: func() (int64, bool) { return resume, known }})
	for i := range time.Duration(4) {
		s.start()
		s.pictures(began+4*i*time.Second, began+(4*i+3)*time.Second, 300, false)
		if i == 3 {
			s.with(func(ctx context.Context) error { return s.order(ctx, func() error { known = false; return nil }) })
			s.pictures(began+(4*i+3)*time.Second, began+(4*i+6)*time.Second, 300, false)
			s.settle()
			if is := s.Status(); is.State != Full {
				t.Errorf("%+v", is)
			}
		}
		s.finish()
	}
	if all, err := s.List(); err != nil || len(all) != 4 || s.Stats().Deleted != 0 {
		t.Errorf("%d recordings are left, %v, %+v", len(all), err, s.Stats())
	}
}

// TestNamesSortAndAreNeverTwice: whatever the wall clock says.
func TestNamesSortAndAreNeverTwice(t *testing.T) {
	dates := []time.Time{{}, time.Unix(60, 0), time.Date(2026, 11, 26, 18, 30, 0, 0, time.UTC), time.Date(2026, 11, 26, 18, 30, 0, 0, time.UTC), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)}
	at, next := began, 0
	var names []string
	dir := t.TempDir()
	for range 2 { // two runs
		s := open(t, Config{Dir: dir, Date: func() (time.Time, bool) { d := dates[next%len(dates)]; next++; return d, !d.IsZero() }})
		for range dates {
			s.start()
			s.pictures(at, at+time.Second, 300, false)
			s.settle()
			names = append(names, s.Status().Name)
			s.finish()
			at += 2 * time.Second
		}
		s.stop()
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != 10 || names[0] != "00001" || names[2] != "00003-2026-11-26-1830" || names[9] != "00010-2025-01-01-0000" {
		t.Error(names)
	}
}

// TestWhatIsLiveIsLeftAlone, and no name reaches another file.
func TestWhatIsLiveIsLeftAlone(t *testing.T) {
	s := open(t, Config{})
	s.start()
	s.pictures(began, began+3*time.Second, 300, false)
	s.settle()
	live := s.Status().Name
	for name, want := range map[string]error{live: ErrLive, "00099": ErrUnknown, "../kit": ErrUnknown, "": ErrUnknown, "00001/../00001": ErrUnknown, live + ".mp4": ErrUnknown} {
		if _, err := s.Open(name); err != want {
			t.Errorf("open %q: %v", name, err)
		}
		if err := s.Delete(name); err != want {
			t.Errorf("delete %q: %v", name, err)
		}
	}
	if r := s.only(); !r.Live {
		t.Errorf("%+v", r)
	}
	s.finish()
	f, err := s.Open(live)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := s.Delete(live); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(filepath.Join(s.cfg.Dir, "*")); len(left) != 0 || err != nil {
		t.Errorf("%v, %v", left, err)
	}
}
