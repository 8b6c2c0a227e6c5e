// Package board tells what board the kit runs on and how it is: memory, temperature, power. One goroutine looks every
// few seconds; everybody reads the same immutable snapshot. Its ladder sheds picture work before the firmware would slow
// the whole board down.
package board

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Every is how often the board is looked at: as often as the kernel asks the firmware itself.
const Every = 2 * time.Second

// remember is how long a dip of the voltage, which may last milliseconds, is shown.
const remember = time.Minute

// Config says where to look. The zero value is the machine this runs on.
type Config struct {
	Root    string                            // "": /
	Changed func(was, now Snapshot)           // called after each look, from Run; nil: nobody
	Power   func(string) (Throttled, error)   // nil: the firmware of the machine under Root
	Now     func() time.Time                  // nil: time.Now
	Shed    func(load Load, reading Snapshot) // called from Run when the load changed; nil: nobody
}

// Snapshot is the board at one moment. Immutable.
type Snapshot struct {
	Model
	Celsius     float64 // of the processor
	Known       bool    // Celsius is
	AvailableMB int     // memory that programs could still have
	Throttled   Throttled
	Dips        int       // looks since the start that saw under-voltage
	Weak        time.Time // when the last dip was seen; zero: none
	Load        Load
	At          time.Time
}

// Monitor looks at the board. Snapshot may be called from any goroutine.
type Monitor struct {
	cfg    Config
	ladder Ladder
	now    atomic.Pointer[Snapshot]
}

// New takes a first look. Run goes on looking.
func New(cfg Config) *Monitor {
	if cfg.Root == "" {
		cfg.Root = "/"
	}
	if cfg.Power == nil {
		cfg.Power = readThrottled
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	m := &Monitor{cfg: cfg}
	m.now.Store(&Snapshot{Model: readModel(cfg.Root)})
	m.look()
	return m
}

// Snapshot is the latest look.
func (m *Monitor) Snapshot() Snapshot { return *m.now.Load() }

// Run looks until ctx ends, and returns nil then.
func (m *Monitor) Run(ctx context.Context) error {
	tick := time.NewTicker(Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			m.look()
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *Monitor) look() {
	was := m.Snapshot()
	now := was
	now.At = m.cfg.Now()
	now.Celsius, now.Known = temperature(m.cfg.Root)
	_, now.AvailableMB = meminfo(readFile(filepath.Join(m.cfg.Root, "proc/meminfo")))
	if t, err := m.cfg.Power(m.cfg.Root); err == nil { // else: as before, or nothing to ask
		now.Throttled = t
	}
	if now.Throttled.Any(UnderVoltage) {
		now.Dips++
		now.Weak = now.At
	}
	now.Load = m.ladder.Step(now.At, now.Limit, now.Celsius, now.Known, now.Throttled)
	m.now.Store(&now)
	if now.Load != was.Load && m.cfg.Shed != nil {
		m.cfg.Shed(now.Load, now)
	}
	if m.cfg.Changed != nil {
		m.cfg.Changed(was, now)
	}
}

// zones are the names that the processor's sensor has: on every Pi, on other arm boards, on PCs.
var zones = []string{"cpu-thermal", "soc-thermal", "x86_pkg_temp"}

// temperature reads the processor's sensor, in thousandths of a degree (Documentation/driver-api/thermal/sysfs-api).
func temperature(root string) (celsius float64, ok bool) {
	types, err := filepath.Glob(filepath.Join(root, "sys/class/thermal/thermal_zone*/type"))
	if err != nil {
		return 0, false // the pattern is a good one
	}
	for _, want := range zones {
		for _, t := range types {
			if strings.TrimSpace(string(readFile(t))) != want {
				continue
			}
			if c, err := parseMilli(readFile(filepath.Join(filepath.Dir(t), "temp"))); err == nil {
				return c, true
			}
		}
	}
	return 0, false
}

var errSensor = errors.New("not a processor's temperature")

func parseMilli(b []byte) (float64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 0, err
	}
	if n < -50_000 || n > 150_000 {
		return 0, fmt.Errorf("%d m°C: %w", n, errSensor)
	}
	return float64(n) / 1000, nil
}
