package thermal

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgekit.internal/drivers"
)

// several gives a test printers over links that it has in hand, in time that it makes.
func several(t *testing.T, links []*deaf, test func(t *testing.T, ps *Printers)) {
	synctest.Test(t, func(t *testing.T) {
		ps, err := NewPrinters(Config{Spec: strings.TrimSuffix(strings.Repeat("none,", len(links)), ","), Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range ps.all {
			told := knows{}
			p.place = place{name: fmt.Sprint("deaf ", i), find: nowhere, open: func(context.Context, string) (port, error) { return p.wired(links[i], nil, &told, "") }}
		}
		runAll(t, ps)
		synctest.Wait()
		test(t, ps)
	})
}

func runAll(t *testing.T, ps *Printers) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ps.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestPrintersShareTheLoad, and a dead one has no part in it.
func TestPrintersShareTheLoad(t *testing.T) {
	links := []*deaf{{takes: 1 << 20, answers: 0x12, each: time.Second}, {takes: 1 << 20, answers: 0x12, each: time.Second}, {answers: 0x12, status: 0x38}}
	several(t, links, func(t *testing.T, ps *Printers) {
		start, done := time.Now(), make(chan error)
		for range 20 {
			go func() {
				_, err := ps.Print(t.Context(), job(100))
				done <- err
			}()
		}
		for range 20 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if a, b := len(links[0].got), len(links[1].got); a+b != 2000 || a < 800 || b < 800 || len(links[2].got) != 0 {
			t.Errorf("%d, %d and %d bytes", a, b, len(links[2].got))
		}
		if took := time.Since(start); took > 12*time.Second {
			t.Errorf("20 slips of a second on two printers took %v", took)
		}
		if list := ps.Devices(); len(list) != 3 || list[0].State != drivers.Ready || list[2].State != drivers.Failed || !ps.Ready() {
			t.Errorf("%+v", list)
		}
	})
}

// TestAJobThatIsStuckIsGivenUpForAnotherPrinter, and waits where there is no other.
func TestAJobThatIsStuckIsGivenUpForAnotherPrinter(t *testing.T) {
	for _, both := range []bool{true, false} {
		links := []*deaf{{takes: block, answers: 0x12}, {takes: 1 << 20, answers: 0x12}}
		if !both {
			links = links[:1]
		}
		several(t, links, func(t *testing.T, ps *Printers) {
			done := make(chan result, 1)
			if both {
				links[1].set(0x38, 0) // so that the first one gets it
				drivers.Pause(t.Context(), 5*time.Second)
			}
			start := time.Now()
			go func() {
				fate, err := ps.Print(t.Context(), job(3*block))
				done <- result{fate, err}
			}()
			drivers.Pause(t.Context(), time.Second)
			links[0].set(0x38, 0) // its paper ends in the job
			if both {
				drivers.Pause(t.Context(), time.Minute)
				links[1].set(0x18, 0)
				res := <-done
				if res.fate != Begun || res.err == nil || !strings.Contains(res.err.Error(), "another printer takes it over") || time.Since(start) > 70*time.Second {
					t.Errorf("%+v after %v", res, time.Since(start))
				}
				if fate, err := ps.Print(t.Context(), job(3*block)); fate != Sent || err != nil || len(links[1].got) != 3*block {
					t.Errorf("on the other: %v, %v", fate, err)
				}
				return
			}
			drivers.Pause(t.Context(), time.Hour)
			select {
			case res := <-done:
				t.Errorf("given up for nobody: %+v", res)
			default:
			}
			links[0].set(0x18, 1<<20)
			if res := <-done; res.fate != Sent || res.err != nil {
				t.Errorf("%+v", res)
			}
		})
	}
}

// TestEachUSBPrinterIsFound, has one driver, and is lost and found alone.
func TestEachUSBPrinterIsFound(t *testing.T) {
	dir := t.TempDir()
	ps, err := NewPrinters(Config{Spec: "auto", Profile: Paper58, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range ps.all {
		p.place = p.usb("auto", func() (string, error) { return p.plugged(filepath.Join(dir, "lp*")) })
		p.timing.scan, p.timing.look, p.timing.retry, p.timing.answer = 10*time.Millisecond, 10*time.Millisecond, 10*time.Millisecond, 20*time.Second
	}
	runAll(t, ps)
	if list := ps.Devices(); len(list) != 1 || list[0].State != drivers.Absent {
		t.Errorf("before any: %+v", list)
	}
	ends := map[string]*os.File{}
	far := newFar()
	plug := func(name string) {
		master, slave, path := pty(t)
		ends[name] = master
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		served := make(chan struct{})
		go func() { far.serve(master); close(served) }()
		t.Cleanup(func() { master.Close(); slave.Close(); <-served })
	}
	names := func() (all []string) {
		for _, s := range ps.Devices() {
			if s.State == drivers.Ready {
				all = append(all, filepath.Base(s.Name))
			}
		}
		return all
	}
	until := func(what string, n int) {
		t.Helper()
		untilAny(t, ps, what, func() bool { return len(names()) == n })
	}
	plug("lp0")
	plug("lp1")
	until("both are ready", 2)
	if got := names(); got[0] == got[1] {
		t.Errorf("two drive %s", got[0])
	}
	if err := os.Remove(filepath.Join(dir, "lp0")); err != nil {
		t.Fatal(err)
	}
	ends["lp0"].Close()
	until("one is gone", 1)
	if got := names(); got[0] != "lp1" {
		t.Errorf("%v is left", got)
	}
	if fate, err := ps.Print(t.Context(), Job{Name: "A-1", Data: []byte("on the other\n")}); fate != Sent || err != nil {
		t.Errorf("%v, %v", fate, err)
	}
	far.await([]byte("on the other\n"))
	plug("lp0")
	until("it is back", 2)
}

// untilAny waits for one of the printers to make something true.
func untilAny(t *testing.T, ps *Printers, what string, is func() bool) {
	t.Helper()
	late := time.After(time.Minute)
	for {
		changed := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(late)}}
		for _, p := range ps.all {
			_, c := p.watch.Get()
			changed = append(changed, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)})
		}
		if is() { // asked after the watches were taken: what changes now wakes
			return
		}
		if i, _, _ := reflect.Select(changed); i == 0 {
			t.Fatalf("%s: %+v", what, ps.Devices())
		}
	}
}

func TestListsOfPrinters(t *testing.T) {
	for spec, n := range map[string]int{"virtual": 1, "auto": mostFound, "usb:/dev/usb/lp0,tcp:10.0.0.9:9100": 2, "auto,tcp:10.0.0.9:9100": mostFound + 1,
		"": 0, "auto,": 0, ",": 0, "usb:/dev/usb/lp0,lpt1": 0, strings.TrimSuffix(strings.Repeat("none,", mostNamed+1), ","): 0} {
		ps, err := NewPrinters(Config{Spec: spec})
		if (err == nil) != (n > 0) || err == nil && len(ps.all) != n {
			t.Errorf("%q: %v, %v", spec, ps, err)
		}
	}
}
