package v4l2

import (
	"fmt"
	"image"
)

// levels maps samples to limited range (ITU-R BT.601: luma 16 to 235, colour 16 to 240), which is what an H.264 stream that
// says nothing else has. Cameras' raw pictures have it already; JPEG has the full range (ITU-T T.871 section 7).
type levels struct{ luma, chroma [256]byte }

func fullToLimited() *levels {
	l := &levels{}
	for i := range 256 {
		l.luma[i] = byte(16 + (i*219+127)/255)
		l.chroma[i] = byte(16 + (i*224+127)/255)
	}
	return l
}

// apply maps every sample of a picture.
func (l *levels) apply(img *image.YCbCr) {
	for i, v := range img.Y {
		img.Y[i] = l.luma[v]
	}
	for i, v := range img.Cb {
		img.Cb[i] = l.chroma[v]
	}
	for i, v := range img.Cr {
		img.Cr[i] = l.chroma[v]
	}
}

// toI420 reads a raw picture of the format into a new one with even sides; stride is the length of a line of the first
// plane in bytes. Data that is too short for the size is refused.
func toI420(f FourCC, width, height, stride int, data []byte) (*image.YCbCr, error) {
	if width < 2 || height < 2 || width > maxSide || height > maxSide {
		return nil, fmt.Errorf("v4l2: picture of %d×%d, expected sides of 2 to %d", width, height, maxSide)
	}
	least, perLine := 0, width
	switch f {
	case YUYV:
		perLine = (width + 1) / 2 * 4
		least = stride*(height-1) + perLine
	case NV12:
		perLine = (width + 1) / 2 * 2
		least = stride*(height+height/2-1) + perLine
	case I420:
		least = stride*height + (stride+1)/2*2*(height/2)
	default:
		return nil, fmt.Errorf("v4l2: raw pictures as %v, expected YUYV, NV12 or I420", f)
	}
	if stride < perLine || stride > 8*maxSide || len(data) < least {
		return nil, fmt.Errorf("v4l2: %v picture of %d×%d in %d bytes, %d a line, expected %d and %d",
			f, width, height, len(data), stride, least, perLine)
	}
	img := image.NewYCbCr(image.Rect(0, 0, width&^1, height&^1), image.YCbCrSubsampleRatio420)
	switch f {
	case YUYV:
		fromYUYV(img, data, stride)
	case NV12:
		fromNV12(img, data, stride, height)
	case I420:
		fromI420(img, data, stride, height)
	}
	return img, nil
}

// fromYUYV: Y0 Cb Y1 Cr for each two pixels. The colour of two lines is averaged.
func fromYUYV(img *image.YCbCr, data []byte, stride int) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := 0; y < h; y += 2 {
		a, b := data[y*stride:][:2*w], data[(y+1)*stride:][:2*w]
		ya, yb := img.Y[y*img.YStride:][:w], img.Y[(y+1)*img.YStride:][:w]
		cb, cr := img.Cb[y/2*img.CStride:][:w/2], img.Cr[y/2*img.CStride:][:w/2]
		for i := range cb {
			p, q := a[4*i:4*i+4:4*i+4], b[4*i:4*i+4:4*i+4]
			ya[2*i], ya[2*i+1] = p[0], p[2]
			yb[2*i], yb[2*i+1] = q[0], q[2]
			cb[i] = byte((int(p[1]) + int(q[1]) + 1) >> 1)
			cr[i] = byte((int(p[3]) + int(q[3]) + 1) >> 1)
		}
	}
}

// fromNV12: a plane of luma, then one of Cb and Cr in turn with half the lines.
func fromNV12(img *image.YCbCr, data []byte, stride, height int) {
	w, h := img.Rect.Dx(), img.Rect.Dy()
	for y := range h {
		copy(img.Y[y*img.YStride:][:w], data[y*stride:])
	}
	for y := range h / 2 {
		line := data[(height+y)*stride:][:w]
		cb, cr := img.Cb[y*img.CStride:][:w/2], img.Cr[y*img.CStride:][:w/2]
		for i := range cb {
			cb[i], cr[i] = line[2*i], line[2*i+1]
		}
	}
}

// fromI420: three planes, the colour's with half the lines of half the length.
func fromI420(img *image.YCbCr, data []byte, stride, height int) {
	w, h, half := img.Rect.Dx(), img.Rect.Dy(), (stride+1)/2
	for y := range h {
		copy(img.Y[y*img.YStride:][:w], data[y*stride:])
	}
	cb := data[height*stride:]
	cr := cb[half*(height/2):]
	for y := range h / 2 {
		copy(img.Cb[y*img.CStride:][:w/2], cb[y*half:])
		copy(img.Cr[y*img.CStride:][:w/2], cr[y*half:])
	}
}
