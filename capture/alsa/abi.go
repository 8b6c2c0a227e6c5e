package alsa

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The structures of the kernel's include/uapi/sound/asound.h as 64-bit machines lay them out (checked against the header
// by abi_test.go).

type cardInfo struct { // struct snd_ctl_card_info
	_        int32 // card
	_        int32
	_        [16]byte // id
	driver   [16]byte
	name     [32]byte
	longName [80]byte
	_        [16 + 80 + 128]byte // reserved, mixername, components
}

const (
	firstInterval = 8 // SNDRV_PCM_HW_PARAM_FIRST_INTERVAL

	maskAccess   = 0 // SNDRV_PCM_HW_PARAM_…
	maskFormat   = 1
	channelCount = 10 - firstInterval
	rateHz       = 11 - firstInterval
	periodFrames = 13 - firstInterval
	bufferFrames = 17 - firstInterval

	accessInterleaved = 3 // SNDRV_PCM_ACCESS_RW_INTERLEAVED
)

type mask struct{ bits [8]uint32 } // struct snd_mask

// only makes it hold one value.
func (m *mask) only(v uint32) { *m = mask{}; m.bits[v/32] = 1 << (v % 32) }

func (m *mask) any() {
	m.bits = [8]uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}
}

type interval struct { // struct snd_interval
	min, max uint32
	_        uint32 // openmin, openmax, integer, empty
}

type hwParams struct { // struct snd_pcm_hw_params
	_         uint32 // flags
	masks     [3 + 5]mask
	intervals [12 + 9]interval
	rmask     uint32
	_         uint32    // cmask
	_         uint32    // info
	_         uint32    // msbits
	_         [2]uint32 // rate_num, rate_den
	_         uint64    // fifo_size
	_         [64]byte
}

type swParams struct { // struct snd_pcm_sw_params
	tstampMode     int32
	periodStep     uint32
	_              uint32 // sleep_min
	_              uint32
	availMin       uint64
	_              uint64 // xfer_align
	startThreshold uint64
	stopThreshold  uint64
	_              [2]uint64 // silence_threshold, silence_size
	_              uint64    // boundary
	proto          uint32
	tstampType     uint32
	_              [56]byte
}

type timespec struct{ sec, nsec int64 }

// Its times are struct timespec: 64-bit both, as on every 64-bit machine.
type status struct { // struct snd_pcm_status
	state  int32
	_      uint32
	_      timespec // trigger_tstamp
	tstamp timespec
	_      [2]uint64 // appl_ptr, hw_ptr
	delay  int64
	avail  uint64
	_      [2]uint64 // avail_max, overrange
	_      int32     // suspended_state
	_      uint32    // audio_tstamp_data
	_      [2]timespec
	_      uint32
	_      [20]byte
}

type transfer struct { // struct snd_xferi
	result int64
	buf    unsafe.Pointer
	frames uint64
}

const (
	tstampEnable    = 1       // SNDRV_PCM_TSTAMP_ENABLE
	tstampMonotonic = 1       // SNDRV_PCM_TSTAMP_TYPE_MONOTONIC
	protocol        = 0x2000c // the first in which SW_PARAMS takes tstamp_type

	stateRunning      = 3 // SNDRV_PCM_STATE_…
	stateXrun         = 4
	stateSuspended    = 7
	stateDisconnected = 8
)

// Request numbers: direction, size of the structure, 'A' (or 'U' for a card's controls) and a number (include/uapi/asm-generic/ioctl.h).
var (
	ctlCardInfo = request(dirRead, 'U', 0x01, unsafe.Sizeof(cardInfo{}))
	pcmHwRefine = request(dirRead|dirWrite, 'A', 0x10, unsafe.Sizeof(hwParams{}))
	pcmHwParams = request(dirRead|dirWrite, 'A', 0x11, unsafe.Sizeof(hwParams{}))
	pcmSwParams = request(dirRead|dirWrite, 'A', 0x13, unsafe.Sizeof(swParams{}))
	pcmStatus   = request(dirRead, 'A', 0x20, unsafe.Sizeof(status{}))
	pcmPrepare  = request(0, 'A', 0x40, 0)
	pcmStart    = request(0, 'A', 0x42, 0)
	pcmDrop     = request(0, 'A', 0x43, 0)
	pcmRead     = request(dirRead, 'A', 0x51, unsafe.Sizeof(transfer{}))
)

const (
	dirWrite = 1
	dirRead  = 2
)

func request(dir, letter, number, size uintptr) uintptr {
	return dir<<30 | size<<16 | letter<<8 | number
}

// ioctl passes a structure to the driver, again when a signal comes between.
func ioctl[T any](fd int, req uintptr, arg *T) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), req, uintptr(unsafe.Pointer(arg)))
		if errno == 0 {
			return nil
		}
		if !errors.Is(errno, unix.EINTR) {
			return errno
		}
	}
}

// order is an ioctl without a structure.
func order(fd int, req uintptr) error { return ioctl[byte](fd, req, nil) }
