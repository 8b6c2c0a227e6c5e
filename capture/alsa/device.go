package alsa

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// ErrUnplugged is why Run ended when the microphone is gone.
var ErrUnplugged = errors.New("the microphone was unplugged")

// Device is an open microphone, set up and ready to run. It is used by one goroutine, but for Overruns.
type Device struct {
	fd       int
	info     Info
	mode     mode
	overruns atomic.Uint64
}

// Open sets up the microphone at a path such as Find gives. Errors name the path and what went wrong.
func Open(path string) (*Device, error) {
	info, err := inspect(path)
	if err != nil {
		return nil, fmt.Errorf("alsa: open %s: %w", path, explain(err))
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("alsa: open %s: %w", path, explain(err))
	}
	d := &Device{fd: fd, info: info}
	if err := d.setUp(); err != nil {
		return nil, fmt.Errorf("alsa: set up %s: %w", path, errors.Join(explain(err), d.Close()))
	}
	return d, nil
}

func (d *Device) setUp() error {
	p, m, err := choose(func(p *hwParams) error { return ioctl(d.fd, pcmHwRefine, p) })
	if err != nil {
		return err
	}
	if err := ioctl(d.fd, pcmHwParams, &p); err != nil {
		return fmt.Errorf("choose %v (SNDRV_PCM_IOCTL_HW_PARAMS): %w", m, err)
	}
	if d.mode, err = m.settled(&p); err != nil {
		return err
	}
	s := swParams{tstampMode: tstampEnable, proto: protocol, tstampType: tstampMonotonic, periodStep: 1,
		availMin: uint64(d.mode.period), startThreshold: 1, stopThreshold: uint64(d.mode.buffer)}
	if err := ioctl(d.fd, pcmSwParams, &s); err != nil {
		return fmt.Errorf("have it tell the time (SNDRV_PCM_IOCTL_SW_PARAMS): %w", err)
	}
	return nil
}

// Name is what the microphone calls itself.
func (d *Device) Name() string { return d.info.Name }

// Format is its mode in words, such as "48000 Hz 16-bit mono".
func (d *Device) Format() string { return d.mode.String() }

// Overruns is how often sound was lost, since it was not fetched in time or the machine slept. Any goroutine may ask.
func (d *Device) Overruns() uint64 { return d.overruns.Load() }

// Close lets go of the microphone. After Run has returned, and once.
func (d *Device) Close() error {
	if err := unix.Close(d.fd); err != nil {
		return fmt.Errorf("alsa: close %s: %w", d.info.Path, err)
	}
	return nil
}

// explain puts the usual reasons into words.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w (%w)", ErrUnplugged, err)
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EAGAIN):
		return fmt.Errorf("another program uses the microphone; close that (%w)", err)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("not allowed; run as a member of the group audio (%w)", err)
	case errors.Is(err, unix.ENOSPC):
		return fmt.Errorf("the USB bus has no room for the microphone; use another port (%w)", err)
	}
	return err
}
