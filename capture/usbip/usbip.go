// Package usbip plugs in USB devices made of nothing, for tests on the kernel's own drivers: it speaks USB/IP (the kernel's
// usb/usbip_protocol documentation) over a local connection to vhci_hcd, which must be loaded.
package usbip

import (
	"bufio"
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

// Speed is a device's, as the kernel numbers it (include/uapi/linux/usb/ch9.h, usb_device_speed).
type Speed int

// The speeds there are.
const (
	Full Speed = 2
	High Speed = 3
)

// Device is one to plug in: with one configuration, and endpoint 1, by which it sends. Its functions are called one at a time.
type Device struct {
	Name          string // as it calls itself: string 2 of its descriptors; 1 and 3 are its maker and its number
	Port          int    // of vhci_hcd: 0 to 7, one device each
	Speed         Speed
	Descriptor    []byte // USB 2.0, 9.6.1
	Configuration []byte // 9.6.3, with all that belongs to it

	Class  func(setup, data []byte) (answer []byte, ok bool) // a request of its class on endpoint 0, with what it sets; not ok: it stalls
	Chosen func()                                            // the computer chose another setting of an interface; nil: nothing is to do
	Asked  func(*Cable)                                      // the computer waits for one more transfer; nil: Due is soon enough
	Due    func(*Cable)                                      // is called Every so often, to send what is due
	Every  time.Duration
}

// Transfer is what the computer waits to have filled.
type Transfer struct {
	number, start uint32
	Size          int      // bytes
	Packets       []Packet // of those, if the endpoint is isochronous
}

// Packet is the place of one in a transfer.
type Packet struct{ Offset, Size uint32 }

// Cable is what a device is plugged in by.
type Cable struct {
	device Device
	link   net.Conn
	from   *bufio.Reader // link
	to     *bufio.Writer // link: what there is to say at once is sent at once, as the machine that this runs in is slow
	pull   func() error

	mu      sync.Mutex
	waiting []Transfer
}

const vhci = "/sys/devices/platform/vhci_hcd.0/"

// Plug plugs a device in, until it is unplugged.
func Plug(d Device) (*Cable, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("usbip: make the cable of %s: %w", d.Name, err)
	}
	kernel := os.NewFile(uintptr(fds[0]), "kernel")
	defer kernel.Close() // the kernel has its own
	ours := os.NewFile(uintptr(fds[1]), d.Name)
	link, err := net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, fmt.Errorf("usbip: use the cable of %s: %w", d.Name, err)
	}
	c := &Cable{device: d, link: link, from: bufio.NewReaderSize(link, 64<<10), to: bufio.NewWriterSize(link, 64<<10)}
	if err := os.WriteFile(vhci+"attach", fmt.Appendf(nil, "%d %d %d %d", d.Port, kernel.Fd(), d.Port+1, d.Speed), 0); err != nil {
		link.Close()
		return nil, fmt.Errorf("usbip: plug in %s: %w", d.Name, err)
	}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(c.serve)
	running.Go(func() { c.work(stop) })
	c.pull = sync.OnceValue(func() error {
		close(stop)
		err := os.WriteFile(vhci+"detach", fmt.Append(nil, d.Port), 0)
		if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
			err = nil // the kernel has let it go already
		}
		link.Close()
		running.Wait()
		return err
	})
	return c, nil
}

// Unplug pulls it. It may be called more than once.
func (c *Cable) Unplug() error { return c.pull() }

// Waiting are the transfers to be filled, the oldest first. Only the device's functions may call it.
func (c *Cable) Waiting() []Transfer { return c.waiting }

// Fill answers the oldest transfer with data; sizes are those of its packets, if it has any. Only the device's functions may call it.
func (c *Cable) Fill(data []byte, sizes ...int) {
	t := c.waiting[0]
	c.waiting = c.waiting[1:]
	var packets []byte
	for i, n := range sizes {
		for _, v := range []uint32{t.Packets[i].Offset, t.Packets[i].Size, uint32(n), 0} {
			packets = binary.BigEndian.AppendUint32(packets, v)
		}
	}
	c.answer(retSubmit, t, 0, data, len(data), packets)
}

// work has what is due sent until it is told to stop, or the cable is cut.
func (c *Cable) work(stop <-chan struct{}) {
	tick := time.NewTicker(c.device.Every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.mu.Lock()
			c.device.Due(c)
			err := c.to.Flush()
			c.mu.Unlock()
			if err != nil {
				return
			}
		case <-stop:
			return
		}
	}
}

