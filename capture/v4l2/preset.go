package v4l2

import (
	"fmt"
	"strings"
	"time"
)

// Preset is how a camera's own controls are set for what it looks at.
type Preset string

// The presets. Cameras lack some controls, each another: those are passed over, and said.
const (
	// PresetFace is for somebody who speaks: focus, exposure and colours follow the scene, and a bright stall behind is made up for.
	PresetFace Preset = "face"
	// PresetProduct is for goods held up or on a table: focus and colours are found once, and held, so that no hand that comes
	// near has the picture hunt, and no blue cloth turns a mug yellow.
	PresetProduct Preset = "product"
	// PresetNone leaves the camera as it is.
	PresetNone Preset = "none"
)

// Tuning is how a camera is to be set.
type Tuning struct {
	Preset Preset
	Mains  int // lamps' mains frequency, 50 or 60 Hz, whose flicker the exposure evades; 0: as the camera likes
}

// knobs are a camera's controls.
type knobs interface {
	controls() []Control
	set(Control, int32) error
}

// step is one control, and the values it is given: the first that it takes.
type step struct {
	what   string // in words, as it is when it is done
	id     uint32
	values func(Control) []int32
}

func fixed(values ...int32) func(Control) []int32 { return func(Control) []int32 { return values } }

// steps are what a tuning sets, in order: what something decides by itself comes before what it decides.
func (t Tuning) steps() (all []step) {
	add := func(what string, id uint32, values func(Control) []int32) { all = append(all, step{what, id, values}) }
	switch t.Mains {
	case 50:
		add("lamps at 50 Hz", controlMains, fixed(1, 3))
	case 60:
		add("lamps at 60 Hz", controlMains, fixed(2, 3))
	}
	if t.Preset != PresetFace && t.Preset != PresetProduct {
		return all
	}
	add("focus", controlFocusAuto, fixed(1))
	add("exposure", controlExposureMode, fixed(3, 0))
	add("white balance", controlWhiteBalanceAuto, fixed(1))
	backlight := func(c Control) []int32 { return []int32{c.Default} }
	if t.Preset == PresetFace {
		backlight = func(c Control) []int32 { return []int32{c.Min + (c.Max-c.Min+1)/2} }
	}
	add("backlight", controlBacklight, backlight)
	add("zoom", controlZoom, func(c Control) []int32 { return []int32{c.Min} })
	return all
}

// holds are what PresetProduct does once focus and colours were found.
var holds = []step{{"focus held", controlFocusAuto, fixed(0)}, {"white balance held", controlWhiteBalanceAuto, fixed(0)}}

// settle is how long a camera is given to find focus and colours before they are held. Webcams take one to three seconds.
const settle = 4 * time.Second

// tune does steps, and says in words what was done and what not, and whether anything was.
func tune(k knobs, steps []step) (said string, any bool) {
	has := map[uint32]Control{}
	for _, c := range k.controls() {
		has[c.ID] = c
	}
	var done, lacks, fails []string
	for _, s := range steps {
		c, ok := has[s.id]
		if !ok {
			lacks = append(lacks, s.what)
			continue
		}
		err := errNoSuchValue
		for _, v := range s.values(c) {
			if err = k.set(c, v); err == nil {
				break
			}
		}
		if err != nil {
			fails = append(fails, fmt.Sprintf("%s (%v)", s.what, err))
		} else {
			done = append(done, s.what)
		}
	}
	var parts []string
	for _, p := range []struct {
		words string
		list  []string
	}{{"", done}, {"cannot be set here: ", lacks}, {"not done: ", fails}} {
		if len(p.list) > 0 {
			parts = append(parts, p.words+strings.Join(p.list, ", "))
		}
	}
	return strings.Join(parts, "; "), len(done) > 0
}
