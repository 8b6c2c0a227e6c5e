package v4l2

import (
	"image"
	"slices"
	"time"
)

// H264 is how the pictures of cameras that send H.264 are read, which takes C, and so is no part of this package. They are handed out like all
// others, and never passed on as they came: prompts are drawn over what visitors see, in several sizes, and a camera makes neither the key
// pictures that each new visitor needs, nor the bit rate that the network carries.
type H264 struct {
	New   func() Decoder
	Takes func() time.Duration // what a picture of 640x360 takes to read on this machine
}

// readable are the modes whose pictures can be read.
func (h *H264) readable(modes []Mode) []Mode {
	return slices.DeleteFunc(modes, func(m Mode) bool { return m.Format == AVC && h == nil })
}

// Decoder makes pictures of a stream's access units in Annex B form, for one goroutine. It begins with a key picture, and again with one
// after an error, or when it is told that something was lost.
type Decoder interface {
	Decode(unit []byte) (*image.YCbCr, error) // 4:2:0, with even sides; nil: none is in it, and none is missing
	Lost()
	Close()
}

const controlKeyFrame = 0x009909e5 // V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME

// chain is a stream whose pictures build on one another, so that each is read, in order, also when it is not handed out.
type chain struct {
	Decoder
	ask   func() // for a key picture
	now   func() time.Duration
	next  uint32 // the sequence number of the next buffer, if nothing is lost
	begun bool
	asked time.Duration
}

func (d *Device) newChain() *chain {
	return &chain{Decoder: d.h264.New(), now: d.now, ask: func() {
		_ = ioctl(d.node, vidiocSetCtrl, &control{id: controlKeyFrame, value: 1}) // only some have it; the others send one by themselves, in time
	}}
}

// follow is told of each buffer, before it is read if it is whole. Drivers count pictures that they had no buffer for.
func (c *chain) follow(sequence uint32, whole bool) {
	if c.begun && sequence != c.next || !whole {
		c.Lost()
	}
	c.next, c.begun = sequence+1, true
}

// read asks for a key picture when there is none of a unit, once a second.
func (c *chain) read(unit []byte) (*image.YCbCr, error) {
	img, err := c.Decode(unit)
	if now := c.now(); err != nil && (c.asked == 0 || now-c.asked >= time.Second) {
		c.asked = now
		c.ask()
	}
	return img, err
}
