package wire

import "edgekit.internal/capture"

// Camera is the camera as it is set up: what the console shows while somebody arranges the picture.
type Camera struct {
	Of         int                `json:"of"`   // how many cameras are plugged in; below 2 there is no other
	Held       bool               `json:"held"` // focus and colours are held, and can be found anew
	Microphone capture.Microphone `json:"microphone"`
	Zones      []capture.Zone     `json:"zones,omitempty"` // what was measured within the last two seconds; none: there is no picture
}
