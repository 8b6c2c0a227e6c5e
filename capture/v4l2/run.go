package v4l2

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"edgekit.internal/capture"
)

const (
	pollEvery = 100 * time.Millisecond // how soon Run sees that it shall end
	silence   = 2 * time.Second        // without a picture: the camera hangs
	maxBad    = 100                    // pictures in a row that cannot be read: it will not get better
)

// skipped counts pictures that were not handed out.
type skipped struct{ bad, late atomic.Uint64 }

// Skipped is how many pictures were broken, and how many came faster than they could be read.
func (s *skipped) Skipped() (bad, late uint64) { return s.bad.Load(), s.late.Load() }

// Run hands out pictures until ctx ends, which returns nil, or the camera fails: ErrUnplugged when it is gone. Each picture
// belongs to out, is 4:2:0, limited range, with even sides, and has the time at which the driver saw its first byte (V4L2's
// monotonic timestamp; where the driver has none, or one that does not rise, the time of reading). Out is called in order, from one goroutine at a time, and
// must not keep the camera waiting. To be called once.
func (d *Device) Run(ctx context.Context, out func(capture.Frame)) error {
	for i := range d.mapped {
		if err := d.give(uint32(i)); err != nil {
			return fmt.Errorf("v4l2: %s: queue a buffer (VIDIOC_QBUF): %w", d.path, explain(err))
		}
	}
	d.again.Store(true)
	kind := int32(videoCapture)
	if err := ioctl(d.node, vidiocStreamOn, &kind); err != nil {
		return fmt.Errorf("v4l2: %s: start (VIDIOC_STREAMON): %w", d.path, explain(err))
	}
	pictures := d.newPicker(out)
	err := d.stream(ctx, pictures)
	pictures.close()
	off := ioctl(d.node, vidiocStreamOff, &kind)
	if err == nil && off != nil {
		err = fmt.Errorf("stop (VIDIOC_STREAMOFF): %w", off)
	}
	if err != nil {
		return fmt.Errorf("v4l2: %s: %w", d.path, explain(err))
	}
	return nil
}

// stream reads buffers until ctx ends. Where several wait, only the newest is read, unless they build on one another.
func (d *Device) stream(ctx context.Context, pictures *picker) error {
	last := d.now()
	for ctx.Err() == nil {
		events, err := d.node.wait(pollEvery)
		if err != nil {
			return fmt.Errorf("wait for a picture: %w", err)
		}
		b, ok, err := d.newest()
		switch {
		case err != nil:
			return fmt.Errorf("take a picture (VIDIOC_DQBUF): %w", err)
		case !ok && events&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0:
			return ErrUnplugged
		case !ok && d.now()-last > silence:
			return fmt.Errorf("no picture for %v: the camera hangs; plug it in again", silence)
		case !ok:
			continue
		}
		last = d.now()
		d.retune(last)
		d.read(b, pictures, d.Pace.Due())
		if err := d.give(b.index); err != nil {
			return fmt.Errorf("queue a buffer (VIDIOC_QBUF): %w", err)
		}
		if n := pictures.row.Load(); n > maxBad {
			return fmt.Errorf("the last %d pictures could not be read as %v", n, d.mode)
		}
	}
	return nil
}

// newest takes the buffers that are ready and keeps the last; of H.264 it takes one.
func (d *Device) newest() (b buffer, ok bool, err error) {
	most := len(d.mapped)
	if d.mode.Format == AVC {
		most = 1
	}
	for range most {
		next := buffer{kind: videoCapture, memory: memoryMmap}
		err := ioctl(d.node, vidiocDQBuf, &next)
		if errors.Is(err, unix.EAGAIN) {
			return b, ok, nil
		}
		if err == nil && int(next.index) >= len(d.mapped) {
			err = fmt.Errorf("buffer %d of %d", next.index, len(d.mapped))
		}
		if err != nil {
			return b, false, err
		}
		if ok {
			d.late.Add(1)
			if err := d.give(b.index); err != nil {
				return b, false, err
			}
		}
		b, ok = next, true
	}
	return b, ok, nil
}

func (d *Device) give(index uint32) error {
	return ioctl(d.node, vidiocQBuf, &buffer{index: index, kind: videoCapture, memory: memoryMmap})
}

// read turns a buffer into a picture, unless the driver says that part of it is missing, as after a USB transfer error.
func (d *Device) read(b buffer, pictures *picker, due bool) {
	data := d.mapped[b.index]
	whole := b.flags&flagError == 0 && b.bytesUsed != 0 && int64(b.bytesUsed) <= int64(len(data))
	if pictures.chain != nil {
		pictures.chain.follow(b.sequence, whole)
	}
	if !whole {
		pictures.deliver(result{err: errBroken})
		return
	}
	now := d.now()
	d.at = rising(d.at, taken(b, now), now)
	pictures.take(d.at, data[:b.bytesUsed], due)
}

// rising keeps pictures' times in order: for a camera whose clock stands still or goes back, pictures are taken when they come.
func rising(last, at, now time.Duration) time.Duration {
	if at > last {
		return at
	}
	return max(now, last+1)
}

// taken is when a picture was taken. A time that is not the monotonic clock's, or is not from the last seconds, is not
// believed.
func taken(b buffer, now time.Duration) time.Duration {
	if b.flags&flagTimestampMask != flagMonotonic || b.seconds < 0 || b.seconds > 1<<32 || b.micros < 0 || b.micros >= 1e6 {
		return now
	}
	at := time.Duration(b.seconds)*time.Second + time.Duration(b.micros)*time.Microsecond
	if at > now || now-at > 5*time.Second {
		return now
	}
	return at
}
