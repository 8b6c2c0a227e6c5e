package overlay

import "image"

// maxPrompts is how many cards are shown side by side; further prompts of a scene are not drawn and have no area.
// maxBanners is how many confirmations are shown, one under the other.
const (
	maxPrompts = 4
	maxBanners = 2
	minWidth   = 160 // of a picture that is drawn into; in a smaller one nothing could be read
	minHeight  = 90
)

// ruler measures in pixels of a 1280 × 720 picture and gives those of the picture at hand. In a picture narrower than
// 4:3 the width decides, so that four cards always have room.
type ruler struct{ w, h int }

func (r ruler) px(n int) int {
	return max(min(n*r.h/720, n*r.w/960), 1)
}

// even is px rounded to an even number, for what must lie on chroma samples.
func (r ruler) even(n int) int { return max(r.px(n)&^1, 2) }

// cards places n cards in a row along the bottom, inside the safe area (EBU R 95: 3.5 % for action, 5 % for graphics;
// here 4 % at the sides and below, since players on a page do not overscan). Fewer cards are as wide as suits them and
// centred.
//
// tall cards have room for a line more.
func (r ruler) cards(n int, tall bool) []image.Rectangle {
	if n <= 0 {
		return nil
	}
	gap, w, h := r.even(16), r.even(384), r.card(tall)
	room := r.w*92/100 - (n-1)*gap
	w = min(w, room/n) &^ 1
	x, y := (r.w-n*w-(n-1)*gap)/2&^1, r.bottom()-h
	out := make([]image.Rectangle, n)
	for i := range out {
		out[i] = image.Rect(x, y, x+w, y+h)
		x += w + gap
	}
	return out
}

// card is a card's height.
func (r ruler) card(tall bool) int {
	if tall {
		return r.even(cardHeight) + r.even(inHeight)
	}
	return r.even(cardHeight)
}

// bottom is where what stands at the picture's foot ends.
func (r ruler) bottom() int { return (r.h - r.h*4/100) &^ 1 }

// above is what a lower third stands on: the highest cards there may be, so that it stays where it is when cards change; without any, the
// picture's foot.
func (r ruler) above(cards bool) int {
	if !cards {
		return r.bottom()
	}
	return r.bottom() - r.card(true) - r.even(16)
}

// code is where a QR code with a label of some height has its top right corner, and how large it may be: beside the confirmations, or
// below them if there is more room.
func (r ruler) code(label int, cards bool) (corner image.Point, side int) {
	most, gap, right := r.px(264), r.px(16), (r.w-r.w*4/100)&^1
	beside, below := r.banner(0), r.banner(maxBanners-1).Max.Y+gap
	corner, side = image.Pt(right, beside.Min.Y&^1), min(most, right-beside.Max.X-gap)
	if s := min(most, r.above(cards)-gap-label-below); s > side {
		return image.Pt(right, (below+1)&^1), s
	}
	return corner, side
}

// banner places the i-th confirmation: centred, from 10 % of the height down.
func (r ruler) banner(i int) image.Rectangle {
	w, h := min(r.even(600), r.w*92/100)&^1, r.even(104)
	x, y := (r.w-w)/2&^1, r.h/10&^1+i*(h+r.even(12))
	return image.Rect(x, y, x+w, y+h)
}

// BannerRect is where the latest confirmation banner is in a picture of the given size: centred, between 10 % and 26 % of the
// height. See BannerR for how to tell whether it is there.
func BannerRect(w, h int) image.Rectangle { return ruler{w, h}.banner(0) }
