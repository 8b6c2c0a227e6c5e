package overlay

import (
	"image/color"
	"math"

	"edgekit.internal/capture"
)

// palette is what a theme's cards are painted with. Text stands on a plate, so that its contrast (WCAG 2.2, 1.4.3) does not hang on the
// picture: what is written has at least 4.5:1 on what is under it, over black, white and anything between.
type palette struct {
	plate    color.NRGBA // under cards; some of the picture shows through
	solid    color.NRGBA // the same, through which nothing shows
	text     color.NRGBA
	lesser   color.NRGBA // text that matters less
	track    color.NRGBA // what the stock bar runs in, and frames
	accent   color.NRGBA // what can be tapped
	onAccent color.NRGBA // text on it
	scarce   color.NRGBA // text and bars of what runs out
}

var (
	white = color.NRGBA{0xFF, 0xFF, 0xFF, 0xFF}
	black = color.NRGBA{0, 0, 0, 0xFF}
	green = color.NRGBA{BannerR, BannerG, BannerB, 0xFF}

	dark = palette{
		plate:  color.NRGBA{0x12, 0x17, 0x20, 0xDE},
		solid:  color.NRGBA{0x12, 0x17, 0x20, 0xFF},
		text:   white,
		lesser: color.NRGBA{0xCF, 0xD6, 0xE0, 0xFF},
		track:  color.NRGBA{0x4A, 0x53, 0x63, 0xFF},
		accent: color.NRGBA{0xFF, 0xC9, 0x3C, 0xFF},
		scarce: color.NRGBA{0xFF, 0x8A, 0x70, 0xFF},
	}
	light = palette{
		plate:  color.NRGBA{0xFC, 0xFB, 0xF8, 0xE8},
		solid:  color.NRGBA{0xFC, 0xFB, 0xF8, 0xFF},
		text:   dark.solid,
		lesser: color.NRGBA{0x2A, 0x32, 0x3E, 0xFF},
		track:  color.NRGBA{0xB4, 0xBB, 0xC6, 0xFF},
		accent: dark.accent,
		scarce: color.NRGBA{0x9E, 0x2A, 0x12, 0xFF},
	}
)

// paletteOf is a theme's. Whatever the accent is, text on it can be read.
func paletteOf(t capture.Theme) palette {
	p := dark
	if t.Light {
		p = light
	}
	if t.Accent != 0 {
		p.accent = color.NRGBA{uint8(t.Accent >> 16), uint8(t.Accent >> 8), uint8(t.Accent), 0xFF}
	}
	for _, p.onAccent = range []color.NRGBA{dark.solid, white, black} { // of white and black, one has 4.58:1 on any colour
		if contrast(p.onAccent, p.accent) >= 4.5 {
			break
		}
	}
	return p
}

// contrast is the ratio of two opaque colours' brightness, 1 to 21 (WCAG 2.2, "contrast ratio").
func contrast(a, b color.NRGBA) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

// luminance is WCAG's relative luminance, 0 to 1.
func luminance(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		if s := float64(v) / 255; s > .04045 {
			return math.Pow((s+.055)/1.055, 2.4)
		} else {
			return s / 12.92
		}
	}
	return .2126*linear(c.R) + .7152*linear(c.G) + .0722*linear(c.B)
}
