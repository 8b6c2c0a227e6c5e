package kit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"rsc.io/qr"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/capture/fanout"
	"edgekit.internal/capture/push"
	"edgekit.internal/cmd/edgekit/internal/console"
	"edgekit.internal/cmd/edgekit/internal/ladder"
	"edgekit.internal/cmd/edgekit/internal/listen"
	"edgekit.internal/cmd/edgekit/internal/remote"
	"edgekit.internal/cmd/edgekit/internal/scene"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/edgekit/internal/studio"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/hardware/clock"
	"edgekit.internal/hardware/whole"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/store"
	"edgekit.internal/pipeline/token"
)

// watching is how many have the picture, or are about to.
func (k *Kit) watching() int {
	s := k.fan.Stats()
	return s.Viewers - s.Away
}

func (k *Kit) openPictures() (err error) {
	if err := k.config.camera(); err != nil {
		return err
	}
	if err := k.config.microphones(); err != nil {
		return err
	}
	if _, err := k.config.layers(); err != nil {
		return err
	}
	if err := k.config.program(); err != nil {
		return err
	}
	k.fan, err = fanout.New(fanout.Config{Conn: k.media, TCPPort: listen.Port(k.visitors), Log: k.log, MaxViewers: maxViewers, Consent: roams,
		WantKeyframe: func(layer uint8) { k.cam.WantKeyframe(layer) },
		SetBitrate:   func(layer uint8, kbps int) { k.cam.SetBitrate(layer, kbps) }})
	if err != nil {
		return err
	}
	k.cam = camlink.New(camlink.Config{
		Path:         k.config.edgecam(),
		Log:          k.log,
		OnAccessUnit: k.picture,
		OnAreas:      func(a capture.Areas) { k.scene.Coming(a); k.web.Areas(a) },
		OnHello:      k.layers,
		OnSource:     k.source.set,
		OnStill:      k.stills.set,
		OnZones:      k.source.measured,
		OnSound:      k.heard,
		OnMicrophone: k.hears,
		OnCode:       func(c capture.Code) { k.heldUp.Saw(c) },
	})
	k.studio = studio.New(studio.Config{Record: k.config.Record, Full: k.config.Full, Dir: filepath.Join(k.config.Data, "recordings"), Log: k.log, Now: k.clock.Now,
		Time: func() (clock.Fix, bool) { return k.machine.Time() }, Key: k.cam.WantKeyframe, Told: func() { k.web.Refresh() }})
	k.outlets = append(k.outlets, k.studio)
	k.cam.SetMute(isMuted(k.config.Data))
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

// runCamera keeps the camera program going. At a kit's first start it finds out which picture the board can make.
func (k *Kit) runCamera(ctx context.Context) error {
	c := k.config
	if c.Picture == "auto" && c.Layers == "" { // who names layers has the picture that they are of
		c.Picture = ladder.Config{Program: c.edgecam(), Fonts: joinDirs(c.fontDirs()), Dir: c.Data, Log: k.log}.Choose(ctx)
	}
	size, rate, err := c.picture()
	if err != nil {
		return err
	}
	layers, err := c.layers()
	if err != nil {
		return err
	}
	k.cam.SetArgs([]string{"-camera", c.Camera, "-width", fmt.Sprint(size.X), "-height", fmt.Sprint(size.Y), "-fps", fmt.Sprint(rate), "-layers", layers, "-fonts", joinDirs(c.fontDirs()), "-crashes", k.crashes(),
		"-framing", c.Framing, "-mains", fmt.Sprint(c.MainsHz()), "-look", c.look(), "-microphone", c.microphone()})
	return k.cam.Run(ctx)
}

// openRemote makes the stream to viewers elsewhere, if there is a server for it.
func (k *Kit) openRemote() error {
	url, token, err := k.config.server()
	if err != nil || url == "" {
		return err
	}
	k.remote, err = remote.New(remote.Config{Keep: k.state.SetPushOff, Push: push.Config{URL: url, Token: token, Log: k.log, Off: k.state.PushOff(),
		WantKeyframe: func(layer uint8) { k.cam.WantKeyframe(layer) },
		Dated:        func() bool { _, known := k.machine.Time(); return known || !k.Appliance() }}})
	if err != nil {
		return fault("edgekit: --push: %s", strings.TrimPrefix(err.Error(), "push: "))
	}
	k.outlets = append(k.outlets, k.remote)
	return nil
}

// outlet is where pictures and sound go besides to the viewers. Its methods are called from one goroutine and must not block.
type outlet interface {
	SetLayers([]capture.Layer) // a camera program has started, with these
	Picture(capture.AccessUnit)
	Sound(capture.Sound)
}

// layers takes note of a new camera program, which has found no camera yet.
func (k *Kit) layers(layers []capture.Layer) {
	k.source.set(capture.Source{})
	k.hears(capture.Microphone{})
	k.fan.SetLayers(layers)
	for _, o := range k.outlets {
		o.SetLayers(layers)
	}
}

// picture sends an encoded picture to all who are to have it.
func (k *Kit) picture(au capture.AccessUnit) {
	k.fan.Publish(au)
	k.scene.Picture(au.RTP)
	for _, o := range k.outlets {
		o.Picture(au)
	}
}

// heard sends sound to all who are to have it.
func (k *Kit) heard(s capture.Sound) {
	k.fan.Sound(s)
	for _, o := range k.outlets {
		o.Sound(s)
	}
}

// link is the address of a new code that sells an offer once, for who can reach the kit.
func (k *Kit) link(offer string, life time.Duration) string {
	page := "http://" + k.visitors.Addr().String() + "/" // of a kit that nobody else reaches
	if all := k.pages(""); len(all) > 0 {
		page = all[0]
	}
	now := k.clock.Now()
	return strings.ToUpper(page+"t/") + k.mint.Link(offer, k.store.Levels().Terms(offer, now), now, life) // capitals: the code has fewer and larger squares
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
	mic   capture.Microphone
}

// zoneLife is how old what was measured may be to be shown.
const zoneLife = 2 * time.Second

func (w *sourceWatch) measured(zs []capture.Zone) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.zones, w.at = zs, time.Now()
}

