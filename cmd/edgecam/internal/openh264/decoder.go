package openh264

/*
#include "decode.h"

long WelsCreateDecoder(edgekit_decoder **);
void WelsDestroyDecoder(edgekit_decoder *);

static edgekit_decoder *edgekit_open(void) {
	edgekit_decoder *d = 0;
	edgekit_param p = {.propertySize = 2 * sizeof(int)}; // no picture is made up for one that is broken
	int quiet = 0;
	if (WelsCreateDecoder(&d) != 0 || d == 0)
		return 0;
	(*d)->setOption(d, edgekit_trace_level, &quiet);
	if ((*d)->initialize(d, &p) != 0) {
		WelsDestroyDecoder(d);
		return 0;
	}
	return d;
}

static int edgekit_decode(edgekit_decoder *d, const unsigned char *data, int size, edgekit_picture *p) {
	unsigned char *planes[3] = {0};
	*p = (edgekit_picture){0};
	int state = (*d)->decodeFrame2(d, data, size, planes, p);
	for (int i = 0; i < 3; i++)
		p->plane[i] = planes[i];
	return state;
}

static void edgekit_close(edgekit_decoder *d) {
	(*d)->uninitialize(d);
	WelsDestroyDecoder(d);
}
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"slices"
	"time"
	"unsafe"

	"edgekit.internal/capture/h264"
)

const (
	maxUnit   = 4 << 20     // bytes of an access unit; 1080p has some 100 000
	maxPixels = 1920 * 1088 // as coded
	maxHead   = 64 << 10    // bytes of parameter sets; there are some 50
)

// ErrNoKey is why there is no picture of an access unit: one that it builds on is missing.
var ErrNoKey = errors.New("openh264: it builds on a picture that is missing, expected a key picture")

// Decoder makes pictures of H.264, for one goroutine. It begins with a key picture, and again with one after anything broken: no picture is
// shown that another one, missing, should have been under. What it is given may be any bytes: it is looked at before it reaches the C code,
// which is made anew for each other sequence parameter set, and given nothing more after a NAL unit that it found wrong: the version that
// mediadevices carries (2.1.1) can else write outside of its memory (CVE-2025-27091, mended in 2.6.0 by the latter).
type Decoder struct {
	c   *C.edgekit_decoder // nil: waits for a key picture
	sps []byte             // what it was made for
	buf []byte             // what is given to it

	// head has the latest parameter sets. Some cameras send them once, in a unit of their own (as a Pi's own, by bcm2835-v4l2).
	head []byte
}

// NewDecoder makes a decoder.
func NewDecoder() *Decoder { return &Decoder{} }

// Decode reads an access unit in Annex B form to a new 4:2:0 picture with even sides, of up to 1920x1088 pixels; nil where there is none
// in it, and none is missing. After an error, it waits for a key picture.
func (d *Decoder) Decode(unit []byte) (*image.YCbCr, error) {
	shows, err := d.look(unit)
	if err == nil && !shows {
		return nil, nil
	}
	var img *image.YCbCr
	if err == nil {
		if h264.IsKey(unit) && h264.Find(unit, h264.SPS) == nil {
			unit = slices.Concat(d.head, unit)
		}
		img, err = d.decode(unit)
	}
	if err != nil {
		d.Lost()
	}
	return img, err
}

// look tells whether a unit has a picture, and keeps its parameter sets.
func (d *Decoder) look(unit []byte) (shows bool, err error) {
	if len(unit) > maxUnit {
		return false, fmt.Errorf("openh264: access unit of %d bytes, expected up to %d", len(unit), maxUnit)
	}
	var head []byte
	any := false
	for nal := range h264.NALs(unit) {
		any = true
		switch h264.TypeOf(nal) {
		case h264.Slice, h264.IDRSlice:
			shows = true
		case h264.SPS, h264.PPS:
			head = append(append(head, 0, 0, 0, 1), nal...)
		}
	}
	if !any || len(head) > maxHead {
		return false, fmt.Errorf("openh264: %d bytes that are no access unit", len(unit))
	}
	if h264.Find(head, h264.SPS) != nil {
		d.head = head
	}
	return shows, nil
}

func (d *Decoder) decode(unit []byte) (*image.YCbCr, error) {
	if err := d.begin(unit); err != nil {
		return nil, err
	}
	var p C.edgekit_picture
	for nal := range h264.NALs(unit) {
		switch h264.TypeOf(nal) {
		case h264.SPS, h264.PPS, h264.Slice, h264.IDRSlice: // all that pictures are made of
			d.buf = append(append(d.buf[:0], 0, 0, 0, 1), nal...)
			if state := C.edgekit_decode(d.c, (*C.uchar)(unsafe.Pointer(&d.buf[0])), C.int(len(d.buf)), &p); state != 0 {
				return nil, fmt.Errorf("openh264: decode %d bytes: state %#x", len(unit), int(state))
			}
		}
	}
	if state := C.edgekit_decode(d.c, nil, 0, &p); state != 0 { // that was all of the picture
		return nil, fmt.Errorf("openh264: decode %d bytes: state %#x", len(unit), int(state))
	}
	return picture(&p)
}

// begin makes the C code anew at a key picture where there is none, or one for another sequence parameter set.
func (d *Decoder) begin(unit []byte) error {
	var sps []byte
	for nal := range h264.NALs(unit) {
		if h264.TypeOf(nal) != h264.SPS || sps != nil && bytes.Equal(nal, sps) {
			continue
		}
		if sps != nil {
			return errors.New("openh264: two sequence parameter sets in one access unit")
		}
		sps = nal
	}
	key := h264.IsKey(unit)
	switch {
	case sps == nil && d.c == nil, sps != nil && !key && !bytes.Equal(sps, d.sps):
		return ErrNoKey
	case sps == nil, d.c != nil && bytes.Equal(sps, d.sps):
		return nil
	case !key:
		return ErrNoKey
	}
	p, err := h264.ParseSPS(sps)
	if err != nil {
		return err
	}
	if p.Macroblocks > maxPixels/256 || p.Width < 2 || p.Height < 2 {
		return fmt.Errorf("openh264: stream of %d×%d, expected up to 1920×1088", p.Width, p.Height)
	}
	d.Lost()
	if d.c = C.edgekit_open(); d.c == nil {
		return errors.New("openh264: open a decoder: out of memory")
	}
	d.sps = bytes.Clone(sps)
	return nil
}

// picture copies what the C code made.
func picture(p *C.edgekit_picture) (*image.YCbCr, error) {
	w, h := int(p.width)&^1, int(p.height)&^1
	if p.ready != 1 || p.plane[0] == nil || p.plane[1] == nil || p.plane[2] == nil {
		return nil, errors.New("openh264: access unit without a whole picture")
	}
	if p.format != C.edgekit_i420 || w < 2 || h < 2 || w*h > maxPixels || int(p.stride[0]) < w || int(p.stride[1]) < w/2 {
		return nil, fmt.Errorf("openh264: picture of %d×%d in format %d", w, h, int(p.format))
	}
	img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	rows := func(to []byte, width, height int, from *C.uchar, stride C.int) {
		in := unsafe.Slice((*byte)(from), int(stride)*(height-1)+width)
		for y := range height {
			copy(to[y*width:][:width], in[y*int(stride):])
		}
	}
	rows(img.Y, w, h, p.plane[0], p.stride[0])
	rows(img.Cb, w/2, h/2, p.plane[1], p.stride[1])
	rows(img.Cr, w/2, h/2, p.plane[2], p.stride[1])
	return img, nil
}

// Lost says that something of the stream was lost before the next access unit: it waits for a key picture.
func (d *Decoder) Lost() {
	if d.c != nil {
		C.edgekit_close(d.c)
		d.c, d.sps = nil, nil
	}
}

// Close frees the C code.
func (d *Decoder) Close() { d.Lost() }

// Takes measures what a picture of 640x360 takes to decode on this machine: the least of a few, without what comes between. An hour, where it
// cannot be measured.
func Takes() time.Duration {
	const w, h, looks = 640, 360, 4
	e, err := New(Config{Width: w, Height: h, FPS: 30, Kbps: 2000})
	if err != nil {
		return time.Hour
	}
	defer e.Close()
	d := NewDecoder()
	defer d.Close()
	least := time.Hour
	for n := range looks {
		img := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
		for i := range img.Y {
			img.Y[i] = byte((i+4*n)%w/3 + i/w*5%40) // something that moves
		}
		unit, err := e.Encode(img, false)
		if err != nil {
			return time.Hour
		}
		begin := time.Now()
		if _, err := d.Decode(unit); err != nil {
			return time.Hour
		}
		least = min(least, time.Since(begin))
	}
	return least
}
