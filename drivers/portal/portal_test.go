package portal

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func mac(n int) MAC { return MAC{2, 0, 0, 0, byte(n >> 8), byte(n)} }

func TestAddressesAreReadStrictly(t *testing.T) {
	if m, err := ParseMAC("02:00:0a:FF:01:00"); err != nil || m != (MAC{2, 0, 10, 255, 1, 0}) || m.String() != "02:00:0a:ff:01:00" {
		t.Error(m, err)
	}
	for _, s := range []string{"", "all", "02:00:00:00:01", "02:00:00:00:01:00:00", "0200:00:00:01:000", "020000000100", "02-00-00-00-01-00", "02:00:00:00:01:0g"} {
		if m, err := ParseMAC(s); err == nil {
			t.Errorf("%q read as %v", s, m)
		}
	}
}

func TestOneStationsFloodIsItsOwn(t *testing.T) {
	now := time.Duration(0)
	r := NewRation(Rate{5, 1}, Rate{10, 5}, func() time.Duration { return now })
	count := func(m MAC, times int) (n int) {
		for range times {
			if r.Take(m) {
				n++
			}
		}
		return n
	}
	if n := count(mac(1), 100_000); n != 5 {
		t.Errorf("a station that floods had %d", n)
	}
	if n := count(mac(2), 5); n != 5 {
		t.Errorf("another had %d", n)
	}
	if n := count(mac(3), 5); n != 0 {
		t.Errorf("beyond what is there for all: %d", n)
	}
	now += 2 * time.Second
	if a, b := count(mac(1), 100), count(mac(3), 100); a != 2 || b != 5 {
		t.Errorf("two seconds later %d and %d", a, b)
	}
	for n := range 5000 {
		r.Take(mac(n))
	}
	if len(r.stations) > maxStations {
		t.Errorf("%d stations remembered", len(r.stations))
	}
}

// TestGuestsOverRestarts lives through acceptances, restarts and files that cannot be written, beside a plain list.
func TestGuestsOverRestarts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now, kept, full := time.Duration(0), []byte(nil), false
		keep := func(b []byte) error {
			if full {
				return errors.New("no room")
			}
			kept = slices.Clone(b)
			return nil
		}
		g := NewGuests(nil, func() time.Duration { return now }, keep)
		since := map[MAC]time.Duration{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now += time.Duration(rapid.IntRange(0, 1000).Draw(t, "pass")) * time.Millisecond
			m := mac(rapid.IntRange(0, 5).Draw(t, "station"))
			switch rapid.SampledFrom([]string{"accept", "accept", "forget", "restart"}).Draw(t, "step") {
			case "accept":
				if _, known := since[m]; !known {
					since[m] = now
				}
				if err := g.Accept(m); err != nil {
					t.Fatal(err)
				}
			case "forget":
				delete(since, m)
				if err := g.Forget(m); err != nil {
					t.Fatal(err)
				}
			case "restart":
				g = NewGuests(kept, func() time.Duration { return now }, keep)
			}
			for n := range 6 {
				at, known := since[mac(n)]
				if ago, ok := g.Accepted(mac(n)); ok != known || ok && ago != now-at {
					t.Fatalf("station %d: %v %v, want %v %v", n, ago, ok, now-at, known)
				}
			}
		}
		full = true
		if err := g.Accept(mac(9)); err == nil {
			t.Fatal("nothing said of a file that cannot be written")
		}
		if _, ok := g.Accepted(mac(9)); !ok {
			t.Fatal("and it does not count")
		}
	})
}

func TestGuestsAreBounded(t *testing.T) {
	now := time.Duration(0)
	g := NewGuests([]byte("[{\"mac\":\"02:00:00:00:00:00\",\"since\":9000000000000000000}]"), func() time.Duration { return now }, func([]byte) error { return nil })
	if ago, ok := g.Accepted(mac(0)); !ok || ago != 0 {
		t.Errorf("of another start: %v %v", ago, ok)
	}
	for n := 1; n <= 3000; n++ {
		now += time.Second
		if err := g.Accept(mac(n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := g.Accepted(mac(3000 - maxGuests)); ok || len(g.all) != maxGuests {
		t.Errorf("%d remembered, an old one: %v", len(g.all), ok)
	}
	if _, ok := g.Accepted(mac(3000 - maxGuests + 1)); !ok {
		t.Error("the newest are not all remembered")
	}
}

func FuzzGuests(f *testing.F) {
	f.Add([]byte(`[{"mac":"02:00:00:00:00:00","since":1}]`))
	f.Add([]byte(`[{"mac":"x"}]`))
	f.Fuzz(func(t *testing.T, kept []byte) {
		g := NewGuests(kept, func() time.Duration { return time.Hour }, func([]byte) error { return nil })
		if len(g.all) > maxGuests {
			t.Errorf("%d", len(g.all))
		}
	})
}
