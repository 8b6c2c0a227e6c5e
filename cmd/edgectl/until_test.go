package main

import (
	"testing"
	"time"
	_ "time/tzdata"
)

// TestUntilATimeOfDay: today, or tomorrow where it is past; through a change of summer time too.
func TestUntilATimeOfDay(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04:05", s, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, c := range []struct {
		now, clock string
		want       time.Duration
	}{
		{"2026-07-04 13:59:30", "14:00", 30 * time.Second},
		{"2026-07-04 14:00:00", "14:00", 24 * time.Hour},
		{"2026-07-04 23:30:00", "0:15", 45 * time.Minute},
		{"2026-10-25 00:00:00", "04:00", 5 * time.Hour},
	} {
		if got, err := until(c.clock, at(c.now)); err != nil || got != c.want {
			t.Errorf("from %s until %s: %v, %v, want %v", c.now, c.clock, got, err, c.want)
		}
	}
	for _, s := range []string{"", "14", "25:00", "14:60", "2pm"} {
		if got, err := until(s, at("2026-07-04 13:00:00")); err == nil {
			t.Errorf("%q: %v", s, got)
		}
	}
}
