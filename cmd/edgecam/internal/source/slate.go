package source

import (
	"image"

	"edgekit.internal/capture/overlay"
	"edgekit.internal/cmd/edgecam/internal/scale"
)

// The slate's colours, BT.601 limited range: a calm dark blue, and white.
const (
	slateTop, slateBottom = 62, 34
	slateCb, slateCr      = 143, 120
	white                 = 235
)

// Slate draws two lines in the middle of a plain picture, above where prompts are, as Config wants it.
func Slate(fonts *overlay.Fonts, size image.Point) func(title, sub string) *image.YCbCr {
	return func(title, sub string) *image.YCbCr {
		img := scale.Black(size.X, size.Y)
		for y := range size.Y {
			row := img.Y[y*img.YStride:][:size.X]
			for x := range row {
				row[x] = byte(slateTop - (slateTop-slateBottom)*y/size.Y)
			}
		}
		for i := range img.Cb {
			img.Cb[i], img.Cr[i] = slateCb, slateCr
		}
		style := overlay.Style{Bold: true, MaxWidth: size.X * 9 / 10}
		write(img, fonts.Raster(title, size.Y/12, style), size.Y*30/100)
		style.Bold = false
		write(img, fonts.Raster(sub, size.Y/18, style), size.Y*43/100)
		return img
	}
}

// write lays white text over a picture, centred, with its top at y. The ground has hardly any colour, so none is changed.
func write(img *image.YCbCr, text *image.Alpha, y int) {
	if text == nil {
		return
	}
	b := text.Bounds()
	x := (img.Rect.Dx() - b.Dx()) / 2
	part := image.Rect(x, y, x+b.Dx(), y+b.Dy()).Intersect(img.Rect)
	for py := part.Min.Y; py < part.Max.Y; py++ {
		for px := part.Min.X; px < part.Max.X; px++ {
			a := int(text.AlphaAt(b.Min.X+px-x, b.Min.Y+py-y).A)
			i := img.YOffset(px, py)
			img.Y[i] = byte((int(img.Y[i])*(255-a) + white*a) / 255)
		}
	}
}
