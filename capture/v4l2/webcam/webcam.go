// Package webcam plugs in a USB camera made of nothing, for tests on the kernel's own drivers: it speaks USB/IP (the kernel's
// usb/usbip_protocol documentation) over a loopback connection to vhci_hcd, which must be loaded, so that the real uvcvideo
// drives it.
package webcam

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"time"
	"unicode/utf16"

	"golang.org/x/sys/unix"
)

// Name is how the camera calls itself.
const Name = "Lab webcam"

// Width and Height are of its one size.
const Width, Height = 640, 360

// Webcam is plugged in. It has one MJPEG mode (USB Video Class 1.0) and a bulk endpoint, and sends each JPEG as one payload.
type Webcam struct {
	link  net.Conn
	photo []byte
	pull  func() error

	mu       sync.Mutex
	controls map[Control]*value
	waiting  []transfer
	rest     []byte // of the picture being sent
	sending  bool
	odd      byte // the frame ID bit, which changes with each picture
}

// transfer is a buffer that the computer waits to have filled.
type transfer struct {
	number uint32
	size   int
}

const (
	interval = 333333 // in 100 ns: 30 a second
	payload  = 256 << 10
	vhci     = "/sys/devices/platform/vhci_hcd.0/"
)

func u16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }
func u32(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }

var (
	deviceDescriptor = []byte{18, 1, 0, 2, 0xef, 2, 1, 64, 0x6b, 0x1d, 2, 1, 0, 1, 1, 2, 3, 1}
	configDescriptor = func() []byte {
		body := slices.Concat(
			[]byte{8, 11, 0, 2, 14, 3, 0, 2},                                // both interfaces belong together: video
			[]byte{9, 4, 0, 0, 0, 14, 1, 0, 0},                              // control interface
			[]byte{13, 0x24, 1, 0, 1, 51, 0}, u32(48_000_000), []byte{1, 1}, // its header: 51 bytes of units
			sensorUnit, processorUnit,
			[]byte{9, 0x24, 3, 2, 1, 1, 0, processor, 0},                               // their output
			[]byte{9, 4, 1, 0, 1, 14, 2, 0, 0},                                         // streaming interface
			[]byte{14, 0x24, 1, 1, 61, 0, 0x81, 0, 2, 0, 0, 0, 1, 0},                   // its header: 61 bytes of formats
			[]byte{11, 0x24, 6, 1, 1, 1, 1, 0, 0, 0, 0},                                // MJPEG
			[]byte{30, 0x24, 7, 1, 0}, u16(Width), u16(Height), u32(1<<20), u32(1<<26), // one size,
			u32(payload-2), u32(interval), []byte{1}, u32(interval), []byte{6, 0x24, 13, 1, 1, 4}, // one rate
			[]byte{7, 5, 0x81, 2, 0, 2, 0}, // bulk endpoint, in
		)
		return slices.Concat([]byte{9, 2}, u16(9+len(body)), []byte{2, 1, 0, 0x80, 250}, body)
	}()
	probe = slices.Concat([]byte{1, 0, 1, 1}, u32(interval), make([]byte, 10), u32(payload-2), u32(payload))
)

// control0 answers a request on endpoint 0, which came with data if it sets something; false: it stalls. w.mu is held.
func (w *Webcam) control0(setup, data []byte) ([]byte, bool) {
	kind, req, value := setup[0], setup[1], int(binary.LittleEndian.Uint16(setup[2:]))
	toHost, class := kind&0x80 != 0, kind&0x60 == 0x20
	switch {
	case class && setup[4] == 0: // the control interface
		return w.control(setup, data)
	case class && !toHost:
		return nil, true
	case class && req == 0x86: // GET_INFO
		return []byte{3}, true
	case class: // the current, least, most and usual probe are one
		return probe, true
	case !toHost: // SET_CONFIGURATION, SET_INTERFACE, CLEAR_FEATURE
		return nil, true
	case req == 0: // GET_STATUS
		return []byte{0, 0}, true
	case req != 6: // GET_DESCRIPTOR
		return nil, false
	}
	switch value >> 8 {
	case 1:
		return deviceDescriptor, true
	case 2:
		return configDescriptor, true
	case 3:
		if value&0xff == 0 {
			return []byte{4, 3, 9, 4}, true // English
		}
		var text []byte
		for _, c := range utf16.Encode([]rune([]string{"lab", Name, "1"}[(value-1)%3])) {
			text = binary.LittleEndian.AppendUint16(text, c)
		}
		return append([]byte{byte(2 + len(text)), 3}, text...), true
	}
	return nil, false
}

