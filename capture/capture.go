// Package capture holds the nouns of the picture path: raw frames from a camera, the scene drawn over them, the encoded
// access units that come out, and the areas of the picture that can be tapped.
//
// All times here are readings of the machine's CLOCK_MONOTONIC as a duration since boot, so that the daemon and the
// camera child, which are two processes, mean the same instant by the same number.
package capture

import (
	"image"
	"time"

	"golang.org/x/sys/unix"
)

// ClockRate is the RTP clock of H.264 video, in ticks a second (RFC 6184 section 8.2.1).
const ClockRate = 90000

// Frame is one raw picture. Image is planar 4:2:0 with even width and height. A frame has one owner: who hands it on
// must not touch it again.
type Frame struct {
	Image *image.YCbCr
	At    time.Duration // when it was taken, CLOCK_MONOTONIC
}

// AccessUnit is one encoded picture of one layer: H.264 in Annex B form (start codes), with SPS and PPS in front of
// every IDR picture (ISO/IEC 14496-10 section 7.4.1.2.3). Data is never changed after it was handed on.
type AccessUnit struct {
	Layer uint8
	Key   bool          // an IDR picture: decoding can start here
	RTP   uint32        // timestamp in ClockRate ticks, see Timestamp
	At    time.Duration // when the picture was taken, CLOCK_MONOTONIC
	Data  []byte
}

// Layer describes one of the encodings made of the same picture. IDs count from 0, the largest picture.
type Layer struct {
	ID     uint8 `json:"id"`
	Width  int   `json:"width"`
	Height int   `json:"height"`
	FPS    int   `json:"fps"`
	Kbps   int   `json:"kbps"`
}

// SoundRate is the RTP clock of Opus, in ticks a second, whatever rate the microphone has (RFC 7587 section 4.1).
const SoundRate = 48000

// SoundLen is how much sound one packet holds.
const SoundLen = 20 * time.Millisecond

// SoundSamples is how many samples that is.
const SoundSamples = SoundRate / int(time.Second/SoundLen)

// Samples is SoundLen of what a microphone hears: one channel of SoundRate samples a second, SoundSamples of them. Who hands them on
// must not touch them again.
type Samples struct {
	At  time.Duration // when the first of them was taken, CLOCK_MONOTONIC
	PCM []int16
}

// Sound is one Opus packet (RFC 6716) of SoundLen from the creator's microphone. Data is never changed after it was handed on.
type Sound struct {
	RTP  uint32        // timestamp in SoundRate ticks, see SoundTimestamp
	At   time.Duration // when its first sample was taken, CLOCK_MONOTONIC
	Data []byte
}

// SoundTimestamp is the RTP timestamp of an instant in sound: it runs on across restarts of the encoder, as Timestamp does.
func SoundTimestamp(at time.Duration) uint32 { return ticks(at, SoundRate) }

// Timestamp is the RTP timestamp of an instant: it runs on across restarts of the encoder, since the clock does.
func Timestamp(at time.Duration) uint32 { return ticks(at, ClockRate) }

func ticks(at time.Duration, rate uint64) uint32 {
	s := at / time.Second
	return uint32(uint64(s)*rate + uint64(at%time.Second)*rate/uint64(time.Second))
}

// epoch is one instant by two clocks, which are the same one in the kernel: Go's own, which it reads without a system call (vDSO), and
// CLOCK_MONOTONIC's count, by which programs understand one another.
var epoch, epochAt = func() (time.Time, time.Duration) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic("capture: no monotonic clock: " + err.Error()) // cannot happen on Linux
	}
	return time.Now(), time.Duration(ts.Nano())
}()

// Monotonic reads CLOCK_MONOTONIC, to within what passes between two lines of a program. It is for those who ask a thousand times a second.
func Monotonic() time.Duration { return epochAt + time.Since(epoch) }

// PromptState says how a prompt is drawn.
type PromptState string

// The states of a prompt.
const (
	PromptSoon    PromptState = "soon"     // announced, counting down to its start
	PromptLive    PromptState = "live"     // can be tapped
	PromptSoldOut PromptState = "sold-out" // stamped; a tap is refused
)

