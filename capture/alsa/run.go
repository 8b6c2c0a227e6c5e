package alsa

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
	"edgekit.internal/capture/alsa/internal/even"
)

const (
	pollEvery = 100 * time.Millisecond // how soon Run sees that it shall end
	silence   = 2 * time.Second        // without a sample: the microphone hangs. One in a quiet room sends samples of nothing
)

// Run hands out sound until ctx ends, which returns nil, or the microphone fails: ErrUnplugged when it is gone. Pieces follow one another
// without a gap, each exactly capture.SoundLen after the one before, but where sound was lost (see Overruns). Each belongs to out, which must not keep
// the microphone waiting for longer than a fifth of a second. To be called once.
func (d *Device) Run(ctx context.Context, out func(capture.Samples)) error {
	err := d.restart()
	if err == nil {
		err = d.record(ctx, even.New(d.mode.rate, out))
	}
	if err != nil {
		return fmt.Errorf("alsa: %s: %w", d.info.Path, explain(err))
	}
	return nil
}

func (d *Device) restart() error {
	_ = order(d.fd, pcmDrop) // what runs not cannot be stopped; preparing it tells
	if err := order(d.fd, pcmPrepare); err != nil {
		return fmt.Errorf("prepare it (SNDRV_PCM_IOCTL_PREPARE): %w", err)
	}
	if err := order(d.fd, pcmStart); err != nil {
		return fmt.Errorf("start it (SNDRV_PCM_IOCTL_START): %w", err)
	}
	return nil
}

func (d *Device) record(ctx context.Context, stream *even.Stream) error {
	raw := make([]byte, d.mode.buffer*d.mode.frameBytes())
	mono := make([]float32, 0, d.mode.buffer)
	last := capture.Monotonic()
	for ctx.Err() == nil {
		fds := []unix.PollFd{{Fd: int32(d.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, int(pollEvery/time.Millisecond)); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for sound: %w", err)
		}
		at, n, err := d.fetch(raw)
		switch {
		case errors.Is(err, errLost):
			d.overruns.Add(1)
			stream.Break()
			if err := d.restart(); err != nil {
				return err
			}
			continue
		case err != nil:
			return err
		case n == 0 && capture.Monotonic()-last > silence:
			return fmt.Errorf("no sound for %v: the microphone hangs; plug it in again", silence)
		case n == 0:
			continue
		}
		last = capture.Monotonic()
		mono = d.mode.read(mono[:0], raw[:n*d.mode.frameBytes()])
		stream.Add(at, mono)
	}
	_ = order(d.fd, pcmDrop) // it is closed next
	return nil
}

// errLost: the card had to throw sound away, or was put to sleep.
var errLost = errors.New("sound was lost")

// fetch reads the frames that are there, and tells when the first of them was taken.
func (d *Device) fetch(raw []byte) (at time.Duration, frames int, err error) {
	var s status
	if err := ioctl(d.fd, pcmStatus, &s); err != nil {
		return 0, 0, fmt.Errorf("ask how it is (SNDRV_PCM_IOCTL_STATUS): %w", err)
	}
	switch s.state {
	case stateRunning:
	case stateDisconnected:
		return 0, 0, ErrUnplugged
	case stateXrun, stateSuspended:
		return 0, 0, errLost
	default:
		return 0, 0, fmt.Errorf("it stopped by itself, in state %d", s.state)
	}
	n := min(s.avail, uint64(d.mode.buffer))
	if n == 0 {
		return 0, 0, nil
	}
	t := transfer{buf: unsafe.Pointer(&raw[0]), frames: n}
	switch err := ioctl(d.fd, pcmRead, &t); {
	case errors.Is(err, unix.EPIPE), errors.Is(err, unix.ESTRPIPE):
		return 0, 0, errLost
	case errors.Is(err, unix.EAGAIN):
		return 0, 0, nil
	case err != nil:
		return 0, 0, fmt.Errorf("read (SNDRV_PCM_IOCTL_READI_FRAMES): %w", err)
	case t.result < 0 || uint64(t.result) > n:
		return 0, 0, fmt.Errorf("read %d frames of %d", t.result, n)
	}
	return d.taken(s, capture.Monotonic()), int(t.result), nil
}

// taken is when the first frame that waited at a status was taken. The driver says when it counted, and how many frames back the first one
// is. What cannot be is not believed: frames are then taken to be as old as their number says.
func (d *Device) taken(s status, now time.Duration) time.Duration {
	back := time.Duration(min(max(s.delay, int64(s.avail)), int64(2*d.mode.buffer))) * time.Second / time.Duration(d.mode.rate)
	if s.tstamp.sec < 0 || s.tstamp.sec > 1<<32 || s.tstamp.nsec < 0 || s.tstamp.nsec >= 1e9 {
		return now - back
	}
	at := time.Duration(s.tstamp.sec)*time.Second + time.Duration(s.tstamp.nsec)
	if at > now || now-at > time.Second {
		return now - back
	}
	return at - back
}
