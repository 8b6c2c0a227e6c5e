// Package openh264 encodes pictures with Cisco's openh264 (BSD licence), linked from the static libraries that
// pion/mediadevices carries, and decodes what cameras send. It is set for live pictures: constrained baseline, so that every phone
// decodes it and no picture is reordered; one slice a picture; key pictures when asked for. It is the kit's only use of cgo.
package openh264

import (
	"errors"
	"fmt"
	"image"

	"github.com/pion/mediadevices/pkg/codec"
	"github.com/pion/mediadevices/pkg/codec/openh264"
	"github.com/pion/mediadevices/pkg/frame"
	"github.com/pion/mediadevices/pkg/io/video"
	"github.com/pion/mediadevices/pkg/prop"
)

// KeySeconds is how long a key picture stays away when nobody asks for one. Long, since each costs as much as many others
// and who joins gets one by asking.
const KeySeconds = 10

// Config is what a layer is encoded to.
type Config struct {
	Width, Height int // even, 16 to 4096
	FPS           int // pictures a second the bit rate is shared between
	Kbps          int // target in kbit/s
}

// Encoder makes H.264 of pictures, one goroutine at a time.
type Encoder struct {
	cfg   Config
	codec codec.ReadCloser
	next  *image.YCbCr // what the codec, which pulls, will read
}

// New makes an encoder, whose first picture is a key picture.
func New(cfg Config) (*Encoder, error) {
	if cfg.Width < 16 || cfg.Height < 16 || cfg.Width > 4096 || cfg.Height > 4096 || cfg.Width%2+cfg.Height%2 != 0 || cfg.FPS < 1 || cfg.Kbps < 1 {
		return nil, fmt.Errorf("openh264: %d×%d, %d pictures a second, %d kbit/s, expected even sides of 16 to 4096 and rates above 0",
			cfg.Width, cfg.Height, cfg.FPS, cfg.Kbps)
	}
	p, err := openh264.NewParams()
	if err != nil {
		return nil, fmt.Errorf("openh264: defaults: %w", err)
	}
	p.BitRate = cfg.Kbps * 1000
	p.UsageType = openh264.CameraVideoRealTime
	p.RCMode = openh264.RCBitrateMode
	p.EnableFrameSkip = false // a skipped picture would be a confirmation seen late
	p.IntraPeriod = uint(KeySeconds * cfg.FPS)
	p.SliceMode = openh264.SMSingleSlice
	p.SliceNum = 1
	p.MultipleThreadIdc = 1 // layers run side by side instead
	e := &Encoder{cfg: cfg}
	pull := video.ReaderFunc(func() (image.Image, func(), error) { return e.next, func() {}, nil })
	e.codec, err = p.BuildVideoEncoder(pull, prop.Media{Video: prop.Video{
		Width: cfg.Width, Height: cfg.Height, FrameRate: float32(cfg.FPS), FrameFormat: frame.FormatI420,
	}})
	if err != nil {
		return nil, fmt.Errorf("openh264: open for %d×%d: %w", cfg.Width, cfg.Height, err)
	}
	return e, nil
}

// Encode makes one access unit in Annex B form, with SPS and PPS before a key picture, in a slice that is the caller's. It
// returns nothing, and no error, where the codec left the picture out. The picture, 4:2:0 and of the size configured, is
// not kept.
func (e *Encoder) Encode(img *image.YCbCr, key bool) ([]byte, error) {
	if err := e.fits(img); err != nil {
		return nil, err
	}
	if key {
		c, ok := e.codec.Controller().(codec.KeyFrameController)
		if !ok {
			return nil, errors.New("openh264: this build cannot force a key picture")
		}
		if err := c.ForceKeyFrame(); err != nil {
			return nil, fmt.Errorf("openh264: force a key picture: %w", err)
		}
	}
	e.next = img
	data, release, err := e.codec.Read()
	e.next = nil
	if err != nil {
		return nil, fmt.Errorf("openh264: encode: %w", err)
	}
	release()
	return data, nil
}

// fits keeps the C code from reading outside of a picture.
func (e *Encoder) fits(img *image.YCbCr) error {
	w, h := e.cfg.Width, e.cfg.Height
	if img.SubsampleRatio != image.YCbCrSubsampleRatio420 || img.Rect != image.Rect(0, 0, w, h) ||
		img.YStride < w || img.CStride < w/2 || len(img.Y) < img.YStride*(h-1)+w ||
		min(len(img.Cb), len(img.Cr)) < img.CStride*(h/2-1)+w/2 {
		return fmt.Errorf("openh264: picture %v %v, expected 4:2:0 of %d×%d", img.Rect, img.SubsampleRatio, w, h)
	}
	return nil
}

// SetBitrate changes the target from the next picture on, in kbit/s.
func (e *Encoder) SetBitrate(kbps int) error {
	c, ok := e.codec.Controller().(codec.BitRateController)
	if !ok || kbps < 1 {
		return fmt.Errorf("openh264: cannot aim at %d kbit/s", kbps)
	}
	if err := c.SetBitRate(kbps * 1000); err != nil {
		return fmt.Errorf("openh264: aim at %d kbit/s: %w", kbps, err)
	}
	return nil
}

// Close frees the codec; the encoder must not be used again.
func (e *Encoder) Close() error {
	if err := e.codec.Close(); err != nil {
		return fmt.Errorf("openh264: close: %w", err)
	}
	return nil
}
