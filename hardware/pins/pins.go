// Package pins is the one table of what is wired to the board's 40-pin header. Code takes its lines from it, and the
// wiring drawings in hardware/wiring are made of it, so that neither can be wrong by itself.
//
// Names and places are the same on every board that the image starts on ("GPIO and the 40-pin header" in Raspberry Pi's
// documentation).
package pins

import "strconv"

// Kind is what a pin is by itself.
type Kind string

// The kinds of pins.
const (
	GPIO   Kind = "GPIO"
	Power5 Kind = "5 V"
	Power3 Kind = "3.3 V" // 3.3 V; less than 50 mA is left for others on older boards
	Ground Kind = "GND"
	ID     Kind = "ID" // for add-on boards' memory, not to be used
)

// Role is what the kit uses a pin for.
type Role string

// The roles. Buttons close their pin to ground, which the pin's own pull-up then sees; lights are lit by 3.3 V through a
// resistor; the printer's lines are serial ones at 3.3 V.
const (
	Free        Role = ""
	StartDrop   Role = "start-drop"
	SoldOut     Role = "sold-out"
	Reprint     Role = "reprint"
	CallHelp    Role = "call-help"
	ButtonsBack Role = "buttons-ground"
	ReadyLight  Role = "ready-light"
	AlertLight  Role = "alert-light"
	LightsBack  Role = "lights-ground"
	PrinterTX   Role = "printer-tx" // from the board to the printer
	PrinterRX   Role = "printer-rx"
	PrinterBack Role = "printer-ground"
)

// Pin is one of the 40. Line is the number of the processor's line, as in gpiochip0's "GPIO17"; -1: none.
type Pin struct {
	Place int // on the header, 1 to 40; odd ones are the row on the board's inside
	Kind  Kind
	Line  int
	Role  Role
}

// String is the pin's name on drawings.
func (p Pin) String() string {
	if p.Kind == GPIO {
		return "GPIO" + strconv.Itoa(p.Line)
	}
	return string(p.Kind)
}

// lines are the processor's lines by place; below zero: what else is there.
var lines = [40]int{
	v33, v50, 2, v50, 3, gnd, 4, 14, gnd, 15,
	17, 18, 27, gnd, 22, 23, v33, 24, 10, gnd,
	9, 25, 11, 8, gnd, 7, id, id, 5, gnd,
	6, 12, 13, gnd, 19, 16, 26, 20, gnd, 21,
}

const (
	gnd = -1 - iota
	v33
	v50
	id
)

var kinds = map[int]Kind{gnd: Ground, v33: Power3, v50: Power5, id: ID}

// roles are the kit's uses, by place. Buttons lie together at the end of the inner row, lights opposite to them; each group has
// a ground of its own at hand. GPIO16 and GPIO20 are pulled down when the board starts, so that the lights stay dark until
// the kit speaks (BCM2835 ARM Peripherals, table 6-31).
var roles = map[int]Role{
	29: StartDrop, 31: SoldOut, 33: Reprint, 35: CallHelp, 39: ButtonsBack,
	36: ReadyLight, 38: AlertLight, 34: LightsBack,
	8: PrinterTX, 10: PrinterRX, 6: PrinterBack,
}

// Header is all pins in their order.
func Header() (header [40]Pin) {
	for i, line := range lines {
		p := Pin{Place: i + 1, Kind: GPIO, Line: line, Role: roles[i+1]}
		if k, ok := kinds[line]; ok {
			p.Kind, p.Line = k, -1
		}
		header[i] = p
	}
	return header
}

// For is the pin that has a role; false: there is none.
func For(r Role) (Pin, bool) {
	for _, p := range Header() {
		if p.Role == r && r != Free {
			return p, true
		}
	}
	return Pin{}, false
}
