//go:build lab

package button

import (
	"fmt"
	"testing"
	"time"

	"edgekit.internal/drivers/gpio/pintest"
)

// TestLabButtons is the same life over the kernel's own driver: a PL061, whose pins are pulled as buttons pull them.
func TestLabButtons(t *testing.T) {
	pins := pintest.Open(t)
	at := []int{5, 6, 2, 4}
	testButtons(t, &rig{spec: fmt.Sprintf("gpio:%s:%d,%d,%d,%d", pintest.Chip, at[0], at[1], at[2], at[3]), wait: time.Sleep, set: func(line int, down ...bool) {
		high := make([]bool, len(down))
		for i, d := range down {
			high[i] = !d
		}
		pins.Set(at[line], high...)
	}})
}
