package v4l2

import "unsafe"

// The structures of the kernel's include/uapi/linux/videodev2.h as 64-bit machines lay them out (checked against the
// header by abi_test.go). Unions are as long as their longest member.

type capability struct { // struct v4l2_capability
	driver       [16]byte
	card         [32]byte
	busInfo      [32]byte
	_            uint32 // version
	capabilities uint32
	deviceCaps   uint32
	_            [3]uint32 // reserved
}

type formatDesc struct { // struct v4l2_fmtdesc
	index       uint32
	kind        uint32
	_           uint32   // flags
	_           [32]byte // description
	pixelFormat FourCC
	_           uint32    // mbus_code
	_           [3]uint32 // reserved
}

type frameSize struct { // struct v4l2_frmsizeenum
	index       uint32
	pixelFormat FourCC
	kind        uint32
	size        [6]uint32 // discrete: width, height; stepwise: least, most and step of width, then of height
	_           [2]uint32 // reserved
}

type fraction struct{ numerator, denominator uint32 } // struct v4l2_fract

type frameInterval struct { // struct v4l2_frmivalenum
	index       uint32
	pixelFormat FourCC
	width       uint32
	height      uint32
	kind        uint32
	interval    [3]fraction // discrete: the first; stepwise: shortest, longest, step
	_           [2]uint32   // reserved
}

type pixFormat struct { // struct v4l2_format with its member pix, struct v4l2_pix_format
	kind         uint32
	_            uint32
	width        uint32
	height       uint32
	pixelFormat  FourCC
	field        uint32
	bytesPerLine uint32
	_            uint32 // sizeimage
	colorspace   uint32
	_            uint32 // priv
	_            uint32 // flags
	_            uint32 // ycbcr_enc
	quantization uint32
	_            uint32 // xfer_func
	_            [200 - 48]byte
}

type streamParm struct { // struct v4l2_streamparm with its member capture, struct v4l2_captureparm
	kind         uint32
	_            uint32 // capability
	_            uint32 // capturemode
	timePerFrame fraction
	_            uint32 // extendedmode
	_            uint32 // readbuffers
	_            [200 - 24]byte
}

type requestBuffers struct { // struct v4l2_requestbuffers
	count  uint32
	kind   uint32
	memory uint32
	_      uint32   // capabilities
	_      uint8    // flags
	_      [3]uint8 // reserved
}

// Its timestamp is a struct timeval: 64-bit both, as on every 64-bit machine.
type buffer struct { // struct v4l2_buffer
	index     uint32
	kind      uint32
	bytesUsed uint32
	flags     uint32
	_         uint32 // field
	_         uint32
	seconds   int64 // timestamp
	micros    int64
	_         [16]byte // timecode
	sequence  uint32
	memory    uint32
	offset    uint32 // m
	_         uint32
	length    uint32
	_         uint32
	_         int32 // request_fd
	_         uint32
}

type control struct { // struct v4l2_control
	id    uint32
	value int32
}

const (
	capVideoCapture = 0x00000001 // V4L2_CAP_…
	capM2M          = 0x0000c000 // V4L2_CAP_VIDEO_M2M and _MPLANE: a codec or scaler, not a camera
	capStreaming    = 0x04000000
	capDeviceCaps   = 0x80000000

	videoCapture = 1 // V4L2_BUF_TYPE_VIDEO_CAPTURE
	memoryMmap   = 1 // V4L2_MEMORY_MMAP
	fieldNone    = 1 // V4L2_FIELD_NONE: whole pictures
	discrete     = 1 // V4L2_FRMSIZE_TYPE_DISCRETE, V4L2_FRMIVAL_TYPE_DISCRETE

	colorspaceJPEG   = 7 // V4L2_COLORSPACE_JPEG
	quantizationFull = 1 // V4L2_QUANTIZATION_FULL_RANGE

	flagError         = 0x00000040 // V4L2_BUF_FLAG_ERROR
	flagTimestampMask = 0x0000e000
	flagMonotonic     = 0x00002000 // V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC
)

// Request numbers: direction, size of the structure, 'V' and a number (include/uapi/asm-generic/ioctl.h).
var (
	vidiocQueryCap           = request(dirRead, 0, unsafe.Sizeof(capability{}))
	vidiocEnumFmt            = request(dirRead|dirWrite, 2, unsafe.Sizeof(formatDesc{}))
	vidiocSetFmt             = request(dirRead|dirWrite, 5, unsafe.Sizeof(pixFormat{}))
	vidiocReqBufs            = request(dirRead|dirWrite, 8, unsafe.Sizeof(requestBuffers{}))
	vidiocQueryBuf           = request(dirRead|dirWrite, 9, unsafe.Sizeof(buffer{}))
	vidiocQBuf               = request(dirRead|dirWrite, 15, unsafe.Sizeof(buffer{}))
	vidiocDQBuf              = request(dirRead|dirWrite, 17, unsafe.Sizeof(buffer{}))
	vidiocStreamOn           = request(dirWrite, 18, unsafe.Sizeof(int32(0)))
	vidiocStreamOff          = request(dirWrite, 19, unsafe.Sizeof(int32(0)))
	vidiocSetParm            = request(dirRead|dirWrite, 22, unsafe.Sizeof(streamParm{}))
	vidiocSetCtrl            = request(dirRead|dirWrite, 28, unsafe.Sizeof(control{}))
	vidiocEnumFrameSizes     = request(dirRead|dirWrite, 74, unsafe.Sizeof(frameSize{}))
	vidiocEnumFrameIntervals = request(dirRead|dirWrite, 75, unsafe.Sizeof(frameInterval{}))
)

const (
	dirWrite = 1
	dirRead  = 2
)

func request(dir, number, size uintptr) uintptr { return dir<<30 | size<<16 | 'V'<<8 | number }
