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
func (r ruler) cards(n int) []image.Rectangle {
	if n <= 0 {
		return nil
	}
	gap, w, h := r.even(16), r.even(384), r.even(188)
	room := r.w*92/100 - (n-1)*gap
	w = min(w, room/n) &^ 1
	x, y := (r.w-n*w-(n-1)*gap)/2&^1, (r.h-r.h*4/100-h)&^1
	out := make([]image.Rectangle, n)
	for i := range out {
		out[i] = image.Rect(x, y, x+w, y+h)
		x += w + gap
	}
	return out
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
