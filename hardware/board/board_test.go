package board

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// put lays a file out under a fake root.
func put(t testing.TB, root, path, text string) {
	t.Helper()
	p := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

const (
	temp  = "sys/class/thermal/thermal_zone0/temp"
	alarm = "sys/class/hwmon/hwmon1/in0_lcrit_alarm"
)

// pi is a laid-out Pi: a device tree, a sensor, and the kernel's voltage sensor.
func pi(t testing.TB, model, compatible string) (root string) {
	t.Helper()
	root = t.TempDir()
	put(t, root, "proc/device-tree/model", model+"\x00")
	put(t, root, "proc/device-tree/compatible", compatible+"\x00brcm,bcm2711\x00")
	put(t, root, "proc/meminfo", "MemTotal:        1892692 kB\nMemFree:          100000 kB\nMemAvailable:    1433600 kB\nHugePages_Total:       0\n")
	put(t, root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
	put(t, root, temp, "48312\n")
	put(t, root, "sys/class/hwmon/hwmon0/name", "cpu_thermal\n")
	put(t, root, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
	put(t, root, alarm, "0\n")
	return root
}

func TestWhatBoardThisIs(t *testing.T) {
	for compatible, want := range map[string]Model{
		"raspberrypi,4-model-b":      {Limit: 80, Supply: usbC},
		"raspberrypi,3-model-b-plus": {Limit: 60, Supply: microUSB},
		"raspberrypi,5-model-b":      {Limit: 80, Supply: usbC5A},
		"linux,dummy-virt":           {},
	} {
		want.Name, want.Compatible, want.MemoryMB = "A board Rev 1.4", compatible, 1848
		got := New(Config{Root: pi(t, "A board Rev 1.4", compatible)}).Snapshot()
		if d := cmp.Diff(want, got.Model); d != "" {
			t.Errorf("%s: %s", compatible, d)
		}
		if !got.Known || got.Celsius != 48.312 || got.AvailableMB != 1400 || got.Trouble() != "" {
			t.Errorf("%s: %+v", compatible, got)
		}
		if got.String() != "A board Rev 1.4, 1848 MB, 48 °C" {
			t.Errorf("%s", got)
		}
	}
}

func TestAMachineWithNothingToSay(t *testing.T) {
	if s := New(Config{Root: t.TempDir()}).Snapshot(); s.Known || s.String() != "" || s.Trouble() != "" || s.Load != Full {
		t.Errorf("%+v", s)
	}
}

// TestShedsBeforeTheFirmwareDoes runs the monitor over a board that heats up and cools down, in its own time.
func TestShedsBeforeTheFirmwareDoes(t *testing.T) {
	root := pi(t, "Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b")
	synctest.Test(t, func(t *testing.T) {
		var told []Load
		m := New(Config{Root: root, Shed: func(l Load, s Snapshot) { told = append(told, l) }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- m.Run(ctx) }()
		synctest.Wait()
		for _, step := range []struct {
			temp  string
			after time.Duration
			want  Load
		}{
			{"74900", Every, Full}, {"75000", Every, Half}, {"72000", 2 * time.Minute, Half}, {"78000", Every, Quarter},
			{"73500", 20 * time.Second, Quarter}, {"76000", Every, Quarter}, {"73500", 30 * time.Second, Quarter}, {"73500", 2 * Every, Half},
			{"nonsense", 5 * time.Minute, Half}, {"65000", calm + 2*Every, Full},
		} {
			put(t, root, temp, step.temp+"\n")
			time.Sleep(step.after)
			synctest.Wait()
			s := m.Snapshot()
			if s.Load != step.want {
				t.Errorf("at %s for %v: %v, want %v", step.temp, step.after, s.Load, step.want)
			}
			if (s.Trouble() != "") != (s.Load != Full) {
				t.Errorf("at %s: %q", step.temp, s.Trouble())
			}
		}
		if d := cmp.Diff([]Load{Half, Quarter, Half, Full}, told); d != "" {
			t.Error(d)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestADipOfTheVoltageIsShownForAMinute(t *testing.T) {
	root := pi(t, "Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b")
	now := time.Unix(0, 0) // 1970, as without a clock
	m := New(Config{Root: root, Now: func() time.Time { return now }})
	put(t, root, alarm, "1\n")
	m.look()
	put(t, root, alarm, "0\n")
	now = now.Add(58 * time.Second)
	m.look()
	s := m.Snapshot()
	if w := s.Trouble(); !strings.Contains(w, "power supply is too weak") || !strings.Contains(w, "5.1 V, 3 A supply with a USB-C plug") || !strings.Contains(w, "half its rate") || s.Dips != 1 {
		t.Errorf("%d dips: %q", s.Dips, w)
	}
	for range 2 {
		now = now.Add(calm)
		m.look()
	}
	if w := m.Snapshot().Trouble(); w != "" {
		t.Errorf("a minute later: %q", w)
	}
}

// TestTheLadder: what one reading does, from each load, and what the firmware's own word does.
func TestTheLadder(t *testing.T) {
	start := time.Unix(1000, 0)
	for name, r := range map[string]struct {
		from    Load
		limit   float64
		celsius float64
		known   bool
		t       Throttled
		want    Load // at once
		calm    Load // after half a minute more of the same
	}{
		"cool":                              {Full, 80, 50, true, 0, Full, Full},
		"no limit known":                    {Full, 0, 99, true, SlowedDown, Full, Full},
		"near the limit":                    {Full, 80, 75, true, 0, Half, Half},
		"at the limit":                      {Full, 80, 80, true, 0, Quarter, Quarter},
		"3B+ has a lower one":               {Full, 60, 55, true, 0, Half, Half},
		"firmware slows down":               {Full, 80, 50, true, SlowedDown, Quarter, Quarter},
		"soft limit, sensor silent":         {Full, 80, 0, false, SoftLimit, Quarter, Quarter},
		"weak supply":                       {Full, 80, 50, true, UnderVoltage << happened, Half, Half},
		"sensor silent":                     {Quarter, 80, 0, false, 0, Quarter, Quarter},
		"half, a little cooler":             {Half, 80, 72, true, 0, Half, Half},
		"half, cool":                        {Half, 80, 71, true, 0, Half, Full},
		"quarter, cool: one step at a time": {Quarter, 80, 40, true, 0, Quarter, Half},
		"quarter, still weak":               {Quarter, 80, 40, true, UnderVoltage, Quarter, Half},
		"half, still weak":                  {Half, 80, 40, true, UnderVoltage, Half, Half},
	} {
		l := Ladder{load: r.from}
		got := l.Step(start, r.limit, r.celsius, r.known, r.t)
		later := l.Step(start.Add(calm), r.limit, r.celsius, r.known, r.t)
		if got != r.want || later != r.calm {
			t.Errorf("%s: %v, then %v; want %v, then %v", name, got, later, r.want, r.calm)
		}
	}
}
