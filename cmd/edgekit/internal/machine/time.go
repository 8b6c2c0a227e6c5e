package machine

import (
	"context"
	"time"

	"edgekit.internal/hardware/clock"
	"edgekit.internal/pipeline"
)

// ntpSaved is where gokrazy's ntp notes the time when it is stopped in order, to set it again before it has asked a server.
const ntpSaved = "/perm/home/ntp/ntp-time-at-last-shutdown"

// maxFixes bounds the fixes that wait to be recorded. They come by the hour; should the disk be full, the oldest go.
const maxFixes = 16

// retryFix is how long a fix waits that could not be recorded.
const retryFix = 10 * time.Second

// keepTime learns what time it is. Without that kit time runs on, and what is sold is dated later.
func (m *Machine) keepTime(ctx context.Context) {
	if err := m.wall.Run(ctx); err != nil {
		m.cfg.Log.Error("the wall clock is not watched, sales go on by kit time", "err", err)
	}
}

// found takes a fix from the clock, which must not wait.
func (m *Machine) found(f clock.Fix) {
	m.cfg.Log.Info("the wall clock is known", "source", string(f.Source), "wall", f.Wall.UTC(), "within", f.Within)
	for {
		select {
		case m.fixes <- f:
			return
		default:
		}
		select {
		case <-m.fixes:
		default:
		}
	}
}

// record puts fixes into the journal, each until it is there or ctx ends.
func (m *Machine) record(ctx context.Context) {
	for {
		var f clock.Fix
		select {
		case f = <-m.fixes:
		case <-ctx.Done():
			return
		}
		for {
			err := m.cfg.Record(ctx, pipeline.Fix{Source: string(f.Source), Boot: m.cfg.Boot(), At: f.Kit, Wall: f.Wall, Within: f.Within})
			if err == nil || ctx.Err() != nil {
				break
			}
			m.cfg.Log.Warn("the time is not recorded yet", "err", err)
			wait := time.NewTimer(retryFix)
			select {
			case <-wait.C:
			case <-ctx.Done():
				wait.Stop()
				return
			}
		}
	}
}

// PhoneTime takes the time of an operator's device that has just paired, if none as good is known.
func (m *Machine) PhoneTime(t time.Time) {
	if err := m.wall.FromPhone(t); err != nil {
		m.cfg.Log.Info("the operator's device told its time", "time", t.UTC(), "err", err)
	}
}

// Time is the wall time as it is known; false: it is not.
func (m *Machine) Time() (clock.Fix, bool) { return m.wall.Now() }
