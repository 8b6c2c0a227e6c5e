// Package camlink joins the kit's daemon to its camera child over a socket: the messages between them, the child's end
// (Conn) and the daemon's (Cam), which also keeps the child alive. The child holds the only C code of the kit, so it is
// taken for something that may crash, hang or send nonsense at any moment.
//
// On the socket each message is
//
//	uint32 length of what follows, big-endian, 1 to MaxMessage
//	byte   kind
//	...    body
//
// where Beat, AccessUnit, Sound, Mute, Still, Keyframe, Bitrate, Pace, WantStill, Refocus and NextCamera have binary bodies and the others JSON ones. The daemon starts its child
// with the socket as file descriptor 3.
package camlink

import (
	"time"

	"edgekit.internal/capture"
)

// MaxStill bounds a still picture, in bytes of JPEG.
const MaxStill = 1 << 20

// MaxMessage bounds a message, kind and body. The largest is a key picture: some 300 kB at 1080p.
const MaxMessage = 4 << 20

// Bounds of what a message may hold, for both ends.
const (
	MaxLayers  = 8
	MaxPrompts = 64
	MaxBanners = 16
	MaxAreas   = 64
	MaxPace    = 8
	MaxCode    = 256  // bytes of a code's text
	MaxSound   = 1275 // bytes of one Opus packet (RFC 6716 section 3.4)
	maxText    = 1024 // bytes of any one string
	maxSide    = 8192 // pixels
	maxCameras = 64
	maxZones   = 8
)

// Message is what goes over the link: one of the types below.
type Message interface{ kind() byte }

// To the child.
type (
	// Scene replaces all that is drawn over the picture.
	Scene capture.Scene

	// Keyframe asks for an IDR picture of a layer. The child throttles.
	Keyframe struct{ Layer uint8 }

	// Bitrate gives a layer a new target.
	Bitrate struct {
		Layer uint8
		Kbps  uint32
	}

	// Pace has one of every so many pictures of the camera worked on, 1 to MaxPace: less heat, at fewer pictures a second.
	Pace struct{ Every uint8 }

	// WantStill asks for one Still. Those that wait at the same time get the same one.
	WantStill struct{}

	// Refocus has the camera find focus and colours anew.
	Refocus struct{}

	// NextCamera goes on with another camera, if several are plugged in.
	NextCamera struct{}

	// Mute has silence sent for what the microphone hears, or no more. A child sends silence until it is told otherwise: one that starts anew
	// while the operator has muted lets nothing out.
	Mute struct{ On bool }

	// Prefer names the place of the camera that is to be used, if it is there: the one that the last child had.
	Prefer struct {
		At string `json:"at"`
	}
)

// From the child.
type (
	// Hello comes first and once, and names the layers that will be sent, IDs rising from 0.
	Hello []capture.Layer

	// AccessUnit is one encoded picture.
	AccessUnit capture.AccessUnit

	// Sound is one packet of what the microphone hears.
	Sound capture.Sound

	// Microphone is the microphone's state, sent when it changes, and about twice a second while there is a level to tell.
	Microphone capture.Microphone

	// Areas comes before the access units from which it holds, and only when something changed.
	Areas capture.Areas

	// Source is the camera's state, sent when it changes.
	Source capture.Source

	// Beat is sent by the encode loop itself, about every 100 ms, so that its absence means the loop is stuck.
	Beat struct {
		Frames uint64        // pictures encoded since the child started, all layers of one picture counted once
		Mean   time.Duration // what one took lately, drawing and all layers
		Drops  uint64        // pictures thrown away since the start: by a slow encoder or a slow reader
	}

	// Code is a code that the camera sees, sent about twice a second while it is there.
	Code capture.Code

	// Zones are what parts of the picture are like, sent twice a second while a camera gives some.
	Zones []capture.Zone

	// Still is a picture of middling size as JPEG, for pages that cannot play video.
	Still []byte
)

// Kinds on the wire. They are never reused for something else.
const (
	kindScene      = 1
	kindKeyframe   = 2
	kindBitrate    = 3
	kindWantStill  = 4
	kindPace       = 5
	kindRefocus    = 6
	kindNextCamera = 7
	kindPrefer     = 8
	kindMute       = 9
	kindHello      = 16
	kindAccessUnit = 17
	kindAreas      = 18
	kindSource     = 19
	kindBeat       = 20
	kindStill      = 21
	kindCode       = 22
	kindZones      = 23
	kindSound      = 24
	kindMicrophone = 25
)

func (Scene) kind() byte      { return kindScene }
func (Keyframe) kind() byte   { return kindKeyframe }
func (Bitrate) kind() byte    { return kindBitrate }
func (Pace) kind() byte       { return kindPace }
func (Hello) kind() byte      { return kindHello }
func (AccessUnit) kind() byte { return kindAccessUnit }
func (Areas) kind() byte      { return kindAreas }
func (Source) kind() byte     { return kindSource }
func (Beat) kind() byte       { return kindBeat }
func (WantStill) kind() byte  { return kindWantStill }
func (Refocus) kind() byte    { return kindRefocus }
func (NextCamera) kind() byte { return kindNextCamera }
func (Prefer) kind() byte     { return kindPrefer }
func (Mute) kind() byte       { return kindMute }
func (Sound) kind() byte      { return kindSound }
func (Microphone) kind() byte { return kindMicrophone }
func (Still) kind() byte      { return kindStill }
func (Code) kind() byte       { return kindCode }
func (Zones) kind() byte      { return kindZones }
