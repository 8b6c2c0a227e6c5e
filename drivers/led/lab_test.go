//go:build lab

package led

import (
	"fmt"
	"testing"

	"edgekit.internal/drivers/gpio/pintest"
)

// TestLabLights is a light of the kernel's: the PL061's own output is seen to go up and down.
func TestLabLights(t *testing.T) {
	pins := pintest.Open(t)
	l, stop := started(t, Config{Spec: fmt.Sprintf("gpio:%s:0,1", pintest.Chip)}, nil)
	next := func(high bool) {
		t.Helper()
		for {
			c := pins.Next()
			if c.Line == 1 && c.High == high {
				return
			}
			if c.Line == 1 {
				t.Fatalf("%+v, want %v", c, high)
			}
		}
	}
	l.Show("alert", Fault)
	for range 3 {
		next(true)
		next(false)
	}
	l.Show("alert", Ready)
	next(true)
	l.Flash("alert", Sale)
	for range 2 {
		next(false)
		next(true)
	}
	next(false)
	next(true)
	stop()
	next(false)
}
