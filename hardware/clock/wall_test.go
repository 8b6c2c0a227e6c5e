package clock

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var morning = time.Date(2026, 7, 4, 8, 0, 0, 0, time.UTC)

// desk is a machine whose clocks a test turns.
type desk struct {
	*Wall
	up     time.Duration
	wall   time.Time
	synced bool
	err    time.Duration
	refuse error // of setting the clock
	found  []Fix
}

func newDesk(wall time.Time, cfg WallConfig) *desk {
	d := &desk{up: 10 * time.Second, wall: wall}
	cfg.Kit = func() time.Duration { return d.up + time.Hour }
	cfg.Read = func() (Reading, error) { return Reading{d.wall, d.up, d.synced, d.err}, nil }
	cfg.Set = func(t time.Time) error {
		if d.refuse == nil {
			d.wall = t
		}
		return d.refuse
	}
	cfg.Found = func(f Fix) { d.found = append(d.found, f) }
	d.Wall = NewWall(cfg)
	return d
}

func (d *desk) pass(t time.Duration) { d.up += t; d.wall = d.wall.Add(t) }

// TestWhatTheWallClockIsLearnedFrom: from a first look on, what fixes are kept. Times are seconds of uptime and after the
// morning.
func TestWhatTheWallClockIsLearnedFrom(t *testing.T) {
	type step func(*desk)
	jump := func(to time.Time) step { return func(d *desk) { d.wall = to } }
	pass := func(by time.Duration) step { return func(d *desk) { d.pass(by) } }
	phone := func(says time.Time) step { return func(d *desk) { _ = d.FromPhone(says) } }
	synced := func(err time.Duration) step { return func(d *desk) { d.synced, d.err = true, err } }
	in1970 := time.Unix(30, 0)
	for name, r := range map[string]struct {
		start time.Time
		cfg   WallConfig
		steps []step
		want  []string
	}{
		"1970 for ever":                           {in1970, WallConfig{}, []step{pass(time.Hour)}, nil},
		"1970, then a time server":                {in1970, WallConfig{}, []step{pass(50 * time.Second), jump(morning)}, []string{"ntp 8h0m0s ±2s"}},
		"set before the kit looked":               {morning, WallConfig{}, []step{pass(time.Minute)}, []string{"ntp 8h0m0s ±2s"}},
		"a clock with a battery":                  {morning, WallConfig{Battery: true}, nil, []string{"rtc 8h0m0s ±5m0s"}},
		"battery, then a time server":             {morning, WallConfig{Battery: true}, []step{jump(morning.Add(time.Minute))}, []string{"rtc 8h0m0s ±5m0s", "ntp 8h1m0s ±2s"}},
		"restored, of the last stop":              {morning, WallConfig{Restored: morning.Add(-5 * time.Second)}, []step{pass(time.Minute)}, nil},
		"restored, then a time server":            {morning, WallConfig{Restored: morning.Add(-5 * time.Second)}, []step{jump(morning.Add(time.Hour))}, []string{"ntp 9h0m0s ±2s"}},
		"1970, then restored after the kit began": {in1970, WallConfig{Restored: morning.Add(-time.Second)}, []step{jump(morning)}, nil},
		"kept by a client":                        {morning, WallConfig{}, []step{synced(30 * time.Millisecond)}, []string{"ntp 8h0m0s ±2s", "ntp 8h0m0s ±30ms"}},
		"1970, then a phone":                      {in1970, WallConfig{}, []step{phone(morning), pass(time.Minute)}, []string{"phone 8h0m0s ±5s"}},
		"a second phone says another time":        {in1970, WallConfig{}, []step{phone(morning), phone(morning.Add(time.Hour))}, []string{"phone 8h0m0s ±5s"}},
		"a phone after a time server":             {morning, WallConfig{}, []step{phone(morning.Add(time.Hour))}, []string{"ntp 8h0m0s ±2s"}},
		"a phone over a battery":                  {morning, WallConfig{Battery: true}, []step{phone(morning.Add(time.Minute))}, []string{"rtc 8h0m0s ±5m0s", "phone 8h1m0s ±5s"}},
		"a phone in 1970":                         {in1970, WallConfig{}, []step{phone(in1970)}, nil},
		"a phone, then a server that differs":     {in1970, WallConfig{}, []step{phone(morning.Add(9 * time.Hour)), jump(morning)}, []string{"phone 17h0m0s ±5s", "ntp 8h0m0s ±2s"}},
		"jumps back, and to 1970":                 {morning, WallConfig{}, []step{jump(morning.Add(-time.Hour)), jump(in1970)}, []string{"ntp 8h0m0s ±2s", "ntp 7h0m0s ±2s"}},
		"a small step is the client's":            {morning, WallConfig{}, []step{jump(morning.Add(100 * time.Millisecond))}, []string{"ntp 8h0m0s ±2s"}},
		"an hour later, again":                    {morning, WallConfig{}, []step{synced(time.Second), pass(50 * time.Minute), pass(20 * time.Minute)}, []string{"ntp 8h0m0s ±2s", "ntp 8h0m0s ±1s", "ntp 9h10m0s ±1s"}},
	} {
		d := newDesk(r.start, r.cfg)
		if err := d.look(); err != nil {
			t.Fatal(err)
		}
		for _, s := range r.steps {
			s(d)
			if err := d.look(); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, f := range d.found {
			got = append(got, string(f.Source)+" "+f.Wall.UTC().Sub(morning.Truncate(24*time.Hour)).String()+" ±"+f.Within.String())
		}
		if diff := cmp.Diff(r.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestAPhoneSetsTheClockOnlyWhenItIsNeeded, and is taken also where the clock may not be set.
func TestAPhoneSetsTheClockOnlyWhenItIsNeeded(t *testing.T) {
	d := newDesk(time.Unix(30, 0), WallConfig{})
	d.refuse = unix.EPERM
	if _, ok := d.Now(); ok {
		t.Error("a time is known in 1970")
	}
	if err := d.FromPhone(morning); !errors.Is(err, unix.EPERM) {
		t.Error(err)
	}
	d.pass(time.Minute)
	if f, ok := d.Now(); !ok || !f.Wall.Equal(morning.Add(time.Minute)) || f.Within != 5*time.Second+6*time.Millisecond {
		t.Errorf("%+v, %v", f, ok)
	}
	d = newDesk(time.Unix(30, 0), WallConfig{})
	if err := d.FromPhone(morning); err != nil || !d.wall.Equal(morning) {
		t.Errorf("%v, clock at %v", err, d.wall)
	}
	if err := d.FromPhone(morning.Add(time.Hour)); !errors.Is(err, errNotTaken) || !d.wall.Equal(morning) {
		t.Errorf("%v, clock at %v", err, d.wall)
	}
}

// TestTheMachinesOwnClock: it can be read, and watched for steps, without any privilege.
func TestTheMachinesOwnClock(t *testing.T) {
	w := NewWall(WallConfig{Kit: Uptime})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	r, err := read()
	if err != nil || r.Up <= 0 || time.Since(r.Wall).Abs() > time.Minute {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestRestored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "saved")
	for text, want := range map[string]time.Time{"2026-07-04T08:00:00Z": morning, "": {}, "yesterday": {}} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Restored(path); !got.Equal(want) {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := Restored(path + "-none"); !got.IsZero() {
		t.Errorf("no file: %v", got)
	}
}

func FuzzRestored(f *testing.F) {
	f.Add("2026-07-04T08:00:00.123+02:00")
	f.Fuzz(func(t *testing.T, text string) {
		var at time.Time
		_ = at.UnmarshalText([]byte(text))
		_ = believable(at)
	})
}
