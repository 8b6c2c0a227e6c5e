package button

import (
	"fmt"
	"time"

	"edgekit.internal/drivers/gpio"
)

// kernel is lines of the kernel's.
type kernel struct{ *gpio.Inputs }

func (kernel) now() time.Duration { return gpio.Now() }

// parse finds out where the buttons' lines are.
func (b *Buttons) parse(spec string) (func() (lines, string, error), error) {
	switch chip, offsets, isGPIO := gpio.Parse(spec); {
	case spec == "auto":
		names := make([]string, len(b.config.Buttons))
		for i, c := range b.config.Buttons {
			names[i] = c.Line
		}
		return func() (lines, string, error) {
			chip, offsets, err := gpio.Find(names)
			if err != nil {
				return nil, "", err
			}
			return kernelLines(chip, offsets)
		}, nil
	case isGPIO && len(offsets) != len(b.config.Buttons):
		return nil, fmt.Errorf("button: buttons %q: %d lines, expected %d: one for each button", spec, len(offsets), len(b.config.Buttons))
	case isGPIO:
		return func() (lines, string, error) { return kernelLines(chip, offsets) }, nil
	case spec == "virtual":
		twin := b.config.Twin
		if twin == nil {
			twin = NewTwin()
		}
		return func() (lines, string, error) { return twin.plug(), spec, nil }, nil
	case spec == "none":
		return func() (lines, string, error) { return nil, "", gpio.ErrNone }, nil
	}
	return nil, fmt.Errorf("button: buttons %q: expected auto, virtual, none or gpio:CHIP:OFFSET,…, such as gpio:/dev/gpiochip0:5,6,13,19", spec)
}

func kernelLines(chip string, offsets []uint32) (lines, string, error) {
	in, err := gpio.Watch(chip, offsets)
	if err != nil {
		return nil, "", err
	}
	return kernel{in}, fmt.Sprint(chip, offsets), nil
}
