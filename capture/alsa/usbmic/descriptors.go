package usbmic

import (
	"encoding/binary"
	"slices"
)

func u16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }

var deviceDescriptor = []byte{18, 1, 0x10, 1, 0, 0, 0, 64, 0x6b, 0x1d, 3, 1, 0, 1, 1, 2, 3, 1}

// configuration describes it (USB Device Class Definition for Audio Devices 1.0, chapter 4): a microphone, which is heard at an isochronous endpoint, in
// one format.
func (m *Microphone) configuration() []byte {
	n, rate := byte(m.config.Channels), m.config.Rate
	units := slices.Concat(
		[]byte{12, 0x24, 2, 1}, u16(0x0201), []byte{0, n, 0, 0, 0, 0}, // a microphone
		[]byte{9, 0x24, 3, 2}, u16(0x0101), []byte{0, 1, 0}, // to the computer
	)
	body := slices.Concat(
		[]byte{9, 4, 0, 0, 0, 1, 1, 0, 0},                                // control interface
		[]byte{9, 0x24, 1, 0, 1}, u16(9+len(units)), []byte{1, 1}, units, // its header and units
		[]byte{9, 4, 1, 0, 0, 1, 2, 0, 0},    // streaming interface, when nobody listens
		[]byte{9, 4, 1, 1, 1, 1, 2, 0, 0},    // and when somebody does
		[]byte{7, 0x24, 1, 2, 1}, u16(0x001), // the computer's end, PCM
		[]byte{11, 0x24, 2, 1, n, 2, 16, 1, byte(rate), byte(rate >> 8), byte(rate >> 16)}, // 16 bits, one rate
		[]byte{9, 5, 0x81, 5}, u16((rate/1000+2)*2*m.config.Channels), []byte{1, 0, 0}, // isochronous, by its own clock; every millisecond
		[]byte{7, 0x25, 1, 0, 0, 0, 0},
	)
	return slices.Concat([]byte{9, 2}, u16(9+len(body)), []byte{2, 1, 0, 0x80, 50}, body)
}
