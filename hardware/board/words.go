package board

import (
	"fmt"
	"strings"
)

// Trouble says what is wrong with power or heat, what it means and what to do; "": nothing is.
func (s Snapshot) Trouble() string {
	var words []string
	if !s.Weak.IsZero() && s.At.Sub(s.Weak) < remember {
		words = append(words, s.weak())
	}
	switch {
	case s.Throttled.Any(SlowedDown | SoftLimit):
		words = append(words, fmt.Sprintf("The board is too hot%s and slows itself down. Taps are still served, the picture runs at %s. "+
			"Take it out of the sun, give it air, or put a fan on it.", s.degrees(), s.Load))
	case s.Load != Full && s.Limit > 0 && s.Known && s.Celsius >= s.Limit-halfBelow-gap:
		words = append(words, fmt.Sprintf("The board is hot%s. The picture runs at %s, so that it does not slow down altogether. "+
			"Take it out of the sun, give it air, or put a fan on it.", s.degrees(), s.Load))
	case s.Load != Full:
		words = append(words, fmt.Sprintf("The picture runs at %s, to spare the board.", s.Load))
	}
	return strings.Join(words, " ")
}

func (s Snapshot) weak() string {
	supply := s.Supply
	if supply == "" {
		supply = "supply made for it"
	}
	return fmt.Sprintf("The power supply is too weak: the voltage falls below 4.63 V. The board slows down, and may start again in the middle of a sale; "+
		"nothing sold is lost. Use the official %s and its own cable, and give the receipt printer a supply of its own.", supply)
}

func (s Snapshot) degrees() string {
	if !s.Known {
		return ""
	}
	return fmt.Sprintf(" (%.0f °C)", s.Celsius)
}

// String is the load for people.
func (l Load) String() string {
	switch l {
	case Half:
		return "half its rate"
	case Quarter:
		return "a quarter of its rate"
	}
	return "its full rate"
}

// String is the board in a line, for people: "Raspberry Pi 4 Model B Rev 1.4, 1848 MB, 61 °C".
func (s Snapshot) String() string {
	if s.Name == "" {
		return ""
	}
	if !s.Known {
		return s.Model.String()
	}
	return fmt.Sprintf("%s, %.0f °C", s.Model, s.Celsius)
}
