package board

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Throttled is what the Pi's firmware says of power and heat: bits of its property 0x00030046 ("get_throttled" in
// Raspberry Pi's documentation of vcgencmd).
type Throttled uint32

// The bits. Those that have happened stay until somebody clears them: the kernel's driver raspberrypi-hwmon, which the
// pinned kernel has built in, does so every 2 s (drivers/hwmon/raspberrypi-hwmon.c), and so they mean "a moment ago".
// Where that driver is not, they are left out.
const (
	UnderVoltage    Throttled = 1 << 0 // the supply is below 4.63 V (±5 %)
	FrequencyCapped Throttled = 1 << 1
	SlowedDown      Throttled = 1 << 2 // "throttled"
	SoftLimit       Throttled = 1 << 3 // the soft temperature limit holds

	happened = 16 // the same, of the time since they were cleared
)

// Any tells whether any of the given bits is set, now or as having happened.
func (t Throttled) Any(bits Throttled) bool { return t&(bits|bits<<happened) != 0 }

// String names what holds now or held a moment ago; "": nothing.
func (t Throttled) String() string {
	var words []string
	for _, w := range []struct {
		bit  Throttled
		word string
	}{{UnderVoltage, "under-voltage"}, {FrequencyCapped, "frequency capped"}, {SlowedDown, "slowed down"}, {SoftLimit, "soft temperature limit"}} {
		if t.Any(w.bit) {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ", ")
}

// errNoFirmware says that this machine has no Pi's firmware to ask.
var errNoFirmware = errors.New("board: no firmware that tells about power")

// readThrottled asks the firmware, by mailbox where there is one; else the kernel's voltage sensor, which knows of
// under-voltage alone. The pinned kernel has both, and no get_throttled file in /sys.
func readThrottled(root string) (Throttled, error) {
	t, err := mailbox(filepath.Join(root, "dev/vcio"))
	low, sensor := voltageSensor(root)
	switch {
	case errors.Is(err, errNoFirmware):
		return low, sensor
	case sensor != nil:
		t &= 1<<happened - 1
	}
	return t, err
}

// voltageSensor finds rpi_volt among the sensors (Documentation/hwmon/raspberrypi-hwmon).
func voltageSensor(root string) (Throttled, error) {
	names, err := filepath.Glob(filepath.Join(root, "sys/class/hwmon/*/name"))
	if err != nil {
		return 0, err
	}
	for _, n := range names {
		if strings.TrimSpace(string(readFile(n))) != "rpi_volt" {
			continue
		}
		switch alarm := strings.TrimSpace(string(readFile(filepath.Join(filepath.Dir(n), "in0_lcrit_alarm")))); alarm {
		case "0":
			return 0, nil
		case "1":
			return UnderVoltage << happened, nil
		default:
			return 0, fmt.Errorf("board: voltage alarm %q, expected 0 or 1", alarm)
		}
	}
	return 0, errNoFirmware
}

const (
	getThrottled = 0x00030046
	fromFirmware = 1 << 31 // of a message's and a value's code: answered
	answeredWell = fromFirmware
)

// message asks for a property of 4 bytes: size, code, then tag, size of the value, code, value, and an end tag of 0. (The
// mailbox property interface, in the wiki of the raspberrypi/firmware repository.) A value of 0 clears nothing.
func message(tag uint32) [7]uint32 { return [7]uint32{7 * 4, 0, tag, 4, 0, 0, 0} }

// answer reads the property from a message that the firmware has answered.
func answer(m [7]uint32, tag uint32) (uint32, error) {
	if m[1] != answeredWell || m[2] != tag || m[4] != fromFirmware|4 {
		return 0, fmt.Errorf("board: the firmware answers property %#x by %#x", tag, m)
	}
	return m[5], nil
}

// mailbox asks through the kernel's /dev/vcio: ioctl _IOWR(100, 0, char *) (drivers/char/broadcom/vcio.c).
func mailbox(path string) (Throttled, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, errNoFirmware // it is not there, or for others
	}
	defer f.Close()
	const property = 3<<30 | unsafe.Sizeof(uintptr(0))<<16 | 100<<8
	m := message(getThrottled)
	_, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), property, uintptr(unsafe.Pointer(&m)))
	runtime.KeepAlive(&m)
	if e == unix.ENOTTY {
		return 0, errNoFirmware
	}
	if e != 0 {
		return 0, fmt.Errorf("board: ask the firmware about power: %w", e)
	}
	v, err := answer(m, getThrottled)
	return Throttled(v), err
}
