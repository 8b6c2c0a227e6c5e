package scale

import "image"

// Fitter brings pictures of any size to one, whole and undistorted, with black beside or above them where the shapes
// differ. One goroutine at a time.
type Fitter struct {
	size   image.Point
	scaler *Scaler
	place  image.Rectangle
}

// NewFitter makes pictures of width × height, both even.
func NewFitter(width, height int) *Fitter { return &Fitter{size: image.Pt(width, height)} }

// Fit returns img itself when it has the size, else a new picture. Pictures must be 4:2:0 with even sides from (0, 0).
func (f *Fitter) Fit(img *image.YCbCr) *image.YCbCr {
	from := img.Rect.Size()
	if from == f.size {
		return img
	}
	if f.scaler == nil || f.scaler.from != from {
		f.place = inside(from, f.size)
		f.scaler = New(from, f.place.Size())
	}
	out := Black(f.size.X, f.size.Y)
	if f.place.Size() == from {
		copyInto(out, f.place, img)
	} else {
		f.scaler.Into(out, f.place, img)
	}
	return out
}

// inside is the largest rectangle in the middle of to with the shape of from, on even pixels.
func inside(from, to image.Point) image.Rectangle {
	size := image.Pt(to.X, from.Y*to.X/from.X)
	if size.Y > to.Y {
		size = image.Pt(from.X*to.Y/from.Y, to.Y)
	}
	size.X, size.Y = max(2, size.X&^1), max(2, size.Y&^1)
	corner := image.Pt((to.X-size.X)/2&^1, (to.Y-size.Y)/2&^1)
	return image.Rectangle{Min: corner, Max: corner.Add(size)}
}

// Black is a black 4:2:0 picture, limited range (ITU-R BT.601: black is 16, no colour is 128).
func Black(width, height int) *image.YCbCr {
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	fill(img.Y, 16)
	fill(img.Cb, 128)
	fill(img.Cr, 128)
	return img
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

func copyInto(dst *image.YCbCr, r image.Rectangle, src *image.YCbCr) {
	w, h := r.Dx(), r.Dy()
	for y := range h {
		copy(dst.Y[dst.YOffset(r.Min.X, r.Min.Y+y):][:w], src.Y[y*src.YStride:])
	}
	for y := range h / 2 {
		at := dst.COffset(r.Min.X, r.Min.Y+2*y)
		copy(dst.Cb[at:][:w/2], src.Cb[y*src.CStride:])
		copy(dst.Cr[at:][:w/2], src.Cr[y*src.CStride:])
	}
}
