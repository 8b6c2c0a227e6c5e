package v4l2

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"iter"
	"slices"
)

// JPEG markers (ITU-T T.81 table B.1).
const (
	markSOF0, markSOF1 = 0xc0, 0xc1 // baseline and extended sequential, as cameras have them

	markSOI = 0xd8
	markSOS = 0xda
	markDHT = 0xc4
	markJPG = 0xc8
	markDAC = 0xcc
)

var limited = fullToLimited()

// DecodeJPEG reads one JPEG, as cameras send them, to a 4:2:0 picture with even sides and limited range. A webcam's may
// lack Huffman tables, and then means those of T.81 annex K (as Motion JPEG in AVI did; USB Video Class payload MJPEG 1.5
// allows it). Pictures of more than 4096 pixels a side are refused before they take memory; those cut short too.
func DecodeJPEG(data []byte) (*image.YCbCr, error) {
	cfg, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("v4l2: JPEG of %d bytes: %w", len(data), err)
	}
	if cfg.Width < 2 || cfg.Height < 2 || cfg.Width > maxSide || cfg.Height > maxSide {
		return nil, fmt.Errorf("v4l2: JPEG of %d×%d, expected sides of 2 to %d", cfg.Width, cfg.Height, maxSide)
	}
	img, err := jpeg.Decode(withTables(data))
	if err != nil {
		return nil, fmt.Errorf("v4l2: JPEG of %d bytes: %w", len(data), err)
	}
	out := image.NewYCbCr(image.Rect(0, 0, cfg.Width&^1, cfg.Height&^1), image.YCbCrSubsampleRatio420)
	switch img := img.(type) {
	case *image.YCbCr:
		subsample(out, img)
	case *image.Gray:
		for y := range out.Rect.Dy() {
			copy(out.Y[y*out.YStride:][:out.Rect.Dx()], img.Pix[y*img.Stride:])
		}
		for i := range out.Cb {
			out.Cb[i], out.Cr[i] = 128, 128
		}
	default: // four colours, or RGB: no camera's
		FromRGB(out, img)
		return out, nil
	}
	limited.apply(out)
	return out, nil
}

// decodeJPEG reads what a camera sent in a mode. Some send another size than they promised: that is a picture too, as long as it is not
// larger than what fits memory with several read side by side. Progressive JPEG, with which a few bytes can take seconds to read, no
// camera sends.
func (m Mode) decodeJPEG(data []byte) (*image.YCbCr, error) {
	const usual = 1920 * 1088
	size, err := sizeOf(data)
	if err != nil {
		return nil, err
	}
	if most := max(usual, (m.Width+15)*(m.Height+15)); size.X*size.Y > most {
		return nil, fmt.Errorf("v4l2: JPEG of %d×%d from a camera set to %v", size.X, size.Y, m)
	}
	return DecodeJPEG(data)
}

// sizeOf is what the frame header (T.81 annex B.2.2) of a sequential JPEG says.
func sizeOf(data []byte) (image.Point, error) {
	for _, s := range segments(data) {
		switch mark := s[1]; {
		case (mark == markSOF0 || mark == markSOF1) && len(s) >= 9:
			return image.Pt(int(s[7])<<8|int(s[8]), int(s[5])<<8|int(s[6])), nil
		case mark&0xf0 == markSOF0 && mark != markDHT && mark != markJPG && mark != markDAC:
			return image.Point{}, fmt.Errorf("v4l2: JPEG of kind %#x, expected a sequential one", mark)
		}
	}
	return image.Point{}, fmt.Errorf("v4l2: %d bytes that are no JPEG", len(data))
}

// segments are a JPEG's (T.81 annex B.1.1), each with where it begins, from its marker on, up to its first scan's header.
func segments(data []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		if !bytes.HasPrefix(data, []byte{0xff, markSOI}) {
			return
		}
		for i := 2; i+4 <= len(data) && data[i] == 0xff; {
			if data[i+1] == 0xff { // fill byte
				i++
				continue
			}
			end := i + 2 + int(data[i+2])<<8 + int(data[i+3])
			if end < i+4 || end > len(data) || !yield(i, data[i:end]) || data[i+1] == markSOS {
				return
			}
			i = end
		}
	}
}

// withTables is the JPEG, with the usual Huffman tables put before its scan when it brings none.
func withTables(data []byte) io.Reader {
	at, ok := scanWithoutTables(data)
	if !ok {
		return bytes.NewReader(data)
	}
	return io.MultiReader(bytes.NewReader(data[:at]), bytes.NewReader(annexK), bytes.NewReader(data[at:]))
}

