package record

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"edgekit.internal/capture"
)

// TestMarksSayWhatWasReleased: nothing at first, what was said since, and in the next file what held in the last.
func TestMarksSayWhatWasReleased(t *testing.T) {
	s := open(t, Config{Length: 8 * time.Second, Now: func() time.Duration { return capture.Monotonic() + 5*time.Hour }, Date: func() (time.Time, bool) { return time.Unix(1e9, 0).UTC(), true }})
	mark := func(at time.Duration, is Release, note string) {
		s.with(func(ctx context.Context) error { return s.order(ctx, func() error { return s.mark(at, is, note) }) })
	}
	s.start()
	s.pictures(began, began+3*time.Second, 30, false)
	mark(began+3*time.Second, Released, " Ana\nand\x00 Bo ")
	s.pictures(began+3*time.Second, began+5*time.Second, 30, false)
	mark(began+5*time.Second, Withheld, "a child")
	s.pictures(began+5*time.Second, began+6*time.Second, 30, false)
	mark(began+6*time.Second, Released, "")
	s.pictures(began+6*time.Second, began+10*time.Second, 30, false)
	s.finish()
	all, err := s.List()
	if err != nil || len(all) != 2 || all[1].Released.Round(time.Second) != 4*time.Second || all[0].Released.Round(time.Second) != 2*time.Second || !all[1].Began.Equal(time.Unix(1e9, 0)) {
		t.Fatalf("%+v, %v", all, err)
	}
	b, marks, err := s.Marks(all[1].Name)
	if err != nil || b.RTP != capture.Timestamp(began) || time.Duration(b.Kit)*time.Millisecond-began-5*time.Hour > time.Millisecond {
		t.Errorf("%+v, %v", b, err)
	}
	want := []Mark{{0, 3 * time.Second, capture.Timestamp(began), Withheld, ""}, {3 * time.Second, 5 * time.Second, capture.Timestamp(began + 3*time.Second), Released, "Ana and Bo"},
		{5 * time.Second, 6 * time.Second, capture.Timestamp(began + 5*time.Second), Withheld, "a child"}, {6 * time.Second, 8 * time.Second, capture.Timestamp(began + 6*time.Second), Released, ""}}
	for i := range marks {
		marks[i].To = marks[i].To.Round(time.Millisecond)
	}
	if !slices.Equal(marks, want) {
		t.Errorf("%+v", marks)
	}
	s.start()
	if is := s.Status(); is.Release != Withheld {
		t.Errorf("a new recording is %v", is.Release)
	}
	s.finish()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Mark(ctx, Released, ""); !errors.Is(err, ErrIdle) {
		t.Errorf("a mark in nothing: %v", err)
	}
}

