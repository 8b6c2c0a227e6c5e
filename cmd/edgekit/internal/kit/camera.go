package kit

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/capture/fanout"
	"edgekit.internal/cmd/edgekit/internal/scene"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

func (k *Kit) openPictures() (err error) {
	if err := k.config.camera(); err != nil {
		return err
	}
	layers, err := k.config.layers()
	if err != nil {
		return err
	}
	size, rate, err := k.config.picture()
	if err != nil {
		return err
	}
	if err := k.config.program(); err != nil {
		return err
	}
	k.fan, err = fanout.New(fanout.Config{Conn: k.media, Log: k.log, MaxViewers: maxViewers, WantKeyframe: func(layer uint8) { k.cam.WantKeyframe(layer) }})
	if err != nil {
		return err
	}
	k.cam = camlink.New(camlink.Config{
		Path: k.config.edgecam(),
		Args: []string{"-camera", k.config.Camera, "-width", fmt.Sprint(size.X), "-height", fmt.Sprint(size.Y), "-fps", fmt.Sprint(rate), "-layers", layers, "-fonts", joinDirs(k.config.fontDirs()), "-crashes", k.crashes(),
			"-framing", k.config.Framing, "-mains", fmt.Sprint(k.config.MainsHz()), "-look", k.config.look()},
		Log:          k.log,
		OnAccessUnit: func(au capture.AccessUnit) { k.fan.Publish(au); k.scene.Picture(au.RTP) },
		OnAreas:      func(a capture.Areas) { k.scene.Coming(a); k.web.Areas(a) },
		OnHello:      func(layers []capture.Layer) { k.source.set(capture.Source{}); k.fan.SetLayers(layers) }, // a new child has found no camera yet
		OnSource:     k.source.set,
		OnStill:      k.stills.set,
		OnZones:      k.source.measured,
		OnCode:       func(c capture.Code) { k.heldUp.Saw(c) },
	})
	o := k.config.Overlay
	look := scene.Config{Levels: k.store.Levels, Now: k.clock.Now, Set: k.cam.SetScene, Span: k.traces.Since, Lower: capture.Lower{Name: o.Name, Line: o.Line},
		Theme: capture.Theme{Light: o.Theme == "light", Accent: o.Colour()}}
	switch o.Code {
	case "offer":
		k.codes = &scene.Codes{Link: k.link, Now: k.clock.Now}
		look.Code = k.codes.Show
	case "wifi":
		look.Code = k.joinCode
	}
	k.scene = scene.New(look)
	return nil
}

// link is the address of a new code that sells an offer once, for who can reach the kit.
func (k *Kit) link(offer string, life time.Duration) string {
	page := "http://" + k.visitors.Addr().String() + "/" // of a kit that nobody else reaches
	if all := k.pages(""); len(all) > 0 {
		page = all[0]
	}
	return page + "t/" + k.mint.Link(offer, k.clock.Now(), life)
}

// joinCode is the code that joins the kit's own Wi-Fi, if it makes one.
func (k *Kit) joinCode([]pipeline.Offer) capture.QR {
	if j := k.join(); j != nil {
		return capture.QR{Text: j.QR(), Label: "Join the Wi-Fi"}
	}
	return capture.QR{}
}

// sourceWatch keeps the camera's state as the child tells it.
type sourceWatch struct {
	mu    sync.Mutex
	now   capture.Source
	zones []capture.Zone
	at    time.Time // when they were measured
}

// zoneLife is how old what was measured may be to be shown.
const zoneLife = 2 * time.Second

func (w *sourceWatch) measured(zs []capture.Zone) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zones, w.at = zs, time.Now()
}

// operatorsCamera is the camera as the console has it.
type operatorsCamera struct{ k *Kit }

func (c operatorsCamera) Still() []byte { return c.k.still() }
func (c operatorsCamera) Refocus()      { c.k.cam.Refocus() }
func (c operatorsCamera) Next()         { c.k.cam.NextCamera() }

// Status is what the camera says of itself and what is measured in its picture.
func (c operatorsCamera) Status() wire.Camera {
	w := &c.k.source
	w.mu.Lock()
	defer w.mu.Unlock()
	s := wire.Camera{Of: w.now.Of, Held: w.now.Held}
	if w.now.State == "ready" && time.Since(w.at) < zoneLife {
		s.Zones = w.zones
	}
	return s
}

func (w *sourceWatch) set(s capture.Source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = s
}

// stillWatch keeps the latest still picture.
type stillWatch struct {
	mu   sync.Mutex
	jpeg []byte
	at   time.Time
}

// stillLife is how old a still may be that is shown: older ones would look like a picture that lives.
const stillLife = 3 * time.Second

func (w *stillWatch) set(jpeg []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.jpeg, w.at = jpeg, time.Now()
}

// still is the latest still picture, and asks for the next: none is made that nobody looks at.
func (k *Kit) still() []byte {
	w := &k.stills
	w.mu.Lock()
	defer w.mu.Unlock()
	if time.Since(w.at) > 500*time.Millisecond {
		k.cam.WantStill()
	}
	if time.Since(w.at) > stillLife {
		return nil
	}
	return w.jpeg
}

func joinDirs(dirs []string) string { return strings.Join(dirs, ",") }
