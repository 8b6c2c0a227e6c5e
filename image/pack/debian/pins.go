package debian

import (
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Pin is one package, byte for byte.
type Pin struct {
	Name    string
	Version string // Debian's, with epoch
	SHA256  string // of the .deb
}

//go:embed pins
var pinned string

// Pins are the packages of the image, by name.
func Pins() ([]Pin, error) { return parsePins(pinned) }

func parsePins(text string) (pins []Pin, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("debian: pins: %q: expected package, version and SHA-256", line)
		}
		if sum, err := hex.DecodeString(f[2]); err != nil || len(sum) != 32 {
			return nil, fmt.Errorf("debian: pins: %s: expected a SHA-256, not %q", f[0], f[2])
		}
		pins = append(pins, Pin{f[0], f[1], f[2]})
	}
	if len(pins) == 0 {
		return nil, errors.New("debian: pins: no package")
	}
	return pins, nil
}

// formatPins is the text of the file pins.
func formatPins(pins []Pin) []byte {
	slices.SortFunc(pins, func(a, b Pin) int { return strings.Compare(a.Name, b.Name) })
	text := []byte("# Debian 12's packages for arm64 of which the image has something: name, version, SHA-256 of the .deb.\n" +
		"# Written by: go run ./image/pack -repin\n")
	for _, p := range pins {
		text = fmt.Appendf(text, "%s %s %s\n", p.Name, p.Version, p.SHA256)
	}
	return text
}