// TestAMarkThatCannotBeWrittenReleasesNothing: one that releases is refused; one that withholds ends the recording.
func TestAMarkThatCannotBeWrittenReleasesNothing(t *testing.T) {
	for _, is := range []Release{Released, Withheld} {
		d := &disk{half: true}
		bad := false
		d.fail = func(int64, string) error {
			if bad {
				bad = false
				return os.ErrPermission
			}
			return nil
		}
		s := open(t, Config{open: d.open})
		s.start()
		s.pictures(began, began+3*time.Second, 300, false)
		now := Released
		if is == Released {
			now = Withheld
		}
		s.with(func(ctx context.Context) error {
			return s.order(ctx, func() error { return s.mark(began+2*time.Second, now, "") })
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := s.order(ctx, func() error { bad = true; return s.mark(began+3*time.Second, is, "") })
		if (err != nil) != (is == Released) {
			t.Errorf("%v: %v", is, err)
		}
		s.pictures(began+3*time.Second, began+6*time.Second, 300, false)
		s.settle()
		if got := s.Status(); got.Release != Withheld || (got.State == Failed) != (is == Withheld) {
			t.Errorf("%v: %+v", is, got)
		}
		s.finish()
		r := s.only()
		if want := map[Release]time.Duration{Released: 0, Withheld: time.Second}[is]; r.Released > want {
			t.Errorf("%v: %v released of %v", is, r.Released, r.Long)
		}
	}
}

// TestAMarkAfterOneThatFailedIsWhole: what failed leaves nothing in the file, whether the disk failed to write or to sync.
func TestAMarkAfterOneThatFailedIsWhole(t *testing.T) {
	for _, what := range []string{"write", "sync"} {
		d := &disk{half: true}
		bad := false
		d.fail = func(_ int64, op string) error {
			if bad && op == what {
				bad = false
				return os.ErrPermission
			}
			return nil
		}
		f, err := d.open(filepath.Join(t.TempDir(), "marks"), os.O_CREATE|os.O_RDWR)
		if err != nil {
			t.Fatal(err)
		}
		n := &notes{f: f, base: began}
		if err := n.begin(Beginning{RTP: 7}); err != nil {
			t.Fatal(err)
		}
		for i, is := range []Release{Withheld, Released, Released, Withheld} {
			bad = i == 1
			if err := n.mark(began+time.Duration(i)*time.Second, is, ""); (err != nil) != (i == 1) {
				t.Fatal(i, err)
			}
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		_, marks, err := ReadMarks(f.(*faulty).file.(diskFile), 4*time.Second)
		if err != nil || released(marks) != time.Second {
			t.Errorf("after a failed %s: %v, %+v", what, err, marks)
		}
		f.Close()
	}
}

// TestMarksAreReadAsTheyWereMade: whatever the marks, each instant is what the last mark before it says; and a file that is torn
// anywhere releases nothing that the lines in it do not.
func TestMarksAreReadAsTheyWereMade(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &ram{}
		n := &notes{f: f, base: began}
		if err := n.begin(Beginning{RTP: 7}); err != nil {
			t.Fatal(err)
		}
		type said struct {
			at time.Duration
			is Release
		}
		var all []said
		ends := []int{len(f.b)}
		at := time.Duration(0)
		for range rapid.IntRange(0, 12).Draw(t, "marks") {
			at += time.Duration(rapid.IntRange(0, 3).Draw(t, "after")) * time.Second
			is := rapid.SampledFrom([]Release{Withheld, Released}).Draw(t, "is")
			if err := n.mark(began+at, is, rapid.SampledFrom([]string{"", "x", "\"}\n{"}).Draw(t, "note")); err != nil {
				t.Fatal(err)
			}
			all, ends = append(all, said{at, is}), append(ends, len(f.b))
		}
		const length = 20 * time.Second
		cut := rapid.IntRange(0, len(f.b)).Draw(t, "cut")
		_, marks, err := ReadMarks(bytes.NewReader(f.b[:cut]), length)
		whole := 0 // lines of marks
		for whole < len(all) && ends[whole+1] <= cut {
			whole++
		}
		torn := cut < ends[0] || cut != ends[whole]
		if torn != (err != nil) {
			t.Fatalf("cut at %d of %v: %v", cut, ends, err)
		}
		for at := 500 * time.Millisecond; at < length; at += time.Second {
			want := Withheld
			for i, s := range all[:whole] {
				if s.at <= at {
					want = s.is
				}
				if torn && i == whole-1 && s.at <= at {
					want = Withheld
				}
			}
			i := slices.IndexFunc(marks, func(m Mark) bool { return m.From <= at && at < m.To })
			if i < 0 || marks[i].Release != want {
				t.Fatalf("at %v: %+v, want %v (cut at %d of %v, %+v)", at, marks, want, cut, ends, all)
			}
		}
		for i, m := range marks {
			if i > 0 && m.From != marks[i-1].To || i == 0 && m.From != 0 || i == len(marks)-1 && m.To != length {
				t.Fatalf("%+v has gaps", marks)
			}
		}
	})
}

// FuzzMarks: any bytes are read, and what is read covers the recording.
func FuzzMarks(f *testing.F) {
	f.Add([]byte("{\"rtp\":1}\n{\"at\":0,\"state\":\"withheld\"}\n{\"at\":1e300,\"state\":\"released\"}\n"))
	f.Add([]byte("{}\n{\"at\":-1,\"state\":\"released\"}\n{\"at\":3,\"state\":\"sold\"}\n\n{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, marks, _ := ReadMarks(bytes.NewReader(b), time.Minute)
		if len(marks) == 0 || marks[0].From != 0 || marks[len(marks)-1].To != time.Minute {
			t.Fatalf("%+v", marks)
		}
		if !bytes.Contains(b, []byte("released")) && !strings.Contains(string(b), `\u`) && released(marks) > 0 {
			t.Fatalf("%q releases %+v", b, marks)
		}
	})
}

// FuzzFile: any bytes behind a head, and any instead of one, are closed or refused, and are whole then.
func FuzzFile(f *testing.F) {
	whole, ends := broken(f, true)
	f.Add(whole[:headSize], whole[ends[1]:])
	f.Add(whole[:headSize], whole[headSize:ends[0]+50])
	f.Add(whole[:200], []byte(nil))
	f.Fuzz(func(t *testing.T, head, rest []byte) {
		if len(rest) > 1<<20 || len(head) > headSize {
			return
		}
		b := append(append(slices.Clone(head), whole[min(len(head), headSize):headSize]...), rest...)
		file := &ram{b: b}
		if end, _, err := mend(file); err == nil && end > 0 {
			if _, err := long(file.b[:headSize]); err != nil {
				t.Fatal(err)
			}
			if end, _, err := mend(file); end != 0 || err != nil {
				t.Fatalf("%d, %v the second time", end, err)
			}
		}
	})
}
