package camlink

import (
	"fmt"

	"edgekit.internal/capture"
)

// check holds the bounds of every message in one place, for who writes it and who reads it.
func check(m Message) error {
	switch m := m.(type) {
	case Scene:
		return checkScene(m)
	case Keyframe:
		return within("keyframe's layer", int64(m.Layer), 0, MaxLayers-1)
	case Bitrate:
		return first(within("bitrate's layer", int64(m.Layer), 0, MaxLayers-1),
			within("kbit/s", int64(m.Kbps), 1, 1_000_000))
	case Pace:
		return within("one of so many pictures", int64(m.Every), 1, MaxPace)
	case Hello:
		return checkHello(m)
	case AccessUnit:
		return first(within("access unit's layer", int64(m.Layer), 0, MaxLayers-1),
			within("access unit's time", int64(m.At), 0, int64(maxAt)),
			within("access unit's bytes", int64(len(m.Data)), 1, MaxMessage))
	case Areas:
		return checkAreas(m)
	case Sound:
		return first(within("sound's time", int64(m.At), 0, int64(maxAt)), within("sound's bytes", int64(len(m.Data)), 1, MaxSound))
	case Microphone:
		return checkMicrophone(m)
	case Source:
		return checkSource(m)
	case Zones:
		return checkZones(m)
	case Code:
		return checkCode(m)
	case Prefer:
		return text(m.At)
	case WantStill, Refocus, NextCamera, Mute:
		return nil
	case Still:
		return within("still's bytes", int64(len(m)), 1, MaxStill)
	case Beat:
		return within("beat's mean", int64(m.Mean), 0, int64(maxAt))
	}
	return fmt.Errorf("camlink: %T is no message", m)
}

func checkScene(s Scene) error {
	err := first(within("prompts", int64(len(s.Prompts)), 0, MaxPrompts),
		within("banners", int64(len(s.Banners)), 0, MaxBanners))
	err = first(err, text(s.Lower.Name, s.Lower.Line, s.QR.Text, s.QR.Label), within("accent", int64(s.Theme.Accent), 0, 0xFFFFFF))
	for _, p := range s.Prompts {
		err = first(err, text(p.Offer, p.Title, p.Price, p.In, string(p.State)),
			within("end of a countdown", int64(p.Ends), int64(-maxAt), int64(maxAt)))
	}
	for _, b := range s.Banners {
		err = first(err, text(b.Text, b.Sub), within("end of a banner", int64(b.Until), int64(-maxAt), int64(maxAt)))
	}
	return err
}

func checkHello(h Hello) error {
	err := within("layers", int64(len(h)), 1, MaxLayers)
	for i, l := range h {
		err = first(err, within("layer's ID", int64(l.ID), int64(i), int64(i)),
			within("layer's width", int64(l.Width), 2, maxSide), within("layer's height", int64(l.Height), 2, maxSide),
			within("layer's pictures a second", int64(l.FPS), 1, 240), within("layer's kbit/s", int64(l.Kbps), 1, 1_000_000))
	}
	return err
}

func checkAreas(a Areas) error {
	err := within("areas", int64(len(a.Areas)), 0, MaxAreas)
	for _, r := range a.Areas {
		err = first(err, text(r.Offer), fractions(r))
	}
	return err
}

func checkSource(s Source) error {
	switch s.State {
	case "absent", "opening", "ready", "failed":
		return first(text(s.Name, s.Format, s.At, s.Tuned, s.Reason), within("cameras", int64(s.Of), 0, maxCameras))
	}
	return fmt.Errorf("camlink: camera state %.20q, expected absent, opening, ready or failed", s.State)
}

func checkMicrophone(m Microphone) error {
	switch m.State {
	case "off", "absent", "opening", "ready", "failed":
		return first(text(m.Name, m.Format, m.Reason), within("level", int64(m.Level), capture.QuietLevel, 0))
	}
	return fmt.Errorf("camlink: microphone state %.20q, expected off, absent, opening, ready or failed", m.State)
}

func checkZones(zs Zones) error {
	err := within("zones", int64(len(zs)), 0, maxZones)
	for _, z := range zs {
		err = first(err, text(z.Name), fractions(capture.Area{Offer: z.Name, X: z.X, Y: z.Y, W: z.W, H: z.H}), within("light", int64(z.Light), 0, 100), within("white", int64(z.Blown), 0, 100), within("black", int64(z.Crushed), 0, 100),
			within("sharpness", int64(z.Sharp), -1, 100))
	}
	return err
}

func checkCode(c Code) error {
	switch c.Kind {
	case "qr", "ean-13", "ean-8", "upc-a", "code-128":
		return within("bytes of a code's text", int64(len(c.Text)), 1, MaxCode)
	}
	return fmt.Errorf("camlink: code of kind %.20q, expected qr, ean-13, ean-8, upc-a or code-128", c.Kind)
}

func fractions(r capture.Area) error {
	for _, v := range [4]float64{r.X, r.Y, r.W, r.H} {
		if !(v >= 0 && v <= 1) { // also not a number
			return fmt.Errorf("camlink: area of %.40q at %v,%v of %v×%v, expected fractions from 0 to 1", r.Offer, r.X, r.Y, r.W, r.H)
		}
	}
	return nil
}

func text(parts ...string) error {
	for _, s := range parts {
		if len(s) > maxText {
			return fmt.Errorf("camlink: text of %d bytes, expected at most %d", len(s), maxText)
		}
	}
	return nil
}

func within(what string, v, low, high int64) error {
	if v < low || v > high {
		return fmt.Errorf("camlink: %s: %d, expected %d to %d", what, v, low, high)
	}
	return nil
}

// first is the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
