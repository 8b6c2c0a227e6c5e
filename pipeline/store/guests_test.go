package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/journal"
)

func guest(code, name string) pipeline.Guest {
	return pipeline.Guest{Code: pipeline.GuestCode(code), Name: name}
}

// TestNobodyComesInTwice: by one ticket, at whichever door, also when the list is imported anew or the kit starts again; and all names go with the list.
func TestNobodyComesInTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kit.db")
	s, stop := running(t, path, Options{})
	ctx := context.Background()
	n := 0
	door := func(a pipeline.DoorAct) pipeline.DoorOutcome {
		t.Helper()
		n++
		if a.ID == "" {
			a.ID = order(7000+n, "", "mug").ID
		}
		out, err := s.Door(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	imported := func(want [3]int, look bool, list ...pipeline.Guest) {
		t.Helper()
		added, changed, gone, err := s.ImportGuests(ctx, list, look)
		if got := [3]int{added, changed, gone}; err != nil || got != want {
			t.Errorf("%v new, changed, gone, %v; want %v", got, err, want)
		}
	}
	list := []pipeline.Guest{guest("A1", "Ada Lovelace"), guest("B2", "Özgür"), guest("C3", "")}
	imported([3]int{3, 0, 0}, true, list...)
	imported([3]int{3, 0, 0}, false, list...)
	in := pipeline.DoorAct{ID: order(1, "", "mug").ID, Do: pipeline.CheckIn, Code: " A1\r", Via: pipeline.ViaConsole}
	first := door(in)
	if !first.OK() || first.Details != "Ada Lovelace: come in." || first.Code != "" {
		t.Errorf("%+v", first)
	}
	if out := door(pipeline.DoorAct{Do: pipeline.CheckIn, Guest: first.Who.N}); out.OK() || out.Details != "Ada Lovelace came in just now by that ticket: let nobody in." {
		t.Errorf("%+v", out)
	}
	if _, err := s.Door(ctx, pipeline.DoorAct{ID: order(2, "", "mug").ID, Do: pipeline.CheckIn, Code: "Z9"}); !errors.As(err, new(ErrUnknown)) {
		t.Errorf("a code of nobody's: %v", err)
	}

	// many doors at once
	var all sync.WaitGroup
	var mu sync.Mutex
	ins := 0
	for i := range 50 {
		all.Go(func() {
			out, err := s.Door(ctx, pipeline.DoorAct{ID: order(8000+i, "", "mug").ID, Do: pipeline.CheckIn, Code: "B2"})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if out.OK() {
				ins++
			}
		})
	}
	all.Wait()
	if ins != 1 {
		t.Errorf("one ticket let %d in", ins)
	}
	walk := door(pipeline.DoorAct{Do: pipeline.WalkIn, Name: "Grace", Kind: "Day"})
	if !walk.OK() || walk.Details != "Grace, Day: come in." {
		t.Errorf("%+v", walk)
	}
	if out := door(pipeline.DoorAct{Do: pipeline.CheckOut, Code: "B2"}); !out.OK() || out.Details != "Özgür is out again." {
		t.Errorf("%+v", out)
	}
	if out := door(pipeline.DoorAct{Do: pipeline.CheckOut, Code: "B2"}); out.OK() {
		t.Errorf("%+v", out)
	}
	stop()
	s, stop = running(t, path, Options{})
	again := door(in)
	if again.Repeat = false; again.Details != first.Details || again.Outcome != first.Outcome || again.At != first.At || again.Who.N != first.Who.N {
		t.Errorf("the same again: %s", cmp.Diff(first, again))
	}
	imported([3]int{1, 1, 1}, false, guest("A1", "Ada King"), guest("B2", "Özgür"), guest("D4", "Dora")) // C3 was not in
	imported([3]int{0, 0, 1}, false, guest("B2", "Özgür"))                                               // and A1 is
	d, found, err := s.Guests(ctx, "özg", 10)
	if err != nil || d != (pipeline.Door{Listed: 2, In: 1, WalkIns: 1}) || len(found) != 1 || found[0].Name != "Özgür" || found[0].In != 0 {
		t.Errorf("%+v %+v, %v", d, found, err)
	}
	if _, found, _ = s.Guests(ctx, "", 10); len(found) != 3 || found[0].Name != "Özgür" {
		t.Errorf("who is not in yet is not first: %+v", found)
	}
	kinds := map[string]int{}
	for _, e := range entries(t, s) {
		if e.Kind == journal.Guest {
			kinds[e.Action]++
		}
	}
	if d := cmp.Diff(map[string]int{"in": 2, "out": 1, "walk-in": 1}, kinds); d != "" {
		t.Error(d)
	}
	if err := s.ForgetGuests(ctx); err != nil {
		t.Fatal(err)
	}
	if again := door(in); again.Outcome != pipeline.Confirmed || again.Details != "" {
		t.Errorf("after the list is gone: %+v", again)
	}
	stop()
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Lovelace", "Ada King", "Özgür", "Dora", "Grace"} {
			if bytes.Contains(text, []byte(name)) {
				t.Errorf("%s is still in %s", name, filepath.Base(f))
			}
		}
	}
	for _, bad := range []pipeline.DoorAct{{Do: pipeline.CheckIn}, {Do: pipeline.CheckIn, Guest: 1, Code: "A1"}, {Do: pipeline.WalkIn, Guest: 1}, {Do: pipeline.CheckOut, Guest: 1, Name: "x"}, {Do: "open"},
		{Do: pipeline.WalkIn, Name: "a\nb"}, {Do: pipeline.CheckIn, Guest: -1}, {Do: pipeline.CheckIn, Code: fmt.Sprintf("%0300d", 1)}} {
		if bad.ID = order(3, "", "mug").ID; bad.Valid() {
			t.Errorf("%+v is valid", bad)
		}
	}
}
