package pictures

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orientation is how a photograph lies in its file, from 1, upright, to 8 (Exif 2.32, 4.6.4, tag 274): phones do not turn the picture, but say how it is to be.
func orientation(jpeg []byte) int {
	const upright, tag = 1, 274
	if !bytes.HasPrefix(jpeg, []byte{0xff, 0xd8}) {
		return upright
	}
	for at := 2; at+4 <= len(jpeg) && jpeg[at] == 0xff && jpeg[at+1] != 0xda; { // to where the picture itself begins
		size := int(binary.BigEndian.Uint16(jpeg[at+2:]))
		end := at + 2 + size
		if size < 2 || end > len(jpeg) {
			return upright
		}
		body := jpeg[at+4 : end]
		if exif, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && jpeg[at+1] == 0xe1 {
			if n := entry(exif, tag); n >= 1 && n <= 8 {
				return n
			}
			return upright
		}
		at = end
	}
	return upright
}

// entry is a short number's value in the first directory of a TIFF file (TIFF 6.0, section 2); 0: there is none.
func entry(tiff []byte, tag uint16) int {
	if len(tiff) < 8 {
		return 0
	}
	var order binary.ByteOrder = binary.LittleEndian
	if tiff[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(tiff[4:]))
	if at < 8 || at+2 > int64(len(tiff)) {
		return 0
	}
	n := int64(order.Uint16(tiff[at:]))
	for i := range n {
		e := at + 2 + 12*i
		if e+12 > int64(len(tiff)) {
			return 0
		}
		const short = 3
		if order.Uint16(tiff[e:]) == tag && order.Uint16(tiff[e+2:]) == short {
			return int(order.Uint16(tiff[e+8:]))
		}
	}
	return 0
}

// upright turns and mirrors a picture as its orientation says.
func upright(from *image.RGBA, orientation int) *image.RGBA {
	if orientation == 1 {
		return from
	}
	w, h := from.Rect.Dx(), from.Rect.Dy()
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation > 4 {
		to = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			at := [...]image.Point{2: {w - 1 - x, y}, 3: {w - 1 - x, h - 1 - y}, 4: {x, h - 1 - y}, 5: {y, x}, 6: {h - 1 - y, x}, 7: {h - 1 - y, w - 1 - x}, 8: {y, w - 1 - x}}[orientation]
			to.SetRGBA(at.X, at.Y, from.RGBAAt(x, y))
		}
	}
	return to
}
