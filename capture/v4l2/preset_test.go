package v4l2

import (
	"errors"
	"slices"
	"testing"
)

// knobbed is a camera that has some controls; of a menu it offers the items in only, if it names any.
type knobbed struct {
	has    []Control
	only   map[uint32][]int32
	stuck  map[uint32]error
	values map[uint32]int32
	order  []uint32
}

func (k *knobbed) controls() []Control { return k.has }

func (k *knobbed) set(c Control, v int32) error {
	if only, ok := k.only[c.ID]; ok && !slices.Contains(only, v) || v < c.Min || v > c.Max {
		return errNoSuchValue
	}
	if err := k.stuck[c.ID]; err != nil {
		return err
	}
	if k.values == nil {
		k.values = map[uint32]int32{}
	}
	k.values[c.ID] = v
	k.order = append(k.order, c.ID)
	return nil
}

var (
	yes      = func(id uint32) Control { return Control{ID: id, Max: 1, Step: 1} }
	webcam4k = []Control{yes(controlFocusAuto), {ID: controlExposureMode, Max: 3, Step: 1}, yes(controlWhiteBalanceAuto), {ID: controlBacklight, Max: 4, Default: 1, Step: 1},
		{ID: controlZoom, Min: 100, Max: 500, Step: 10}, {ID: controlMains, Max: 2, Default: 2, Step: 1}}
	plain = []Control{{ID: controlMains, Max: 2, Step: 1}, yes(controlWhiteBalanceAuto)}
)

func TestPresetsSetWhatTheCameraHasAndSayTheRest(t *testing.T) {
	for _, c := range []struct {
		name string
		cam  knobbed
		t    Tuning
		want map[uint32]int32
		said string
	}{
		{"a good webcam, a face", knobbed{has: webcam4k, only: map[uint32][]int32{controlExposureMode: {1, 3}}}, Tuning{PresetFace, 50},
			map[uint32]int32{controlMains: 1, controlFocusAuto: 1, controlExposureMode: 3, controlWhiteBalanceAuto: 1, controlBacklight: 2, controlZoom: 100},
			"lamps at 50 Hz, focus, exposure, white balance, backlight, zoom"},
		{"the same, goods", knobbed{has: webcam4k}, Tuning{PresetProduct, 60},
			map[uint32]int32{controlMains: 2, controlFocusAuto: 1, controlExposureMode: 3, controlWhiteBalanceAuto: 1, controlBacklight: 1, controlZoom: 100},
			"lamps at 60 Hz, focus, exposure, white balance, backlight, zoom"},
		{"one that knows only all by itself", knobbed{has: webcam4k, only: map[uint32][]int32{controlExposureMode: {0, 1}}}, Tuning{PresetFace, 0},
			map[uint32]int32{controlFocusAuto: 1, controlExposureMode: 0, controlWhiteBalanceAuto: 1, controlBacklight: 2, controlZoom: 100},
			"focus, exposure, white balance, backlight, zoom"},
		{"a plain one", knobbed{has: plain}, Tuning{PresetFace, 50}, map[uint32]int32{controlMains: 1, controlWhiteBalanceAuto: 1},
			"lamps at 50 Hz, white balance; cannot be set here: focus, exposure, backlight, zoom"},
		{"one that finds out by itself", knobbed{has: []Control{{ID: controlMains, Max: 3}}, only: map[uint32][]int32{controlMains: {0, 3}}}, Tuning{PresetNone, 50},
			map[uint32]int32{controlMains: 3}, "lamps at 50 Hz"},
		{"one that refuses", knobbed{has: plain, stuck: map[uint32]error{controlWhiteBalanceAuto: errors.New("it refuses")}}, Tuning{PresetProduct, 0}, nil,
			"cannot be set here: focus, exposure, backlight, zoom; not done: white balance (it refuses)"},
		{"one without any", knobbed{}, Tuning{PresetNone, 60}, nil, "cannot be set here: lamps at 60 Hz"},
		{"left alone", knobbed{has: webcam4k}, Tuning{PresetNone, 0}, nil, ""},
	} {
		said, any := tune(&c.cam, c.t.steps())
		if said != c.said || any != (len(c.want) > 0) {
			t.Errorf("%s: said %q, want %q", c.name, said, c.said)
		}
		if len(c.cam.values) != len(c.want) {
			t.Errorf("%s: set %v, want %v", c.name, c.cam.values, c.want)
		}
		for id, v := range c.want {
			if c.cam.values[id] != v {
				t.Errorf("%s: control %#x is %d, want %d", c.name, id, c.cam.values[id], v)
			}
		}
	}
}

func TestFocusAndColoursAreHeld(t *testing.T) {
	cam := knobbed{has: webcam4k}
	tune(&cam, Tuning{PresetProduct, 50}.steps())
	if said, any := tune(&cam, holds); said != "focus held, white balance held" || !any || cam.values[controlFocusAuto] != 0 || cam.values[controlWhiteBalanceAuto] != 0 {
		t.Errorf("%q, %v", said, cam.values)
	}
}
