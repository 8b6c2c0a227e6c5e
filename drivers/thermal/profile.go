package thermal

import "fmt"

// Profile is a width of paper, at 203 dpi (8 dots a millimetre), and what goes in a line of it.
type Profile struct {
	Name   string // millimetres: "58"
	Dots   int    // a line, a multiple of 8; the head is narrower than the paper
	CharsA int    // a line of font A, 12 by 24 dots
	CharsB int    // a line of font B, 9 by 17 dots
}

// The two widths that are sold.
var (
	Paper58 = Profile{"58", 384, 32, 42}
	Paper80 = Profile{"80", 576, 48, 64}
)

// ProfileByName finds a profile by its paper's width in millimetres: "58" or "80".
func ProfileByName(name string) (Profile, error) {
	for _, p := range []Profile{Paper58, Paper80} {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("thermal: paper %q: expected 58 or 80", name)
}

// known is the profile itself, and the 80 mm one for the zero value.
func (p Profile) known() Profile {
	if p.Dots <= 0 {
		return Paper80
	}
	return p
}
