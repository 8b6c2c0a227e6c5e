package v4l2

import (
	"image"
	"sync"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fake is a driver, and the camera behind it, with one mode, of 64x48 at 30 pictures a second; next is what it sends. For synctest's clock.
type fake struct {
	format FourCC
	next   func(n int) shot
	hangs  map[uintptr]chan struct{} // requests from which it does not come back before these are closed
	breaks map[uintptr]error         // requests that fail, once each
	began  time.Time

	mu     sync.Mutex
	taken  int
	count  uint32 // as the driver counts pictures
	asked  int    // for a key picture
	queued []uint32
	memory [chainCount][1 << 15]byte
	on     bool
	maps   int
	has    int // buffers
	closed bool
}

// shot is one buffer.
type shot struct {
	data    []byte
	flags   uint32
	at      *time.Duration // what it says of when it was taken; nil: the truth
	err     error          // of VIDIOC_DQBUF instead
	longer  uint32         // bytes that it says to have sent beyond those
	silence bool           // there is none
	lost    uint32         // pictures before it that it counted, and had no buffer for
}

const fakeWidth, fakeHeight = 64, 48

// clock is the fake's CLOCK_MONOTONIC: a machine that started an hour ago.
func (f *fake) clock() time.Duration { return time.Hour + time.Since(f.began) }

func (f *fake) open(string) (driver, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = false
	return f, nil
}

func (f *fake) poll(limit time.Duration) (int16, error) {
	time.Sleep(min(limit, time.Second/30))
	return unix.POLLIN, nil
}

func (f *fake) mmap(offset int64, _ int) ([]byte, error) {
	f.maps++
	return f.memory[offset][:], nil
}

func (f *fake) munmap([]byte) error { f.maps--; return nil }

func (f *fake) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.on, f.queued = true, false, nil
	return nil
}

func (f *fake) ioctl(req uintptr, arg unsafe.Pointer) error {
	if hang := f.hangs[req]; hang != nil {
		<-hang
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.breaks[req]; err != nil {
		delete(f.breaks, req)
		return err
	}
	switch req {
	case vidiocQueryCap:
		c := (*capability)(arg)
		c.capabilities = capVideoCapture | capStreaming
		copy(c.card[:], "Fake")
	case vidiocEnumFmt:
		d := (*formatDesc)(arg)
		if d.pixelFormat = f.format; d.index > 0 {
			return unix.EINVAL
		}
	case vidiocEnumFrameSizes:
		s := (*frameSize)(arg)
		if s.kind, s.size = discrete, [6]uint32{fakeWidth, fakeHeight}; s.index > 0 {
			return unix.EINVAL
		}
	case vidiocSetFmt:
		p := (*pixFormat)(arg)
		if p.bytesPerLine = fakeWidth; p.pixelFormat == YUYV {
			p.bytesPerLine *= 2
		}
	case vidiocReqBufs:
		f.has = int((*requestBuffers)(arg).count)
	case vidiocQueryBuf:
		b := (*buffer)(arg)
		b.offset, b.length = b.index, uint32(len(f.memory[0]))
	case vidiocStreamOn:
		f.on = true
	case vidiocStreamOff:
		f.on, f.queued = false, nil
	case vidiocQBuf:
		f.queued = append(f.queued, (*buffer)(arg).index)
	case vidiocDQBuf:
		return f.shoot((*buffer)(arg))
	case vidiocSetCtrl:
		if (*control)(arg).id != controlKeyFrame {
			return unix.EINVAL
		}
		f.asked++
	default: // other controls and rates, of which it has none
		return unix.EINVAL
	}
	return nil
}

// shoot gives a picture for each interval, as of which it is asked twice: the second time there is none yet.
func (f *fake) shoot(b *buffer) error {
	if !f.on || len(f.queued) == 0 || len(f.queued) < f.has {
		return unix.EAGAIN
	}
	s := f.next(f.taken)
	if s.silence {
		return unix.EAGAIN
	}
	f.taken++
	if s.err != nil {
		return s.err
	}
	at := f.clock()
	if s.at != nil {
		at = *s.at
	}
	b.index, f.queued = f.queued[0], f.queued[1:]
	b.flags = flagMonotonic | s.flags
	b.seconds, b.micros = int64(at/time.Second), int64(at%time.Second/time.Microsecond)
	b.sequence = f.count + s.lost
	f.count = b.sequence + 1
	b.bytesUsed = uint32(copy(f.memory[b.index][:], s.data)) + s.longer
	return nil
}

// good is a whole picture in the fake's mode.
func good(t testing.TB, f FourCC) []byte {
	switch f {
	case MJPG:
		return encodeJPEG(t, photo(image.YCbCrSubsampleRatio420, fakeWidth, fakeHeight))
	default:
		data, _ := encoded(f, fakeWidth, fakeHeight, 0)
		return data
	}
}
