package webcam

import "encoding/binary"

// Control names one of the camera's controls by its entity and selector (USB Device Class Definition for Video Devices 1.0, A.9.4 and
// A.9.5).
type Control [2]byte

// The controls that it has, as a good webcam does.
var (
	ExposureMode     = Control{sensor, 2} // a bit each: 1 by hand, 8 with the aperture given
	Focus            = Control{sensor, 6}
	FocusAuto        = Control{sensor, 8}
	Zoom             = Control{sensor, 11}
	Backlight        = Control{processor, 1}
	Mains            = Control{processor, 5} // 1: 50 Hz, 2: 60 Hz
	WhiteBalanceAuto = Control{processor, 11}
)

const sensor, processor = 1, 3 // their units' numbers

// value is what a control is, and may be.
type value struct{ size, min, max, step, usual, now int }

func controls() map[Control]*value {
	return map[Control]*value{
		ExposureMode: {1, 0, 0, 9, 8, 1}, Focus: {2, 0, 250, 5, 0, 40}, FocusAuto: {1, 0, 1, 1, 1, 0}, Zoom: {2, 100, 400, 1, 100, 250},
		Backlight: {2, 0, 4, 1, 1, 0}, Mains: {1, 0, 2, 1, 2, 2}, WhiteBalanceAuto: {1, 0, 1, 1, 1, 0},
	}
}

// The units' descriptors (3.7.2): which controls they have is a bit each.
var (
	sensorUnit    = []byte{18, 0x24, 2, sensor, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1<<1 | 1<<5, 1 << (9 - 8), 1 << (17 - 16)}
	processorUnit = []byte{11, 0x24, 5, processor, sensor, 0, 0, 2, 0, 1 | 1<<(10-8) | 1<<(12-8), 0}
)

// Value is what a control is set to.
func (w *Webcam) Value(c Control) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.controls[c].now
}

// control answers a request about a control (4.1); false: it stalls.
func (w *Webcam) control(setup, data []byte) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.controls[Control{setup[5], setup[3]}]
	if !ok {
		return nil, false
	}
	is := func(v int) ([]byte, bool) { return binary.LittleEndian.AppendUint32(nil, uint32(v))[:c.size], true }
	switch setup[1] {
	case 0x01: // SET_CUR
		if len(data) != c.size {
			return nil, false
		}
		c.now = int(binary.LittleEndian.Uint32(append(data, 0, 0, 0, 0)))
		return nil, true
	case 0x81: // GET_CUR
		return is(c.now)
	case 0x82:
		return is(c.min)
	case 0x83:
		return is(c.max)
	case 0x84: // GET_RES
		return is(c.step)
	case 0x85: // GET_LEN
		return []byte{byte(c.size), 0}, true
	case 0x86: // GET_INFO: it can be read and set
		return []byte{3}, true
	case 0x87: // GET_DEF
		return is(c.usual)
	}
	return nil, false
}
