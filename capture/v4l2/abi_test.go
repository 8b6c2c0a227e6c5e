package v4l2

import (
	"testing"
	"unsafe"
)

// The numbers are what a C compiler makes of linux/videodev2.h on amd64 and arm64, which agree.
func TestStructuresAndRequestsAreTheKernels(t *testing.T) {
	for name, c := range map[string][2]uintptr{
		"VIDIOC_QUERYCAP":            {vidiocQueryCap, 0x80685600},
		"VIDIOC_ENUM_FMT":            {vidiocEnumFmt, 0xc0405602},
		"VIDIOC_S_FMT":               {vidiocSetFmt, 0xc0d05605},
		"VIDIOC_REQBUFS":             {vidiocReqBufs, 0xc0145608},
		"VIDIOC_QUERYBUF":            {vidiocQueryBuf, 0xc0585609},
		"VIDIOC_QBUF":                {vidiocQBuf, 0xc058560f},
		"VIDIOC_DQBUF":               {vidiocDQBuf, 0xc0585611},
		"VIDIOC_STREAMON":            {vidiocStreamOn, 0x40045612},
		"VIDIOC_STREAMOFF":           {vidiocStreamOff, 0x40045613},
		"VIDIOC_S_PARM":              {vidiocSetParm, 0xc0cc5616},
		"VIDIOC_S_CTRL":              {vidiocSetCtrl, 0xc008561c},
		"VIDIOC_G_CTRL":              {vidiocGetCtrl, 0xc008561b},
		"VIDIOC_QUERYCTRL":           {vidiocQueryCtrl, 0xc0445624},
		"VIDIOC_QUERYMENU":           {vidiocQueryMenu, 0xc02c5625},
		"VIDIOC_ENUM_FRAMESIZES":     {vidiocEnumFrameSizes, 0xc02c564a},
		"VIDIOC_ENUM_FRAMEINTERVALS": {vidiocEnumFrameIntervals, 0xc034564b},

		"v4l2_capability.device_caps":        {unsafe.Offsetof(capability{}.deviceCaps), 88},
		"v4l2_fmtdesc.pixelformat":           {unsafe.Offsetof(formatDesc{}.pixelFormat), 44},
		"v4l2_frmsizeenum.discrete":          {unsafe.Offsetof(frameSize{}.size), 12},
		"v4l2_frmivalenum.discrete":          {unsafe.Offsetof(frameInterval{}.interval), 20},
		"v4l2_format.fmt.pix.width":          {unsafe.Offsetof(pixFormat{}.width), 8},
		"v4l2_format.fmt.pix.bytesperline":   {unsafe.Offsetof(pixFormat{}.bytesPerLine), 24},
		"v4l2_format.fmt.pix.colorspace":     {unsafe.Offsetof(pixFormat{}.colorspace), 32},
		"v4l2_format.fmt.pix.quantization":   {unsafe.Offsetof(pixFormat{}.quantization), 48},
		"v4l2_streamparm.capture.timeperf.":  {unsafe.Offsetof(streamParm{}.timePerFrame), 12},
		"v4l2_buffer.bytesused":              {unsafe.Offsetof(buffer{}.bytesUsed), 8},
		"v4l2_buffer.timestamp":              {unsafe.Offsetof(buffer{}.seconds), 24},
		"v4l2_buffer.sequence":               {unsafe.Offsetof(buffer{}.sequence), 56},
		"v4l2_buffer.memory":                 {unsafe.Offsetof(buffer{}.memory), 60},
		"v4l2_buffer.m.offset":               {unsafe.Offsetof(buffer{}.offset), 64},
		"v4l2_buffer.length":                 {unsafe.Offsetof(buffer{}.length), 72},
		"v4l2_queryctrl.minimum":             {unsafe.Offsetof(queryControl{}.min), 40},
		"v4l2_queryctrl.flags":               {unsafe.Offsetof(queryControl{}.flags), 56},
		"sizeof v4l2_requestbuffers":         {unsafe.Sizeof(requestBuffers{}), 20},
		"sizeof v4l2_buffer on 64-bit":       {unsafe.Sizeof(buffer{}), 88},
		"sizeof v4l2_format on 64-bit":       {unsafe.Sizeof(pixFormat{}), 208},
		"sizeof v4l2_streamparm":             {unsafe.Sizeof(streamParm{}), 204},
		"V4L2_PIX_FMT_YUYV, as its fourcc":   {uintptr(YUYV), 0x56595559},
		"V4L2_PIX_FMT_YUV420, as its fourcc": {uintptr(I420), 0x32315559},
	} {
		if c[0] != c[1] {
			t.Errorf("%s: %#x, expected %#x", name, c[0], c[1])
		}
	}
}
