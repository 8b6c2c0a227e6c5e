package camlink

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"edgekit.internal/capture"
)

// Config says which program to keep alive and where its pictures go. The zero value of a duration is its default.
type Config struct {
	Path string       // the camera program
	Args []string     // its arguments, without its name
	Env  []string     // its environment; nil: this process's
	Log  *slog.Logger // nil: the default one

	// What the child sends. Each function is called from one goroutine, in the order of the link, and must not block:
	// while it does, beats are not read and the child is taken for hung. Nil ones are passed over. OnHello comes first
	// in each life of the child, which starts every layer with a key picture.
	OnHello      func([]capture.Layer)
	OnSource     func(capture.Source)
	OnAreas      func(capture.Areas)
	OnAccessUnit func(capture.AccessUnit)
	OnStill      func(jpeg []byte)
	OnCode       func(capture.Code)
	OnZones      func([]capture.Zone)
	OnSound      func(capture.Sound)
	OnMicrophone func(capture.Microphone)

	// StartAllowance is how long a new child may take to its first beat or picture: 10 s. Each that takes longer makes it
	// twice as long for the next, up to 30 s: a slow card or a busy processor is no reason never to start.
	StartAllowance time.Duration
	// Silence is how long it may then be silent before it is killed: 500 ms. A life that was ended so within its first seconds, or that was late
	// before, makes it twice as long, up to eight times: that is a processor which has too much to do, and a new start each few seconds
	// would have no picture at all. Half of it is enough again after a minute in which a quarter of it would have been.
	Silence    time.Duration
	MaxBackoff time.Duration // the longest wait between lives: 500 ms, so that the picture is back within a second of any end
}

// Stats counts since New. Units and Bytes are of access units.
type Stats struct {
	PID     int    // of the child, 0 when there is none
	Starts  uint64 // lives begun
	Exits   uint64 // lives that the child ended itself, well or badly
	Hangs   uint64 // lives ended because no beat came
	Garbage uint64 // lives ended because of a message that makes no sense
	Units   uint64
	Bytes   uint64
	Sounds  uint64
	Beat    Beat // the latest of this life
}

// Cam is the daemon's end: it starts the camera child, watches its beats, starts it again whenever it ends, and tells each
// new one the latest scene. All methods are safe for concurrent use and none blocks but Run.
type Cam struct {
	cfg     Config
	wake    chan struct{} // capacity 1: there is something to tell the child
	slow    int           // lives in a row without a beat; Run's
	endures endurance     // Run's

	mu       sync.Mutex
	scene    *capture.Scene
	sceneNew bool
	still    bool   // one is wanted
	refocus  bool   // it is wanted
	next     bool   // another camera is
	at       string // where the camera is that ran last; "": none did
	prefer   string // where it was when the last child ended, to be told; "": nothing is
	keys     [MaxLayers]bool
	bitrates [MaxLayers]uint32 // the wanted ones, 0: as started
	rateNew  [MaxLayers]bool
	pace     uint8 // the wanted one, 0: as started
	paceNew  bool
	mute     bool // is wanted
	muteNew  bool
	stats    Stats
}

// New prepares a camera link; Run starts the child.
func New(cfg Config) *Cam {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&cfg.StartAllowance, 10 * time.Second}, {&cfg.Silence, 500 * time.Millisecond}, {&cfg.MaxBackoff, 500 * time.Millisecond}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	return &Cam{cfg: cfg, wake: make(chan struct{}, 1), endures: endurance{silence: cfg.Silence}}
}

// SetArgs replaces the program's arguments, before Run.
func (c *Cam) SetArgs(args []string) { c.cfg.Args = args }

// SetScene replaces what is drawn over the picture. The latest wins; at most MaxPrompts prompts and MaxBanners banners
// are taken, the first ones.
func (c *Cam) SetScene(s capture.Scene) {
	s.Prompts = slices.Clone(s.Prompts[:min(len(s.Prompts), MaxPrompts)])
	s.Banners = slices.Clone(s.Banners[:min(len(s.Banners), MaxBanners)])
	c.tell(func() { c.scene, c.sceneNew = &s, true })
}

// WantKeyframe asks for a key picture of a layer. Requests are merged here and throttled in the child (one per layer every
// 500 ms), so a crowd that asks costs no more than one who does. Unknown layers are ignored.
func (c *Cam) WantKeyframe(layer uint8) {
	if layer < MaxLayers {
		c.tell(func() { c.keys[layer] = true })
	}
}

// SetBitrate gives a layer a new target in kbit/s, for this life of the child and those after. Unknown layers and rates
// out of range (1 to 1,000,000) are ignored.
func (c *Cam) SetBitrate(layer uint8, kbps int) {
	if layer < MaxLayers && kbps >= 1 && kbps <= 1_000_000 {
		c.tell(func() { c.bitrates[layer], c.rateNew[layer] = uint32(kbps), true })
	}
}

// SetPace has one of every so many camera pictures worked on, for this life of the child and those after, without a break in
// the stream. Numbers that are not from 1 to MaxPace are ignored.
func (c *Cam) SetPace(every int) {
	if every >= 1 && every <= MaxPace {
		c.tell(func() { c.pace, c.paceNew = uint8(every), true })
	}
}

// SetMute has silence sent for what the microphone hears, or no more, for this life of the child and those after: each sends silence until it
// is told.
func (c *Cam) SetMute(on bool) { c.tell(func() { c.mute, c.muteNew = on, true }) }

// WantStill asks for a still picture. Requests that wait are one.
func (c *Cam) WantStill() { c.tell(func() { c.still = true }) }

// NextCamera goes on with another camera, if several are plugged in. Wishes that wait are one.
func (c *Cam) NextCamera() { c.tell(func() { c.next = true }) }

// Refocus has the camera find focus and colours anew.
func (c *Cam) Refocus() { c.tell(func() { c.refocus = true }) }

// Stats returns what was counted so far.
func (c *Cam) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

func (c *Cam) tell(change func()) {
	c.mu.Lock()
	change()
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // already awake
	}
}

// renew makes all that a new child must know be told once more.
func (c *Cam) renew() {
	c.tell(func() {
		c.sceneNew = c.scene != nil
		c.keys = [MaxLayers]bool{} // it starts with key pictures anyway
		for i, kbps := range c.bitrates {
			c.rateNew[i] = kbps != 0
		}
		c.paceNew = c.pace != 0
		c.muteNew = true
		c.prefer = c.at
	})
}

// pending takes what the child does not know yet.
func (c *Cam) pending() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Message
	if c.muteNew {
		out, c.muteNew = append(out, Mute{c.mute}), false
	}
	if c.sceneNew {
		out, c.sceneNew = append(out, Scene(*c.scene)), false
	}
	if c.paceNew {
		out, c.paceNew = append(out, Pace{c.pace}), false
	}
	if c.prefer != "" {
		out, c.prefer = append(out, Prefer{c.prefer}), ""
	}
	if c.next {
		out, c.next = append(out, NextCamera{}), false
	}
	if c.refocus {
		out, c.refocus = append(out, Refocus{}), false
	}
	if c.still {
		out, c.still = append(out, WantStill{}), false
	}
	for i := range uint8(MaxLayers) {
		if c.rateNew[i] {
			out, c.rateNew[i] = append(out, Bitrate{i, c.bitrates[i]}), false
		}
		if c.keys[i] {
			out, c.keys[i] = append(out, Keyframe{i}), false
		}
	}
	return out
}

func (c *Cam) count(f func(*Stats)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.stats)
}
