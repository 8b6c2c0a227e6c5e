package overlay

import "image"

// The colour of a confirmation's plate, and of nothing else that this package draws. At least half of BannerRect is
// exactly this colour while a banner is shown, whatever it says, so a test can look for it in a decoded picture: RGB (0, 118, 53), which
// in the video's BT.601 limited range is Y 81, Cb 117, Cr 81. White text on it has a contrast of 5.8:1.
const (
	BannerR, BannerG, BannerB   = 0, 118, 53
	BannerY, BannerCb, BannerCr = 81, 117, 81
)

// bannerKey is what a confirmation's drawing depends on, its place excepted.
type bannerKey struct{ text, sub string }

func drawBanner(f *Fonts, u ruler, at image.Rectangle, b bannerKey) *sprite {
	c := newCanvas(at.Size())
	w, h := at.Dx(), at.Dy()
	c.plate(c.img.Bounds(), u.px(24), green)
	mark := u.px(64)
	disc := image.Rect(u.px(20), (h-mark)/2, u.px(20)+mark, (h-mark)/2+mark)
	c.plate(disc, mark, white)
	c.tick(disc.Inset(mark*21/100), green)
	x := disc.Max.X + u.px(20)
	room := w - x - u.px(24)
	text := largest(f, b.text, room, true, u.px(38), u.px(34), u.px(30))
	base := u.px(66)
	if b.sub != "" {
		sub := largest(f, b.sub, room, false, u.px(smallPx))
		put(c, sub, x, u.px(86), white)
		base = u.px(48)
	}
	put(c, text, leading(text, x, room), base, white)
	return bake(c.img, at)
}

// BannerShown looks for the confirmation banner in a decoded picture of any size. An *image.YCbCr is taken as video
// (BT.601 limited range, as decoders of H.264 give it), anything else as RGB.
func BannerShown(img image.Image) bool {
	b := img.Bounds()
	if b.Dx() < minWidth || b.Dy() < minHeight {
		return false
	}
	r := BannerRect(b.Dx(), b.Dy())
	hits := 0
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			if isBanner(img, b.Min.X+x, b.Min.Y+y) {
				hits++
			}
		}
	}
	return hits*5 >= r.Dx()*r.Dy()*2 // half is drawn so; coding blurs some of it at the edges of letters
}

func isBanner(img image.Image, x, y int) bool {
	const near = 20 // codes of 8 bits that coding may be off
	if v, ok := img.(*image.YCbCr); ok {
		p := v.YCbCrAt(x, y)
		return apart(p.Y, BannerY) <= near && apart(p.Cb, BannerCb) <= near && apart(p.Cr, BannerCr) <= near
	}
	r, g, b, _ := img.At(x, y).RGBA()
	return apart(uint8(r>>8), BannerR) <= 2*near && apart(uint8(g>>8), BannerG) <= 2*near && apart(uint8(b>>8), BannerB) <= 2*near
}

func apart(a, b uint8) int { return int(max(a, b)) - int(min(a, b)) }
