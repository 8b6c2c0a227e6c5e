package encode

import (
	"image"
	"sync/atomic"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/h264"
	"edgekit.internal/cmd/edgecam/internal/scale"
)

// keyEvery is the least time between two key pictures that were asked for. A crowd of joining phones shares one.
const keyEvery = 500 * time.Millisecond

// Encoder makes access units of pictures (openh264.Encoder does). Nothing and no error is a picture left out.
type Encoder interface {
	Encode(img *image.YCbCr, key bool) ([]byte, error)
	SetBitrate(kbps int) error
	Close() error
}

// layer is one encoding of the picture.
type layer struct {
	capture.Layer
	enc  Encoder
	want atomic.Bool  // a key picture was asked for
	kbps atomic.Int32 // a new target, 0: none

	// The rest belongs to whoever encodes.
	pace    pacer
	lastKey time.Duration // when the last key picture was taken
	keyed   bool          // there was one
	scaler  *scale.Scaler
	small   *image.YCbCr
}

func newLayer(c capture.Layer, e Encoder) *layer {
	return &layer{Layer: c, enc: e, pace: pacer{every: time.Second / time.Duration(c.FPS)}}
}

// encode takes one picture from scaling to sending. It only reads f.
func (y *layer) encode(f capture.Frame, rtp uint32, link Link) error {
	if kbps := y.kbps.Swap(0); kbps != 0 {
		if err := y.enc.SetBitrate(int(kbps)); err != nil {
			return err
		}
	}
	// The first picture is a key picture anyway and answers all who asked before it.
	force := false
	if !y.keyed {
		y.want.Store(false)
	} else if f.At-y.lastKey >= keyEvery {
		force = y.want.Swap(false)
	}
	data, err := y.enc.Encode(y.scaled(f.Image), force)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		if force {
			y.want.Store(true)
		}
		return nil
	}
	key := h264.IsKey(data)
	if key {
		y.keyed, y.lastKey = true, f.At
	}
	sent, err := link.SendAccessUnit(capture.AccessUnit{Layer: y.ID, Key: key, RTP: rtp, At: f.At, Data: data})
	if err == nil && !sent {
		y.want.Store(true)
	}
	return err
}

func (y *layer) scaled(img *image.YCbCr) *image.YCbCr {
	size := image.Pt(y.Width, y.Height)
	if img.Rect.Size() == size {
		return img
	}
	if y.scaler == nil {
		y.scaler = scale.New(img.Rect.Size(), size)
		y.small = scale.Black(y.Width, y.Height)
	}
	y.scaler.Into(y.small, y.small.Rect, img)
	return y.small
}

// pacer lets pictures through at a steady rate, for a layer slower than the camera. A camera's jitter of up to half an
// interval costs no picture.
type pacer struct {
	every time.Duration
	next  time.Duration
}

func (p *pacer) due(at time.Duration) bool {
	if at < p.next-p.every/2 {
		return false
	}
	p.next = max(p.next, at-p.every/2) + p.every
	return true
}

// picture is what the layer last encoded of img.
func (y *layer) picture(img *image.YCbCr) *image.YCbCr {
	if y.small != nil {
		return y.small
	}
	return img
}
