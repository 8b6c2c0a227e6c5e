package v4l2

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

// ErrUnplugged is why Run ended when the camera is gone.
var ErrUnplugged = errors.New("the camera was unplugged")

// Device is an open camera, set up and ready to run. It is used by one goroutine, but for Skipped, Tuned, Held and Refocus.
type Device struct {
	Pace *capture.Pace // which pictures are read and handed out; nil: all. To be set before Run.

	node   *node
	path   string
	now    func() time.Duration // capture.Monotonic
	info   Info
	mode   Mode
	stride int
	full   bool // raw pictures with full range
	mapped [][]byte
	at     time.Duration // of the latest picture
	h264   *H264
	skipped

	tuning Tuning
	tuned  atomic.Pointer[string] // in words
	held   atomic.Bool            // focus and colours are
	again  atomic.Bool            // focus and colours are to be found anew
	holdAt time.Duration          // when they are to be held, CLOCK_MONOTONIC; 0: not
}

// Open sets a camera to the mode nearest to what is wanted. What cannot be had exactly (size, rate) is had as the device
// can; what comes is told by Mode. Errors name the path and what went wrong.
func (ds *Devices) Open(path string, want Want) (*Device, error) {
	if want.Width < 1 || want.Height < 1 || want.FPS < 1 {
		return nil, fmt.Errorf("v4l2: %+v of %s, expected a size and a rate", want, path)
	}
	n, err := ds.openNode(path)
	if err != nil {
		return nil, fmt.Errorf("v4l2: open %s: %w", path, explain(err))
	}
	d := newDevice(n, want.Tuning)
	d.h264 = ds.H264
	if err := d.setUp(want); err != nil {
		return nil, fmt.Errorf("v4l2: set up %s: %w", path, errors.Join(explain(err), d.Close()))
	}
	return d, nil
}

func newDevice(n *node, t Tuning) *Device {
	return &Device{node: n, path: n.path, now: capture.Monotonic, tuning: t}
}

func (d *Device) setUp(want Want) error {
	var err error
	if d.info, err = d.node.query(); err != nil {
		return err
	}
	d.info.Modes = d.h264.readable(d.info.Modes)
	m, err := choose(d.info.Modes, want, d.h264.load)
	if err != nil {
		return err
	}
	if err := d.setFormat(m); err != nil {
		return err
	}
	d.setRate(min(m.FPS, max(float64(want.FPS), 1)))
	d.tune(d.tuning.steps())
	return d.mapBuffers()
}

// setFormat fixes format and size. The driver may change the size, and says to what.
func (d *Device) setFormat(m Mode) error {
	f := pixFormat{kind: videoCapture, width: uint32(m.Width), height: uint32(m.Height), pixelFormat: m.Format, field: fieldNone}
	if err := ioctl(d.node, vidiocSetFmt, &f); err != nil {
		return fmt.Errorf("choose %v (VIDIOC_S_FMT): %w", m, err)
	}
	if f.pixelFormat != m.Format || f.width < 2 || f.height < 2 || f.width > maxSide || f.height > maxSide || f.bytesPerLine > 8*maxSide {
		return fmt.Errorf("choose %v: it gave %v %dx%d with %d bytes a line", m, f.pixelFormat, f.width, f.height, f.bytesPerLine)
	}
	d.mode = Mode{f.pixelFormat, int(f.width), int(f.height), m.FPS}
	d.stride = int(f.bytesPerLine)
	d.full = f.quantization == quantizationFull || f.quantization == 0 && f.colorspace == colorspaceJPEG
	return nil
}

// setRate asks for a rate, and for keeping it in dim light, where many webcams else expose for two intervals. Neither is
// refused when the device cannot: pictures then come as they come.
func (d *Device) setRate(fps float64) {
	p := streamParm{kind: videoCapture, timePerFrame: fraction{1000, uint32(math.Round(fps * 1000))}}
	if ioctl(d.node, vidiocSetParm, &p) == nil {
		if got := perSecond(p.timePerFrame); got > 0 {
			d.mode.FPS = got
		}
	}
	_ = ioctl(d.node, vidiocSetCtrl, &control{id: controlExposurePriority, value: 0}) // only some have it
}

