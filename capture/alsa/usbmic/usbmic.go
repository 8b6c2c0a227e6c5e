// Package usbmic plugs in a USB microphone made of nothing, for tests on the kernel's own drivers, so that the real snd-usb-audio drives
// it, isochronous transfers and all: see package usbip.
package usbmic

import (
	"encoding/binary"
	"math"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/usbip"
)

// Name is how the microphone calls itself.
const Name = "Lab microphone"

// Hz is the tone that it hears: so low that when it was heard can be told from its phase.
const Hz = 4

// Tone is what the microphone hears at an instant of CLOCK_MONOTONIC, full scale being 1.
func Tone(at time.Duration) float64 {
	const turn = time.Second / Hz
	return .5 * math.Sin(2*math.Pi*float64(at%turn)/float64(turn))
}

// Config says what microphone it is.
type Config struct {
	Rate     int     // samples a second, as it says
	Off      float64 // of its crystal: 1e-4 is 0.01 % fast
	Channels int     // 1 or 2
}

// Microphone is plugged in.
type Microphone struct {
	*usbip.Cable
	config  Config
	zero    time.Duration // CLOCK_MONOTONIC of its sample 0; 0: the computer did not ask for one yet
	packets int           // sent since then, one a millisecond
	samples int           // sent since then
}

// Plug plugs a microphone in.
func Plug(c Config) (*Microphone, error) {
	m := &Microphone{config: c}
	var err error
	m.Cable, err = usbip.Plug(usbip.Device{Name: Name, Port: 1 /* 0 is a camera's */, Speed: usbip.Full, Descriptor: deviceDescriptor, Configuration: m.configuration(),
		Class:  func([]byte, []byte) ([]byte, bool) { return nil, false }, // it has no controls
		Chosen: func() { m.zero = 0 },                                     // the computer begins to listen, or ends
		Due:    m.hear, Every: 4 * time.Millisecond})
	return m, err
}

// hear answers the requests whose time is over.
func (m *Microphone) hear(c *usbip.Cable) {
	now := capture.Monotonic()
	if len(c.Waiting()) > 0 && m.zero == 0 {
		m.zero, m.packets, m.samples = now, 0, 0
	}
	for len(c.Waiting()) > 0 && now >= m.begins(m.packets+len(c.Waiting()[0].Packets)) {
		var data []byte
		var sizes []int
		for _, p := range c.Waiting()[0].Packets {
			b := m.packet(int(p.Size))
			data, sizes = append(data, b...), append(sizes, len(b))
		}
		c.Fill(data, sizes...)
	}
}

// begins is when the computer fetches a packet.
func (m *Microphone) begins(packet int) time.Duration {
	return m.zero + time.Duration(packet)*time.Millisecond
}

// packet is the samples of the next millisecond.
func (m *Microphone) packet(most int) (b []byte) {
	m.packets++
	rate := float64(m.config.Rate) * (1 + m.config.Off)
	for float64(m.samples) < float64(m.packets)*rate/1000 && len(b)+2*m.config.Channels <= most {
		v := Tone(m.zero + time.Duration(float64(m.samples)/rate*1e9))
		for range m.config.Channels {
			b = binary.LittleEndian.AppendUint16(b, uint16(int16(v*32767)))
		}
		m.samples++
	}
	return b
}
