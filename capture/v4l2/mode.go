package v4l2

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"sync"
	"time"
)

// FourCC names a pixel format by four letters, the first in the lowest byte (videodev2.h, v4l2_fourcc).
type FourCC uint32

// The pixel formats that are understood.
const (
	YUYV = FourCC('Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24) // packed 4:2:2
	NV12 = FourCC('N' | 'V'<<8 | '1'<<16 | '2'<<24) // 4:2:0, colour in one plane
	I420 = FourCC('Y' | 'U'<<8 | '1'<<16 | '2'<<24) // 4:2:0 in three planes; V4L2 says YU12
	MJPG = FourCC('M' | 'J'<<8 | 'P'<<16 | 'G'<<24) // a JPEG each
	JPEG = FourCC('J' | 'P'<<8 | 'E'<<16 | 'G'<<24) // the same, by another name
	AVC  = FourCC('H' | '2'<<8 | '6'<<16 | '4'<<24) // H.264 in Annex B form, an access unit each; where there is a Decoder
)

// String is the four letters, or MJPEG, H.264 and I420 as people know them.
func (f FourCC) String() string {
	switch f {
	case MJPG, JPEG:
		return "MJPEG"
	case AVC:
		return "H.264"
	case I420:
		return "I420"
	}
	b := []byte{byte(f), byte(f >> 8), byte(f >> 16), byte(f >> 24)}
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}

func (f FourCC) jpeg() bool { return f == MJPG || f == JPEG }

func (f FourCC) known() bool {
	return f == YUYV || f == NV12 || f == I420 || f == AVC || f.jpeg()
}

// Mode is one way in which a camera can be run.
type Mode struct {
	Format        FourCC
	Width, Height int     // pixels
	FPS           float64 // pictures a second
}

// String is such as "MJPEG 1280x720 30/s".
func (m Mode) String() string {
	return fmt.Sprintf("%v %dx%d %g/s", m.Format, m.Width, m.Height, math.Round(m.FPS*10)/10)
}

// Want is what is asked of a camera; it gives what comes nearest.
type Want struct {
	Width, Height int
	FPS           int
	Tuning        Tuning
}

// errNoMode: it is a video device, but none that gives pictures this package understands.
var errNoMode = errors.New("it offers no pictures as YUYV, NV12, I420, MJPEG or H.264")

// choose takes the mode with the least cost. A rate below the wanted one is what viewers notice most, then too small a picture,
// then one of another shape, which gets black bars. The rest is time, which reading pictures takes on this machine: load is the share
// of a core. MJPEG, which takes most, is thus taken when the bus is too slow for raw pictures at the rate: USB 2 carries 1280x720 YUYV
// about ten times a second.
func choose(modes []Mode, want Want, load func(Mode) float64) (Mode, error) {
	best, least := Mode{}, math.Inf(1)
	for _, m := range modes {
		if !m.Format.known() || m.Width < 2 || m.Height < 2 || m.Width > maxSide || m.Height > maxSide || !(m.FPS > 0) {
			continue
		}
		if c := cost(m, want) + load(m); c < least {
			best, least = m, c
		}
	}
	if math.IsInf(least, 1) {
		return best, errNoMode
	}
	return best, nil
}

func cost(m Mode, want Want) float64 {
	rate := m.FPS / float64(want.FPS)
	c := 0.0
	if rate < 0.9 {
		c = 3 * math.Log2(1/rate)
	}
	area := math.Log2(float64(m.Width*m.Height) / float64(want.Width*want.Height))
	c += max(area, -2*area)
	c += 2 * math.Abs(math.Log2(float64(m.Width*want.Height)/float64(m.Height*want.Width)))
	return c
}

// reading is what a format takes to read on this machine, for a pixel.
var reading = sync.OnceValue(func() map[FourCC]time.Duration {
	const w, h, looks = 640, 360, 3
	raw := make([]byte, w*h*2)
	for i := range raw {
		raw[i] = byte(i * 7)
	}
	var photo bytes.Buffer
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		img.Y[i] = byte(i%w/3 + i/w*5%40) // about as much to decode as a webcam's picture
	}
	read := map[FourCC]func() error{}
	for _, f := range []FourCC{YUYV, NV12, I420} {
		stride := w
		if f == YUYV {
			stride = 2 * w
		}
		read[f] = func() error { _, err := toI420(f, w, h, stride, raw); return err }
	}
	if jpeg.Encode(&photo, img, nil) == nil {
		read[MJPG] = func() error { _, err := DecodeJPEG(photo.Bytes()); return err }
	}
	took := map[FourCC]time.Duration{}
	for f, once := range read {
		least := time.Hour
		for range looks { // the shortest: what else the machine does is none of the format's
			begin := time.Now()
			if once() == nil {
				least = min(least, time.Since(begin))
			}
		}
		took[f] = max(least, 1)
	}
	took[JPEG] = took[MJPG]
	return took
})

// load is the share of a core that it takes to read a mode's pictures as they come.
func (h *H264) load(m Mode) float64 {
	const sample = 640 * 360
	takes := reading()[m.Format]
	if m.Format == AVC {
		takes = h.Takes()
	}
	return takes.Seconds() * float64(m.Width*m.Height) / sample * m.FPS
}