const (
	bufferCount = 4  // one being filled, one waiting, one being read, one spare
	chainCount  = 12 // of H.264, where a picture that found no buffer costs all up to the next key picture: for a stumble of a third of a second
)

func (d *Device) mapBuffers() error {
	count := uint32(bufferCount)
	if d.mode.Format == AVC {
		count = chainCount
	}
	r := requestBuffers{count: count, kind: videoCapture, memory: memoryMmap}
	if err := ioctl(d.node, vidiocReqBufs, &r); err != nil {
		return fmt.Errorf("ask for buffers (VIDIOC_REQBUFS): %w", err)
	}
	for i := range min(r.count, 32) {
		b := buffer{index: i, kind: videoCapture, memory: memoryMmap}
		if err := ioctl(d.node, vidiocQueryBuf, &b); err != nil {
			return fmt.Errorf("ask for buffer %d (VIDIOC_QUERYBUF): %w", i, err)
		}
		if b.length == 0 || b.length > maxBuffer {
			return fmt.Errorf("buffer %d of %d bytes, expected up to %d", i, b.length, maxBuffer)
		}
		m, err := d.node.mmap(int64(b.offset), int(b.length))
		if err != nil {
			return fmt.Errorf("map buffer %d: %w", i, err)
		}
		d.mapped = append(d.mapped, m)
	}
	if len(d.mapped) < 2 {
		return fmt.Errorf("%d buffers, expected at least 2", len(d.mapped))
	}
	return nil
}

// Info tells who the camera is.
func (d *Device) Info() Info { return d.info }

// Name is what the camera calls itself.
func (d *Device) Name() string { return d.info.Name }

// At is where it is plugged in, as the driver calls the place.
func (d *Device) At() string { return d.info.Bus }

// Mode is how it was set up.
func (d *Device) Mode() Mode { return d.mode }

// Tuned is how the camera's own controls are set, and what of the preset could not be had, in words; "": nothing was to be set.
func (d *Device) Tuned() string {
	if s := d.tuned.Load(); s != nil {
		return *s
	}
	return ""
}

// Refocus has focus and colours found anew, with PresetProduct, which holds them a few seconds later. Any goroutine may call it.
func (d *Device) Refocus() { d.again.Store(true) }

// Held tells whether focus and colours were found, and are held.
func (d *Device) Held() bool { return d.held.Load() }

func (d *Device) tune(steps []step) (any bool) {
	said, any := tune(d, steps)
	if said != "" {
		d.tuned.Store(&said)
	}
	return any
}

// retune does what is due of finding and holding, at an instant while pictures come.
func (d *Device) retune(now time.Duration) {
	if d.tuning.Preset != PresetProduct {
		return
	}
	switch {
	case d.again.Swap(false):
		d.tune(d.tuning.steps())
		d.held.Store(false)
		d.holdAt = now + settle
	case d.holdAt != 0 && now >= d.holdAt:
		d.held.Store(d.tune(holds))
		d.holdAt = 0
	}
}

// Format is the mode in words, as capture.Source has it.
func (d *Device) Format() string { return d.mode.String() }

// Close lets go of the camera. After Run has returned, and once.
func (d *Device) Close() error {
	if err := d.node.close(); err != nil {
		return fmt.Errorf("v4l2: close %s: %w", d.path, err)
	}
	return nil
}

// explain puts the usual reasons into words.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w (%w)", ErrUnplugged, err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("another program uses the camera; close that (%w)", err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("not allowed; run as a member of the group video (%w)", err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("the USB bus has no room for another camera; use another port (%w)", err)
	}
	return err
}
