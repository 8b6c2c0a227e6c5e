package capture

import (
	"testing"
	"time"
)

func TestTimestampRunsAt90kHzAndWraps(t *testing.T) {
	for _, c := range []struct {
		at   time.Duration
		want uint32
	}{
		{0, 0},
		{time.Second, 90000},
		{time.Second / 30, 2999}, // 33.333333 ms, rounded down
		{47722 * time.Second, 47722*90000 - 1<<32},
		{300 * 24 * time.Hour, 632758272},
	} {
		if got := Timestamp(c.at); got != c.want {
			t.Errorf("Timestamp(%v) = %d, want %d", c.at, got, c.want)
		}
	}
	if d := Timestamp(5*time.Second) - Timestamp(4*time.Second); d != ClockRate {
		t.Errorf("a second is %d ticks", d)
	}
	if d := SoundTimestamp(5*time.Second+SoundLen) - SoundTimestamp(5*time.Second); d != 960 {
		t.Errorf("a packet of sound is %d ticks", d)
	}
}

func TestMonotonicRises(t *testing.T) {
	if a, b := Monotonic(), Monotonic(); a <= 0 || b < a {
		t.Errorf("%v then %v", a, b)
	}
}
