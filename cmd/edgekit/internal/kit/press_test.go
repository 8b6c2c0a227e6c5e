package kit

import (
	"slices"
	"testing"

	"edgekit.internal/cmd/edgekit/internal/press"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/hardware/pins"
)

// TestButtonsAreThoseThatAreWired: the pin table, the settings and the desk mean the same ones.
func TestButtonsAreThoseThatAreWired(t *testing.T) {
	bound := settings.Default().Press.Bindings()
	for _, name := range press.Buttons {
		if p, ok := pins.For(pins.Role(name)); !ok || p.Kind != pins.GPIO {
			t.Errorf("%s is wired to %v", name, p)
		}
		if bound[name] == nil {
			t.Errorf("%s cannot be set", name)
		}
	}
	for name := range bound {
		if !slices.Contains(press.Buttons, name) {
			t.Errorf("%s can be set, and is no button", name)
		}
	}
	for _, name := range press.Lights {
		if p, ok := pins.For(pins.Role(name)); !ok || p.Kind != pins.GPIO {
			t.Errorf("%s is wired to %v", name, p)
		}
	}
}
