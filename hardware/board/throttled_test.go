package board

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func TestThrottledInWords(t *testing.T) {
	for bits, want := range map[Throttled]string{
		0: "", 0x50005: "under-voltage, slowed down", 0x80008: "soft temperature limit", 0x20000: "frequency capped", 1 << 30: "",
	} {
		if got := bits.String(); got != want {
			t.Errorf("%#x: %q, want %q", uint32(bits), got, want)
		}
	}
}

// TestWhoTellsAboutPower: a machine without firmware has the kernel's voltage sensor, or nothing.
func TestWhoTellsAboutPower(t *testing.T) {
	root := pi(t, "x", "raspberrypi,3-model-b")
	for text, want := range map[string]string{"0\n": "", "1\n": "under-voltage", "": "error", "2": "error"} {
		put(t, root, alarm, text)
		got, err := readThrottled(root)
		if s := got.String(); err == nil && s != want || err != nil && want != "error" {
			t.Errorf("%q: %q, %v; want %q", text, s, err, want)
		}
	}
	if err := os.Remove(filepath.Join(root, "sys/class/hwmon/hwmon1/name")); err != nil {
		t.Fatal(err)
	}
	if _, err := readThrottled(root); !errors.Is(err, errNoFirmware) {
		t.Errorf("without a sensor: %v", err)
	}
	put(t, root, "dev/vcio", "a file, and no device")
	if _, err := readThrottled(root); !errors.Is(err, errNoFirmware) {
		t.Errorf("vcio that is a plain file: %v", err)
	}
}

// parseMessage is answer of bytes as they might come.
func parseMessage(b []byte) (uint32, error) {
	var m [7]uint32
	if len(b) != len(m)*4 {
		return 0, fmt.Errorf("%d bytes", len(b))
	}
	for i := range m {
		m[i] = binary.LittleEndian.Uint32(b[i*4:])
	}
	return answer(m, getThrottled)
}

func TestAnswersOfTheFirmware(t *testing.T) {
	good := [7]uint32{28, 0x80000000, getThrottled, 4, 0x80000004, 0x50005, 0}
	if v, err := answer(good, getThrottled); v != 0x50005 || err != nil {
		t.Errorf("%#x, %v", v, err)
	}
	for name, change := range map[string]func(*[7]uint32){
		"not answered":     func(m *[7]uint32) { m[1] = 0 },
		"refused":          func(m *[7]uint32) { m[1] = 0x80000001 },
		"another property": func(m *[7]uint32) { m[2]++ },
		"short value":      func(m *[7]uint32) { m[4] = 0x80000002 },
		"unknown property": func(m *[7]uint32) { m[4] = 0 },
	} {
		m := good
		change(&m)
		if _, err := answer(m, getThrottled); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzFirmwareAnswer(f *testing.F) {
	f.Add(make([]byte, 28))
	f.Fuzz(func(t *testing.T, b []byte) { _, _ = parseMessage(b) })
}

func FuzzFiles(f *testing.F) {
	f.Add([]byte("48312\n"))
	f.Add([]byte("MemTotal:  1892692 kB\n"))
	f.Add([]byte("raspberrypi,400\x00brcm,bcm2711\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := parseMilli(b); err == nil && (c < -50 || c > 150) {
			t.Errorf("%v °C", c)
		}
		if total, available := meminfo(b); total < 0 || available < 0 {
			t.Errorf("%d and %d MB", total, available)
		}
		deviceTreeText(b)
	})
}
