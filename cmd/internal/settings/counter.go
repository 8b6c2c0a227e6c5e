package settings

import (
	"reflect"
	"slices"

	"edgekit.internal/pipeline"
)

// Press is the section [press]: what a press of each button does, by the gesture.
type Press struct {
	StartDrop StartDrop `toml:"start-drop" help:"What a press of Start drop does."`
	SoldOut   SoldOut   `toml:"sold-out" help:"What a press of Sold out does."`
	Reprint   Reprint   `toml:"reprint" help:"What a press of Reprint does."`
	CallHelp  CallHelp  `toml:"call-help" help:"What a press of Call help does."`
}

// The buttons differ in what they do where nothing is said: a short press does nothing that cannot be taken back.
type (
	// StartDrop is the button that starts drops.
	StartDrop struct {
		Short  string `toml:"short" default:"start-next-drop" is:"action" help:"A short press: ${enum}."`
		Double string `toml:"double" default:"none" is:"action" help:"Two short presses within 0.35 s. If this is set, a short one waits so long."`
		Long   string `toml:"long" default:"none" is:"action" help:"Held for 1 s and let go."`
		Hold   string `toml:"hold" default:"none" is:"action" help:"Held for 3 s and let go."`
		Repeat string `toml:"repeat" default:"none" is:"repeat" help:"While it stays down, from 0.6 s on every 0.25 s, for at most 10 s: ${enum}. If this is set, long and hold must be none."`
	}
	// SoldOut is the button that says that nothing is left.
	SoldOut struct {
		Short  string `toml:"short" default:"none" is:"action" help:"A short press: ${enum}."`
		Double string `toml:"double" default:"none" is:"action" help:"Two short presses within 0.35 s. If this is set, a short one waits so long."`
		Long   string `toml:"long" default:"sold-out" is:"action" help:"Held for 1 s and let go."`
		Hold   string `toml:"hold" default:"none" is:"action" help:"Held for 3 s and let go."`
		Repeat string `toml:"repeat" default:"none" is:"repeat" help:"While it stays down, from 0.6 s on every 0.25 s, for at most 10 s: ${enum}. If this is set, long and hold must be none."`
	}
	// Reprint is the button that prints the last slip again.
	Reprint struct {
		Short  string `toml:"short" default:"reprint-last" is:"action" help:"A short press: ${enum}."`
		Double string `toml:"double" default:"none" is:"action" help:"Two short presses within 0.35 s. If this is set, a short one waits so long."`
		Long   string `toml:"long" default:"none" is:"action" help:"Held for 1 s and let go."`
		Hold   string `toml:"hold" default:"shut-down" is:"action" help:"Held for 3 s and let go."`
		Repeat string `toml:"repeat" default:"none" is:"repeat" help:"While it stays down, from 0.6 s on every 0.25 s, for at most 10 s: ${enum}. If this is set, long and hold must be none."`
	}
	// CallHelp is the button that calls somebody.
	CallHelp struct {
		Short  string `toml:"short" default:"call-help" is:"action" help:"A short press: ${enum}."`
		Double string `toml:"double" default:"none" is:"action" help:"Two short presses within 0.35 s. If this is set, a short one waits so long."`
		Long   string `toml:"long" default:"none" is:"action" help:"Held for 1 s and let go."`
		Hold   string `toml:"hold" default:"setup-slip" is:"action" help:"Held for 3 s and let go."`
		Repeat string `toml:"repeat" default:"none" is:"repeat" help:"While it stays down, from 0.6 s on every 0.25 s, for at most 10 s: ${enum}. If this is set, long and hold must be none."`
	}
)

// noAction is what a gesture does that does nothing.
const noAction = "none"

func actions() []string {
	all := []string{noAction}
	for _, a := range pipeline.Actions {
		all = append(all, string(a))
	}
	return all
}

func repeats() []string {
	return slices.DeleteFunc(actions(), func(a string) bool { return a != noAction && !pipeline.Action(a).MayRepeat() })
}

// Bindings is what is bound, by button and gesture, under their names in the file.
func (p Press) Bindings() map[string]map[string]pipeline.Action {
	all := map[string]map[string]pipeline.Action{}
	for v, i := reflect.ValueOf(p), 0; i < v.NumField(); i++ {
		bound := map[string]pipeline.Action{}
		for b, g := v.Field(i), 0; g < b.NumField(); g++ {
			if a := b.Field(g).String(); a != noAction && a != "" {
				bound[b.Type().Field(g).Tag.Get("toml")] = pipeline.Action(a)
			}
		}
		all[v.Type().Field(i).Tag.Get("toml")] = bound
	}
	return all
}

// Scanner is the section [scanner].
type Scanner struct {
	Device string `toml:"device" default:"auto" pattern:"^(auto|virtual|none|[0-9a-f]{4}:[0-9a-f]{4}|serial:[^@]+(@[0-9]+)?)$" expect:"auto, VENDOR:PRODUCT such as 0c2e:0b61, serial:PATH, virtual or none" help:"auto takes keyboards whose name or maker is a scanner's. VENDOR:PRODUCT in hex takes another one: the log says what is plugged in. serial:PATH@BAUD, virtual or none."`
	Layout string `toml:"layout" default:"auto" enum:"auto,us,de,fr,es,it,gb,ch" help:"The country that the scanner is set to: ${enum}. auto finds out by the first ticket that is scanned; any other country is learned from the sheet in the console."`
}