// hears takes note of the microphone's state, and tells visitors whether there is something to hear.
func (k *Kit) hears(m capture.Microphone) {
	k.source.mu.Lock()
	k.source.mic = m
	k.source.mu.Unlock()
	is := wire.SoundNone
	switch {
	case m.State == "ready" && m.Muted:
		is = wire.SoundMuted
	case m.State == "ready":
		is = wire.SoundOn
	}
	k.web.Sound(is)
}

// mutedMark is an empty file in the data folder that is there while the operator has muted. The console's handler makes and removes it, and a kit that
// starts looks for it: who muted and then lost power is not heard when it comes back.
const mutedMark = "muted"

func isMuted(data string) bool {
	_, err := os.Stat(filepath.Join(data, mutedMark))
	return !errors.Is(err, fs.ErrNotExist)
}

// Mute has visitors hear silence, or what the microphone hears. It holds at once; an error is of keeping it through a restart.
func (c operatorsCamera) Mute(on bool) error {
	c.k.cam.SetMute(on)
	mark := filepath.Join(c.k.config.Data, mutedMark)
	if on {
		return whole.Replace(mark, nil)
	}
	if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// microphone is the row of a microphone that there is. That there is none is no trouble, and says nothing.
func (k *Kit) microphone() (drivers.Status, bool) {
	k.source.mu.Lock()
	m := k.source.mic
	k.source.mu.Unlock()
	s := drivers.Status{Device: "microphone", Name: strings.TrimSpace(m.Name + " " + m.Format), State: drivers.State(m.State), Reason: m.Reason}
	if m.Muted {
		s.Reason = cmp.Or(s.Reason, "Muted: visitors hear silence.")
	}
	return s, m.State == "opening" || m.State == "ready" || m.State == "failed"
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
	s := wire.Camera{Of: w.now.Of, Held: w.now.Held, Microphone: w.mic}
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

// onScreen is for how long a code on the console's screen is good: the console shows another every 15 s, and who has it scanned has a minute to buy.
const onScreen = 75 * time.Second

// codes implements control.Codes.
type codes struct{ *Kit }

// live is an offer that can be bought now, with its price.
func (k codes) live(offer string) (pipeline.Offer, string, error) {
	l := k.store.Levels()
	o, _, ok := l.OfferAt(offer, k.clock.Now())
	switch {
	case !ok:
		return o, "", store.ErrUnknown{What: "offer", ID: offer}
	case l.StateAt(offer, k.clock.Now()) != pipeline.OfferLive:
		return o, "", console.Told(o.Title + " is not for sale now: start it first.")
	case l.Left(offer) == 0:
		return o, "", console.Told(o.Title + " is sold out.")
	}
	return o, l.Catalogue.PriceText(o), nil
}

func (k codes) Picture(offer string) ([]byte, error) {
	if _, _, err := k.live(offer); err != nil {
		return nil, err
	}
	code, err := qr.Encode(k.link(offer, onScreen), qr.M)
	if err != nil {
		return nil, err
	}
	return code.PNG(), nil
}

func (k codes) Print(ctx context.Context, offer string) error {
	o, price, err := k.live(offer)
	if err != nil {
		return err
	}
	if err := k.canPrint(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, onDemand)
	defer cancel()
	link := k.link(offer, token.MaxLife)
	_, err = k.printer.Print(ctx, thermal.Job{Name: "code", Compose: func(p thermal.Profile) []byte {
		return slip.ComposeCode(k.config.Stall, o.Title, price, link, int(token.MaxLife.Minutes()), p, k.text)
	}})
	return err
}