// serve answers the computer until the cable is cut.
func (c *Cable) serve() {
	head := make([]byte, 48)
	for {
		if _, err := io.ReadFull(c.from, head); err != nil {
			return
		}
		c.mu.Lock()
		err := errors.Join(c.request(head), c.to.Flush())
		c.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Commands, and the answers to them.
const (
	submit    = 1
	unlink    = 2
	retSubmit = 3
	retUnlink = 4
)

const (
	mostData    = 1 << 16 // bytes that a control request takes
	mostPackets = 128     // of a transfer
)

// request answers one. c.mu is held.
func (c *Cable) request(head []byte) error {
	be := binary.BigEndian
	t := Transfer{number: be.Uint32(head[4:]), start: be.Uint32(head[28:]), Size: int(be.Uint32(head[24:]))}
	if be.Uint32(head) == unlink {
		at := slices.IndexFunc(c.waiting, func(w Transfer) bool { return w.number == be.Uint32(head[20:]) })
		if at < 0 {
			c.answer(retUnlink, t, 0, nil, 0, nil)
			return nil
		}
		c.waiting = slices.Delete(c.waiting, at, at+1)
		c.answer(retUnlink, t, unix.ECONNRESET, nil, 0, nil)
		return nil
	}
	if endpoint := be.Uint32(head[16:]); endpoint == 1 {
		return c.wait(t, be.Uint32(head[32:]))
	}
	in, setup := be.Uint32(head[12:]) == 1, head[40:48]
	var data []byte
	if !in {
		if t.Size > mostData {
			return fmt.Errorf("usbip: %d bytes on endpoint 0: expected at most %d", t.Size, mostData)
		}
		data = make([]byte, t.Size)
		if _, err := io.ReadFull(c.from, data); err != nil {
			return err
		}
	}
	data, ok := c.control(setup, data)
	switch {
	case !ok:
		c.answer(retSubmit, t, unix.EPIPE, nil, 0, nil)
	case in:
		data = data[:min(len(data), t.Size)]
		c.answer(retSubmit, t, 0, data, len(data), nil)
	default:
		c.answer(retSubmit, t, 0, nil, t.Size, nil)
	}
	return nil
}

// wait takes a transfer that is to be filled, of so many packets. c.mu is held.
func (c *Cable) wait(t Transfer, packets uint32) error {
	if packets == 1<<32-1 { // not isochronous
		packets = 0
	}
	if packets > mostPackets {
		return fmt.Errorf("usbip: a transfer of %d packets: expected at most %d", packets, mostPackets)
	}
	b := make([]byte, 16*packets)
	if _, err := io.ReadFull(c.from, b); err != nil {
		return err
	}
	for p := range slices.Chunk(b, 16) {
		t.Packets = append(t.Packets, Packet{binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])})
	}
	c.waiting = append(c.waiting, t)
	if c.device.Asked != nil {
		c.device.Asked(c)
	}
	return nil
}

// control answers a request on endpoint 0 (USB 2.0, 9.4); not ok: it stalls. c.mu is held.
func (c *Cable) control(setup, data []byte) (answer []byte, ok bool) {
	const getStatus, getDescriptor, setInterface = 0, 6, 11
	kind, request, index, what := setup[0], setup[1], setup[2], setup[3]
	switch {
	case kind&0x60 == 0x20:
		return c.device.Class(setup, data)
	case kind&0x80 == 0: // it is told something
		if request == setInterface && c.device.Chosen != nil {
			c.device.Chosen()
		}
		return nil, true
	case request == getStatus:
		return []byte{0, 0}, true
	case request != getDescriptor:
		return nil, false
	}
	switch what {
	case 1:
		return c.device.Descriptor, true
	case 2:
		return c.device.Configuration, true
	case 3:
		return text([]string{"", "lab", c.device.Name, "1"}, int(index))
	}
	return nil, false
}

// text is a string descriptor (9.6.7); that of 0 is the language, which is English.
func text(all []string, index int) ([]byte, bool) {
	switch {
	case index == 0:
		return []byte{4, 3, 9, 4}, true
	case index >= len(all):
		return nil, false
	}
	b := []byte{0, 3}
	for _, c := range utf16.Encode([]rune(all[index])) {
		b = binary.LittleEndian.AppendUint16(b, c)
	}
	b[0] = byte(len(b))
	return b, true
}

// answer answers a request: with the length of what was moved, which is data or what came; and the packets that it is in.
func (c *Cable) answer(command uint32, t Transfer, status unix.Errno, data []byte, length int, packets []byte) {
	head := make([]byte, 48)
	be := binary.BigEndian
	be.PutUint32(head, command)
	be.PutUint32(head[4:], t.number)
	be.PutUint32(head[20:], uint32(-int32(status)))
	be.PutUint32(head[24:], uint32(length))
	be.PutUint32(head[28:], t.start)
	be.PutUint32(head[32:], uint32(len(packets)/16))
	for _, b := range [][]byte{head, data, packets} {
		c.to.Write(b) // an error stays, and is Flush's
	}
}