// Prompt is one offer as the picture shows it.
type Prompt struct {
	Offer string        `json:"offer"`
	Title string        `json:"title"`
	Price string        `json:"price"`        // formatted for people, such as "€ 10.00"
	Of    int           `json:"of"`           // pieces there were, for the stock bar; 0: no bar
	In    string        `json:"in,omitempty"` // what is in a bundle, such as "Mug · 2 × Pen"; "": nothing to say
	Left  int           `json:"left"`         // pieces left; below zero: not shown
	State PromptState   `json:"state"`
	Ends  time.Duration `json:"ends,omitempty"` // CLOCK_MONOTONIC instant that the countdown runs to; 0: none
}

// Banner is a confirmation shown for a while, such as "Confirmed · A-042" over "Mug · 2 left".
type Banner struct {
	Text  string        `json:"text"`
	Sub   string        `json:"sub"`
	Until time.Duration `json:"until"` // CLOCK_MONOTONIC
}

// Lower is a lower third: a name, and a line about it, small at the left, above the prompts.
type Lower struct {
	Name string `json:"name"` // "": no lower third
	Line string `json:"line,omitempty"`
}

// QR is a code to scan, at the right, and what it is for.
type QR struct {
	Text  string `json:"text"` // what it holds; "": no code
	Label string `json:"label,omitempty"`
}

// Theme is what all of it looks like.
type Theme struct {
	Light  bool   `json:"light,omitempty"`  // dark text on light plates; else light text on dark ones
	Accent uint32 `json:"accent,omitempty"` // the colour of what can be tapped, 0xRRGGBB; 0: amber
}

// Scene is all that is drawn over the camera's picture. A later scene replaces an earlier one whole.
type Scene struct {
	Rev     uint64   `json:"rev"` // rises with every change
	Prompts []Prompt `json:"prompts"`
	Banners []Banner `json:"banners"`
	Lower   Lower    `json:"lower,omitzero"`
	QR      QR       `json:"qr,omitzero"`
	Theme   Theme    `json:"theme,omitzero"`
}

// Area is the part of the picture in which an offer can be tapped, in fractions of its width and height (0 to 1), so
// that it means the same on every layer and at every size on the page.
type Area struct {
	Offer string  `json:"offer"`
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	W     float64 `json:"w"`
	H     float64 `json:"h"`
}

// Areas holds from the frame with timestamp RTP until the next Areas.
type Areas struct {
	RTP   uint32 `json:"rtp"`
	Rev   uint64 `json:"rev"` // of the scene they belong to
	Areas []Area `json:"areas"`
}

// Code is a code in the camera's picture, such as that of a product which is held up.
type Code struct {
	Kind string `json:"kind"` // qr, ean-13, ean-8, upc-a or code-128
	Text string `json:"text"` // as it is printed: an upc-a has 12 digits
}

// Source is the state of the camera, as the operator sees it.
type Source struct {
	State  string `json:"state"` // absent, opening, ready or failed
	Name   string `json:"name"`
	Format string `json:"format"`          // such as "MJPEG 1280x720 30/s"
	At     string `json:"at,omitempty"`    // where it is plugged in, as its driver calls the place
	Of     int    `json:"of,omitempty"`    // how many cameras are plugged in, if it is one that is
	Tuned  string `json:"tuned,omitempty"` // how its own controls are set, in words
	Held   bool   `json:"held,omitempty"`  // focus and colours were found, and are held
	Reason string `json:"reason,omitempty"`
}

// Microphone is the state of the microphone, as the operator sees it.
type Microphone struct {
	State  string `json:"state"` // off, absent, opening, ready or failed
	Name   string `json:"name,omitempty"`
	Format string `json:"format,omitempty"` // such as "48000 Hz 16-bit mono"
	Muted  bool   `json:"muted,omitempty"`  // silence goes out
	Level  int    `json:"level,omitempty"`  // how loud it was in the last half second, in dB below full scale, QuietLevel to 0, muted or not
	Lost   uint64 `json:"lost,omitempty"`   // how often sound was lost on its way, since the camera program started
	Reason string `json:"reason,omitempty"`
}

// QuietLevel is the least Level: what is quieter is told as that.
const QuietLevel = -90

// Zone is a part of the camera's picture, in fractions of it as an Area is, and what it is like, in percent.
type Zone struct {
	Name string  `json:"name"` // face or goods
	X    float64 `json:"x"`
	Y    float64 `json:"y"`
	W    float64 `json:"w"`
	H    float64 `json:"h"`

	Light   int `json:"light"`   // mean brightness
	Blown   int `json:"blown"`   // how much of it is white
	Crushed int `json:"crushed"` // how much of it is black
	Sharp   int `json:"sharp"`   // how sharp its edges are; below 0: it has none
}
