package file

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"io"
)

// still is one picture for ever.
type still struct{ img *image.YCbCr }

// still brings the picture to its size once, not for each frame.
func (c *Camera) still(img *image.YCbCr) still {
	if c.cfg.Fit != nil {
		img = c.cfg.Fit(img)
	}
	return still{img}
}

func (s still) skipHeader(*bufio.Reader) error { return nil }

// next is a copy: who gets it may draw into it.
func (s still) next(*bufio.Reader) (*image.YCbCr, error) {
	img := image.NewYCbCr(s.img.Rect, s.img.SubsampleRatio)
	for y := range img.Rect.Dy() {
		copy(img.Y[y*img.YStride:][:img.Rect.Dx()], s.img.Y[y*s.img.YStride:])
	}
	for y := range img.Rect.Dy() / 2 {
		copy(img.Cb[y*img.CStride:][:img.Rect.Dx()/2], s.img.Cb[y*s.img.CStride:])
		copy(img.Cr[y*img.CStride:][:img.Rect.Dx()/2], s.img.Cr[y*s.img.CStride:])
	}
	return img, nil
}

// motion is JPEGs one after the other.
type motion struct {
	decode func([]byte) (*image.YCbCr, error)
}

func (motion) skipHeader(*bufio.Reader) error { return nil }

func (m motion) next(in *bufio.Reader) (*image.YCbCr, error) {
	data, err := nextJPEG(in)
	if err != nil {
		return nil, err
	}
	return m.decode(data)
}

// nextJPEG cuts the next JPEG out of a stream, from its SOI to its EOI marker (ITU-T T.81 annex B.1). Segments are passed over by
// their length, since what is in them (a thumbnail) may hold markers; in a scan, 0xff is followed by 0 or a restart marker unless
// it ends. Bytes between two JPEGs are passed over.
func nextJPEG(in *bufio.Reader) ([]byte, error) {
	j := &cutter{in: in}
	if err := j.seek(); err != nil {
		return nil, err
	}
	for {
		mark, err := j.marker()
		if err != nil {
			return nil, err
		}
		switch {
		case mark == 0xd9: // EOI
			return j.data, nil
		case mark == 0 || mark == 1 || mark >= 0xd0 && mark <= 0xd8: // in a scan, or without length
			continue
		}
		if err := j.segment(); err != nil {
			return nil, err
		}
	}
}

type cutter struct {
	in   *bufio.Reader
	data []byte
}

func (j *cutter) byte() (byte, error) {
	b, err := j.in.ReadByte()
	if err == io.EOF {
		return 0, io.ErrUnexpectedEOF
	}
	if err == nil && len(j.data) >= maxStill {
		err = fmt.Errorf("a JPEG of more than %d bytes", maxStill)
	}
	j.data = append(j.data, b)
	return b, err
}

// seek passes over bytes up to a SOI marker; io.EOF when there is none.
func (j *cutter) seek() error {
	last := byte(0)
	for {
		b, err := j.in.ReadByte()
		if err != nil {
			return err
		}
		if last == 0xff && b == 0xd8 {
			j.data = append(j.data, 0xff, 0xd8)
			return nil
		}
		last = b
	}
}

// marker reads up to the byte after the next run of 0xff.
func (j *cutter) marker() (byte, error) {
	for {
		b, err := j.byte()
		if err != nil {
			return 0, err
		}
		if b != 0xff {
			continue
		}
		for b == 0xff {
			if b, err = j.byte(); err != nil {
				return 0, err
			}
		}
		return b, nil
	}
}

func (j *cutter) segment() error {
	high, err := j.byte()
	if err != nil {
		return err
	}
	low, err := j.byte()
	if err != nil {
		return err
	}
	size := int(high)<<8 | int(low)
	if size < 2 {
		return errors.New("a JPEG with a segment of no length")
	}
	for range size - 2 {
		if _, err := j.byte(); err != nil {
			return err
		}
	}
	return nil
}
