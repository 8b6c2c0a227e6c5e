package v4l2

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
)

// JPEG markers (ITU-T T.81 table B.1).
const (
	markSOI = 0xd8
	markEOI = 0xd9
	markSOS = 0xda
	markDHT = 0xc4
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

// withTables is the JPEG, with the usual Huffman tables put before its scan when it brings none.
func withTables(data []byte) io.Reader {
	at, ok := scanWithoutTables(data)
	if !ok {
		return bytes.NewReader(data)
	}
	return io.MultiReader(bytes.NewReader(data[:at]), bytes.NewReader(annexK), bytes.NewReader(data[at:]))
}

// scanWithoutTables walks the segments (T.81 annex B.1.1) up to the first scan, and tells where that begins when no Huffman table
// came before it.
func scanWithoutTables(data []byte) (at int, missing bool) {
	if len(data) < 2 || data[0] != 0xff || data[1] != markSOI {
		return 0, false
	}
	for i := 2; i+4 <= len(data); {
		if data[i] != 0xff {
			return 0, false
		}
		switch mark := data[i+1]; mark {
		case 0xff: // fill byte
			i++
			continue
		case markDHT, markEOI:
			return 0, false
		case markSOS:
			return i, true
		}
		size := int(data[i+2])<<8 | int(data[i+3])
		if size < 2 {
			return 0, false
		}
		i += 2 + size
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