// reply answers a USB/IP request: command, its number, status, length and data.
func (w *Webcam) reply(command, number uint32, status unix.Errno, length int, data []byte) error {
	head := make([]byte, 48)
	be := binary.BigEndian
	be.PutUint32(head, command)
	be.PutUint32(head[4:], number)
	be.PutUint32(head[20:], uint32(-int32(status)))
	be.PutUint32(head[24:], uint32(length))
	_, err := w.link.Write(append(head, data...))
	return err
}

func (w *Webcam) serve() {
	head := make([]byte, 48)
	for {
		if _, err := io.ReadFull(w.link, head); err != nil {
			return
		}
		if err := w.request(head); err != nil {
			return
		}
	}
}

func (w *Webcam) request(head []byte) error {
	const submit, unlink, retSubmit, retUnlink = 1, 2, 3, 4
	be := binary.BigEndian
	number, in, endpoint, size := be.Uint32(head[4:]), be.Uint32(head[12:]) == 1, be.Uint32(head[16:]), int(be.Uint32(head[24:]))
	w.mu.Lock()
	defer w.mu.Unlock()
	if be.Uint32(head) == unlink {
		at := slices.IndexFunc(w.waiting, func(tr transfer) bool { return tr.number == be.Uint32(head[20:]) })
		if at < 0 {
			return w.reply(retUnlink, number, 0, 0, nil)
		}
		w.waiting = slices.Delete(w.waiting, at, at+1)
		return w.reply(retUnlink, number, unix.ECONNRESET, 0, nil)
	}
	if endpoint == 1 {
		w.waiting = append(w.waiting, transfer{number, size})
		return w.fill()
	}
	var data []byte
	if !in {
		if size > 1<<16 {
			return errors.New("webcam: more than a control takes")
		}
		data = make([]byte, size)
		if _, err := io.ReadFull(w.link, data); err != nil {
			return err
		}
	}
	data, ok := w.control0(head[40:48], data)
	switch {
	case !ok:
		return w.reply(retSubmit, number, unix.EPIPE, 0, nil)
	case in:
		data = data[:min(len(data), size)]
		return w.reply(retSubmit, number, 0, len(data), data)
	}
	return w.reply(retSubmit, number, 0, size, nil)
}

// fill fills waiting buffers. One that is not filled to its end closes the payload.
func (w *Webcam) fill() error {
	for w.sending && len(w.waiting) > 0 {
		to := w.waiting[0]
		w.waiting = w.waiting[1:]
		n := min(len(w.rest), to.size)
		w.sending = n == to.size
		if err := w.reply(3, to.number, 0, n, w.rest[:n]); err != nil {
			return err
		}
		w.rest = w.rest[n:]
	}
	return nil
}

// shoot takes a picture, if the computer waits for one.
func (w *Webcam) shoot() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.sending || len(w.waiting) == 0 {
		return nil
	}
	w.odd ^= 1
	w.sending = true
	w.rest = append([]byte{2, 0x82 | w.odd}, w.photo...) // payload header: end of frame, end of header
	return w.fill()
}

// Unplug pulls it. It may be called more than once.
func (w *Webcam) Unplug() error { return w.pull() }

// Plug plugs a camera in that takes the same photo, a JPEG of Width by Height, over and over.
func Plug(photo []byte) (*Webcam, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("webcam: make its cable: %w", err)
	}
	kernel := os.NewFile(uintptr(fds[0]), "kernel")
	defer kernel.Close() // the kernel has its own
	ours := os.NewFile(uintptr(fds[1]), "camera")
	link, err := net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, fmt.Errorf("webcam: use its cable: %w", err)
	}
	w := &Webcam{link: link, photo: photo, controls: controls()}
	const port, deviceID, highSpeed = 0, 1, 3
	attach := fmt.Appendf(nil, "%d %d %d %d", port, kernel.Fd(), deviceID, highSpeed)
	if err := os.WriteFile(vhci+"attach", attach, 0); err != nil {
		link.Close()
		return nil, fmt.Errorf("webcam: plug in: %w", err)
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(w.serve)
	running.Go(func() { w.film(stop) })
	w.pull = sync.OnceValue(func() error {
		close(stop)
		err := os.WriteFile(vhci+"detach", fmt.Append(nil, port), 0)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
			err = nil // the kernel has let it go already
		}
		link.Close()
		running.Wait()
		return err
	})
	return w, nil
}

// film takes pictures until it is told to stop, or the cable is cut.
func (w *Webcam) film(stop <-chan struct{}) {
	tick := time.NewTicker(interval * 100 * time.Nanosecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if w.shoot() != nil {
				return
			}
		case <-stop:
			return
		}
	}
}
