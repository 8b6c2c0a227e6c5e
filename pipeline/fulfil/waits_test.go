package fulfil

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/pipeline"
)

func TestWaits(t *testing.T) {
	var ts []pipeline.Ticket
	for n := range 20 {
		at := time.Hour + time.Duration(n)*time.Minute
		one := pipeline.Ticket{N: int64(n + 1), At: at, Lines: []pipeline.OrderLine{{SKU: "MUG", N: 1}}}
		one.Printed = at + time.Duration(n+1)*time.Second
		if n < 10 {
			one.Done, one.Handed = at+time.Duration(n+1)*time.Minute, []int{1}
		}
		ts = append(ts, one)
	}
	ts[9].Handed, ts[9].Void = []int{0}, []int{1} // nobody waited for that
	ts[0].Printed = 0                             // sold without a printer
	ts[3].Printed = ts[3].At - time.Millisecond   // no clock goes so: and no wait is below zero
	want := Waits{Printed: Wait{18, 11 * time.Second, 19 * time.Second, 20 * time.Second}, Handed: Wait{9, 5 * time.Minute, 9 * time.Minute, 9 * time.Minute}, Open: 10}
	if d := cmp.Diff(want, WaitsOf(ts)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Waits{}, WaitsOf(nil)); d != "" {
		t.Error(d)
	}
}
