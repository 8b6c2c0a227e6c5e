package overlay

import (
	"encoding/binary"
	"image"
)

// ycc converts a colour to the Y'CbCr of video: ITU-R BT.601, limited range, luma 16 to 235 and chroma 16 to 240, which is
// what an H.264 stream without colour description means to a decoder of WebRTC. (image/color converts to full range, as
// JPEG has it.) The factors are BT.601's 0.299, 0.587 and 0.114, scaled to the range and by 256.
func ycc(r, g, b uint8) (y, cb, cr uint8) {
	return premultiplied(int32(r), int32(g), int32(b), 255)
}

// premultiplied is ycc for a colour multiplied by its coverage a. The conversion is linear but for its offsets, 16 and
// 128, so these are multiplied by the coverage too.
func premultiplied(r, g, b, a int32) (y, cb, cr uint8) {
	const half = 1 << 15
	y = uint8((16829*r + 33039*g + 6416*b + 65536*16*a/255 + half) >> 16)
	cb = uint8((-9714*r - 19071*g + 28784*b + 65536*128*a/255 + half) >> 16)
	cr = uint8((28784*r - 24103*g - 4681*b + 65536*128*a/255 + half) >> 16)
	return
}

// sprite is a drawing ready to be laid over a 4:2:0 picture: samples multiplied by their coverage, at the picture's own
// resolution. Its corners lie on even coordinates, so that its chroma samples lie on the picture's.
type sprite struct {
	at     image.Rectangle // in the picture
	y, a   []uint8         // width × height
	cb, cr []uint8         // (width/2) × (height/2)
	ca     []uint8         // coverage at chroma resolution: the mean of four
}

// bake converts a drawing with coverage (premultiplied, as image.RGBA is) into a sprite. Its size must be even.
func bake(img *image.RGBA, at image.Rectangle) *sprite {
	w, h := at.Dx(), at.Dy()
	s := &sprite{at: at, y: make([]uint8, w*h), a: make([]uint8, w*h),
		cb: make([]uint8, w*h/4), cr: make([]uint8, w*h/4), ca: make([]uint8, w*h/4)}
	for y := 0; y < h; y += 2 {
		for x := 0; x < w; x += 2 {
			var r, g, b, a int32
			for _, p := range [4]image.Point{{x, y}, {x + 1, y}, {x, y + 1}, {x + 1, y + 1}} {
				px := img.Pix[img.PixOffset(p.X, p.Y):][:4:4]
				pr, pg, pb, pa := int32(px[0]), int32(px[1]), int32(px[2]), int32(px[3])
				s.y[p.Y*w+p.X], _, _ = premultiplied(pr, pg, pb, pa)
				s.a[p.Y*w+p.X] = px[3]
				r, g, b, a = r+pr, g+pg, b+pb, a+pa
			}
			c := y/2*(w/2) + x/2
			_, s.cb[c], s.cr[c] = premultiplied((r+2)/4, (g+2)/4, (b+2)/4, (a+2)/4)
			s.ca[c] = uint8((a + 2) / 4)
		}
	}
	return s
}

// blend lays the sprite over a picture that holds all of it.
func (s *sprite) blend(img *image.YCbCr) {
	if s == nil {
		return
	}
	w, h := s.at.Dx(), s.at.Dy()
	for y := range h {
		d := img.YOffset(s.at.Min.X, s.at.Min.Y+y)
		over(img.Y[d:d+w], s.y[y*w:], s.a[y*w:])
	}
	for y := range h / 2 {
		d, o, n := img.COffset(s.at.Min.X, s.at.Min.Y+2*y), y*(w/2), w/2
		over(img.Cb[d:d+n], s.cb[o:], s.ca[o:])
		over(img.Cr[d:d+n], s.cr[o:], s.ca[o:])
	}
}

// over is Porter and Duff's "over" for one row of samples: what is below shows as far as what is above does not cover.
// Most of a card is plate, evenly covered, so eight samples of one coverage are done at once: two words of four lanes with
// 16 bits each, which the products just fit.
func over(dst, src, cover []uint8) {
	const even, halves, ones = 0x00FF00FF00FF00FF, 0x0080008000800080, 0x0101010101010101
	src, cover = src[:len(dst)], cover[:len(dst)]
	i := 0
	for ; i+8 <= len(dst); i += 8 {
		a := cover[i]
		if binary.LittleEndian.Uint64(cover[i:]) != uint64(a)*ones {
			overEach(dst[i:i+8], src[i:i+8], cover[i:i+8])
			continue
		}
		if a == 0 {
			continue
		}
		d, below := binary.LittleEndian.Uint64(dst[i:]), uint64(255-a)
		lo, hi := (d&even)*below+halves, (d>>8&even)*below+halves
		lo, hi = (lo+(lo>>8)&even)>>8&even, (hi+(hi>>8)&even)>>8&even // t/255, rounded, as below
		binary.LittleEndian.PutUint64(dst[i:], lo+hi<<8+binary.LittleEndian.Uint64(src[i:]))
	}
	overEach(dst[i:], src[i:], cover[i:])
}

// overEach is over, sample by sample.
func overEach(dst, src, cover []uint8) {
	src, cover = src[:len(dst)], cover[:len(dst)]
	for i, a := range cover {
		t := uint32(dst[i])*uint32(255-a) + 128
		dst[i] = src[i] + uint8((t+t>>8)>>8) // t/255, rounded
	}
}