// scanWithoutTables tells where the first scan begins, when no Huffman table comes before it.
func scanWithoutTables(data []byte) (at int, missing bool) {
	for at, s := range segments(data) {
		switch s[1] {
		case markDHT:
			return 0, false
		case markSOS:
			return at, true
		}
	}
	return 0, false
}

// subsample brings any chroma subsampling to 4:2:0: for each new sample the mean of the up to four that it covers.
func subsample(out, in *image.YCbCr) {
	w, h := out.Rect.Dx(), out.Rect.Dy()
	for y := range h {
		copy(out.Y[y*out.YStride:][:w], in.Y[y*in.YStride:])
	}
	for y := range h / 2 {
		cb, cr := out.Cb[y*out.CStride:][:w/2], out.Cr[y*out.CStride:][:w/2]
		switch in.SubsampleRatio {
		case image.YCbCrSubsampleRatio420:
			copy(cb, in.Cb[y*in.CStride:])
			copy(cr, in.Cr[y*in.CStride:])
		case image.YCbCrSubsampleRatio422:
			mean2(cb, in.Cb[2*y*in.CStride:][:w/2], in.Cb[(2*y+1)*in.CStride:][:w/2])
			mean2(cr, in.Cr[2*y*in.CStride:][:w/2], in.Cr[(2*y+1)*in.CStride:][:w/2])
		default:
			for x := range cb {
				a, b := in.COffset(2*x, 2*y), in.COffset(2*x+1, 2*y)
				c, d := in.COffset(2*x, 2*y+1), in.COffset(2*x+1, 2*y+1)
				cb[x] = mean4(in.Cb[a], in.Cb[b], in.Cb[c], in.Cb[d])
				cr[x] = mean4(in.Cr[a], in.Cr[b], in.Cr[c], in.Cr[d])
			}
		}
	}
}

func mean2(dst, a, b []byte) {
	for i := range dst {
		dst[i] = byte((int(a[i]) + int(b[i]) + 1) >> 1)
	}
}

func mean4(a, b, c, d byte) byte { return byte((int(a) + int(b) + int(c) + int(d) + 2) >> 2) }

// FromRGB draws any picture into a 4:2:0 one of its size, less an odd line or column, in limited range; for pictures that are
// read once, since it is slow. Transparent parts are black.
func FromRGB(out *image.YCbCr, in image.Image) {
	b := in.Bounds()
	for y := 0; y < out.Rect.Dy(); y += 2 {
		for x := 0; x < out.Rect.Dx(); x += 2 {
			var cb, cr int
			for i := range 4 {
				dx, dy := i%2, i/2
				r, g, bl, _ := in.At(b.Min.X+x+dx, b.Min.Y+y+dy).RGBA()
				l, u, v := color.RGBToYCbCr(byte(r>>8), byte(g>>8), byte(bl>>8))
				out.Y[(y+dy)*out.YStride+x+dx] = limited.luma[l]
				cb, cr = cb+int(u), cr+int(v)
			}
			at := y/2*out.CStride + x/2
			out.Cb[at], out.Cr[at] = limited.chroma[(cb+2)/4], limited.chroma[(cr+2)/4]
		}
	}
}

// annexK is a DHT segment with the four tables of ITU-T T.81 annex K.3 (tables K.3 to K.6): for each its class and number, how
// many codes there are of each length from 1 to 16 bits, and their values in order.
var annexK = segment(markDHT,
	// K.3, luminance DC, and K.4, chrominance DC: the values are the categories 0 to 11.
	[]byte{0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0}, upTo(11),
	[]byte{0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0}, upTo(11),
	// K.5, luminance AC, and K.6, chrominance AC: run of zeros in the high four bits, size in the low.
	[]byte{0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d}, []byte{
		0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
		0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
		0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
		0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
		0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
		0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
		0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
		0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
		0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa},
	[]byte{0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77}, []byte{
		0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
		0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
		0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
		0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
		0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
		0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
		0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
		0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
		0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa},
)

// segment puts a marker and a length before parts.
func segment(mark byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	size := len(body) + 2
	return append([]byte{0xff, mark, byte(size >> 8), byte(size)}, body...)
}

func upTo(n byte) []byte {
	var v []byte
	for i := range n + 1 {
		v = append(v, i)
	}
	return v
}
