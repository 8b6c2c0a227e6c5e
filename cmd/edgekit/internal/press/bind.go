package press

import (
	"fmt"
	"strings"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/button"
	"edgekit.internal/pipeline"
)

// Buttons are the names of the buttons, in the order of their lines: those of hardware/pins, and of the section [press].
var Buttons = []string{"start-drop", "sold-out", "reprint", "call-help"}

var gestures = []string{string(button.Short), string(button.Double), string(button.Long), string(button.Hold), string(button.Repeat)}

// how is how a gesture is made, for people.
var how = map[string]string{
	string(button.Short): "press it", string(button.Double): "press it twice", string(button.Long): "hold it for 1 s", string(button.Hold): "hold it for 3 s",
	string(button.Repeat): "keep it down",
}

// does is what an action does, for people.
var does = map[pipeline.Action]string{
	pipeline.StartNextDrop: "start the next drop", pipeline.MarkSoldOut: "mark the offer as sold out", pipeline.ReprintLast: "print the last slip once more",
	pipeline.CallHelp: "call help", pipeline.ClearHelp: "call nobody any more", pipeline.NewSetupSlip: "print a set-up slip", pipeline.NextCamera: "go on with another camera",
	pipeline.ShutDown: "shut the kit down",
}

// hint says why a gesture does nothing, and what would do something.
func (d *Desk) hint(name, gesture string) string {
	var ways []string
	for _, g := range gestures {
		if a, ok := d.bound[name][g]; ok {
			ways = append(ways, how[g]+" to "+does[a])
		}
	}
	if ways == nil {
		return fmt.Sprintf("The button %s does nothing: nothing is set for it in [press].", name)
	}
	return fmt.Sprintf("A %s press of %s does nothing: %s, and let go.", gesture, name, strings.Join(ways, ", "))
}

// Bound is what each button does, in their order.
func (d *Desk) Bound() (list []wire.Button) {
	for _, name := range Buttons {
		b := wire.Button{Name: name, Does: map[string]string{}}
		for g, a := range d.bound[name] {
			b.Does[g] = string(a)
		}
		list = append(list, b)
	}
	return list
}
