package settings

import "strconv"

// Overlay is the section [overlay]: what is drawn over the picture beside prompts and confirmations, and what all of it looks like.
type Overlay struct {
	Name   string `toml:"name" max:"60" help:"A name at the left of the picture, such as yours or the stall's. Default: none."`
	Line   string `toml:"line" max:"80" help:"A line under the name."`
	Theme  string `toml:"theme" default:"dark" enum:"dark,light" help:"dark: light text on dark plates. light: dark text on light ones."`
	Accent string `toml:"accent" pattern:"^(#[0-9a-fA-F]{6})?$" expect:"a colour such as #FFC93C" help:"Colour of what can be tapped. Text on it is black or white, whichever can be read. Default: amber."`
	Code   string `toml:"code" default:"none" enum:"none,offer,wifi" help:"A QR code in the picture, for a screen at the stall. offer: who scans it buys, once per code; live offers take turns. wifi: it joins the kit's Wi-Fi."`
}

// Colour is the accent as 0xRRGGBB; 0: the theme's own. Black is the nearest to it that is not 0.
func (o Overlay) Colour() uint32 {
	if len(o.Accent) != len("#RRGGBB") {
		return 0
	}
	n, err := strconv.ParseUint(o.Accent[1:], 16, 32)
	if err != nil {
		return 0 // the pattern above keeps these out
	}
	return max(uint32(n), 1)
}
