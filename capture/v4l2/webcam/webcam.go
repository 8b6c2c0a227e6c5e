// Package webcam plugs in a USB camera made of nothing, for tests on the kernel's own drivers, so that the real uvcvideo drives it:
// see package usbip.
package webcam

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"edgekit.internal/capture/usbip"
)

// Name is how the camera calls itself.
const Name = "Lab webcam"

// Width and Height are of its one size.
const Width, Height = 640, 360

// Webcam is plugged in. It has one mode, MJPEG (USB Video Class 1.0) or H.264 (as 1.1 has it, frame based), and a bulk endpoint, and sends
// each picture as one payload.
type Webcam struct {
	*usbip.Cable
	pictures [][]byte
	rest     []byte // of the picture being sent
	sending  bool
	sent     int  // pictures
	odd      byte // the frame ID bit, which changes with each picture

	mu       sync.Mutex
	controls map[Control]*value
}

const (
	interval = 333333 // in 100 ns: 30 a second
	payload  = 256 << 10
)

func u16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }
func u32(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }

var (
	deviceDescriptor = []byte{18, 1, 0, 2, 0xef, 2, 1, 64, 0x6b, 0x1d, 2, 1, 0, 1, 1, 2, 3, 1}
	one              = slices.Concat([]byte{30, 0x24, 7, 1, 0}, u16(Width), u16(Height), u32(1<<20), u32(1<<26)) // one size
	mjpeg            = slices.Concat([]byte{11, 0x24, 6, 1, 1, 1, 1, 0, 0, 0, 0}, one,
		u32(payload-2), u32(interval), []byte{1}, u32(interval)) // one rate
	guid = []byte("H264\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71")
	h264 = slices.Concat([]byte{28, 0x24, 16, 1, 1}, guid, []byte{16, 1, 0, 0, 0, 0, 1}, // pictures' lengths differ
		[]byte{30, 0x24, 17}, one[3:], u32(interval), []byte{1}, u32(0), u32(interval))
	probe = slices.Concat([]byte{1, 0, 1, 1}, u32(interval), make([]byte, 10), u32(payload-2), u32(payload))
)

// configuration is a camera's, with one format.
func configuration(format []byte) []byte {
	body := slices.Concat(
		[]byte{8, 11, 0, 2, 14, 3, 0, 2},                                // both interfaces belong together: video
		[]byte{9, 4, 0, 0, 0, 14, 1, 0, 0},                              // control interface
		[]byte{13, 0x24, 1, 0, 1, 51, 0}, u32(48_000_000), []byte{1, 1}, // its header: 51 bytes of units
		sensorUnit, processorUnit,
		[]byte{9, 0x24, 3, 2, 1, 1, 0, processor, 0}, // their output
		[]byte{9, 4, 1, 0, 1, 14, 2, 0, 0},           // streaming interface
		[]byte{14, 0x24, 1, 1}, u16(14+len(format)+6), []byte{0x81, 0, 2, 0, 0, 0, 1, 0},
		format, []byte{6, 0x24, 13, 1, 1, 4},
		[]byte{7, 5, 0x81, 2, 0, 2, 0}, // bulk endpoint, in
	)
	return slices.Concat([]byte{9, 2}, u16(9+len(body)), []byte{2, 1, 0, 0x80, 250}, body)
}

// class answers a request of the class on endpoint 0, which came with data if it sets something; false: it stalls.
func (w *Webcam) class(setup, data []byte) ([]byte, bool) {
	const getInfo = 0x86
	switch toHost := setup[0]&0x80 != 0; {
	case setup[4] == 0: // the control interface
		return w.control(setup, data)
	case !toHost:
		return nil, true
	case setup[1] == getInfo:
		return []byte{3}, true
	}
	return probe, true // the current, least, most and usual one
}

// fill fills waiting transfers. One that is not filled to its end closes the payload.
func (w *Webcam) fill(c *usbip.Cable) {
	for w.sending && len(c.Waiting()) > 0 {
		size := c.Waiting()[0].Size
		n := min(len(w.rest), size)
		w.sending = n == size
		c.Fill(w.rest[:n])
		w.rest = w.rest[n:]
	}
}

// shoot takes a picture, if the computer waits for one.
func (w *Webcam) shoot(c *usbip.Cable) {
	if w.sending || len(c.Waiting()) == 0 {
		return
	}
	w.odd ^= 1
	w.sending = true
	w.rest = append([]byte{2, 0x82 | w.odd}, w.pictures[w.sent%len(w.pictures)]...) // payload header: end of frame, end of header
	w.sent++
	w.fill(c)
}

// Plug plugs a camera in that takes the same photo, a JPEG of Width by Height, over and over.
func Plug(photo []byte) (*Webcam, error) { return plug(mjpeg, [][]byte{photo}) }

// PlugH264 plugs a camera in that sends the same stream, of access units of pictures of Width by Height, over and over.
func PlugH264(units [][]byte) (*Webcam, error) { return plug(h264, units) }

func plug(format []byte, pictures [][]byte) (*Webcam, error) {
	w := &Webcam{pictures: pictures, controls: controls()}
	var err error
	w.Cable, err = usbip.Plug(usbip.Device{Name: Name, Port: 0, Speed: usbip.High, Descriptor: deviceDescriptor, Configuration: configuration(format),
		Class: w.class, Asked: w.fill, Due: w.shoot, Every: interval * 100 * time.Nanosecond})
	return w, err
}
