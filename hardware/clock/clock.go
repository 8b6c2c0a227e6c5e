// Package clock keeps kit time: a duration that runs on at the pace of CLOCK_BOOTTIME, is kept across restarts and
// power cuts, and never goes backwards, whatever the wall clock says. Lifetimes of tokens, offers and holds are in it.
//
// Within one boot it runs on exactly, also while the daemon is down. After a power cut it goes on from the last anchor
// that was stored: it may lose what passed since, never more than the anchor's age, and the time without power. The store writes an
// anchor with each commit, when it starts, and each minute: a cut takes back a minute at most of what nothing on the card tells of.
package clock

import (
	"encoding/binary"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Clock tells kit time. Safe for concurrent use.
type Clock struct {
	boot [16]byte
	up   func() time.Duration
	base time.Duration // kit time = base + up()
	nth  uint32        // boot of the kit, from 1

	mu   sync.Mutex
	last time.Duration
}

const anchorSize = 16 + 8 + 8 + 4

// New goes on from an anchor, or starts at zero when it is not one. boot names this boot of the machine; up is the time
// since it, which runs while the machine sleeps too.
func New(anchor []byte, boot [16]byte, up func() time.Duration) *Clock {
	c := &Clock{boot: boot, up: up, nth: 1}
	if len(anchor) == anchorSize {
		kit := time.Duration(binary.BigEndian.Uint64(anchor[16:]))
		then := time.Duration(binary.BigEndian.Uint64(anchor[24:]))
		if kit < 0 || then < 0 {
			kit, then = 0, 0 // never written by Anchor
		}
		c.last = kit
		c.base = kit - up()
		c.nth = binary.BigEndian.Uint32(anchor[32:])
		if [16]byte(anchor[:16]) == boot && up() >= then {
			c.base = kit - then
		} else {
			c.nth++
		}
	} else {
		c.base = -up()
	}
	return c
}

// System is New for the machine this runs on.
func System(anchor []byte) *Clock {
	var boot [16]byte
	if id, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil { // without it, each start counts as a boot
		copy(boot[:], strings.ReplaceAll(string(id), "-", ""))
	} else {
		copy(boot[:], time.Now().String())
	}
	return New(anchor, boot, Uptime)
}

// Uptime reads CLOCK_BOOTTIME (clock_gettime(2), Linux 2.6.39).
func Uptime() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		panic("clock: no boot clock: " + err.Error()) // cannot happen on Linux
	}
	return time.Duration(ts.Nano())
}

// Now is kit time. It never is less than it was before, nor than the anchor it went on from.
func (c *Clock) Now() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = max(c.last, c.base+c.up())
	return c.last
}

// Boot counts the boots of the machine in which this kit ran, from 1. Within one, kit time runs on without a gap; from one to the
// next a time of unknown length is missing. So what was noted in the same boot can be dated by any of it.
func (c *Clock) Boot() uint32 { return c.nth }

// Anchor is what New needs to go on from now, 36 bytes.
func (c *Clock) Anchor() []byte {
	b := make([]byte, anchorSize)
	copy(b, c.boot[:])
	binary.BigEndian.PutUint64(b[16:], uint64(c.Now()))
	binary.BigEndian.PutUint64(b[24:], uint64(c.up()))
	binary.BigEndian.PutUint32(b[32:], c.nth)
	return b
}
