package encode

import (
	"context"
	"fmt"
	"image"
	"slices"
	"sync"
	"time"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
)

// beatEvery is how often the loop says that it lives. The daemon waits for five times as long.
const beatEvery = 100 * time.Millisecond

// Painter draws the scene over a picture (overlay.Compositor does).
type Painter interface {
	Draw(img *image.YCbCr, at time.Duration) (rev uint64, areas []capture.Area)
	// Next is what the next picture shows, if other areas hold in it.
	Next() (rev uint64, areas []capture.Area, other bool)
}

// Link takes what the loop makes (camlink.Conn does). SendAccessUnit's false asks for a key picture.
type Link interface {
	SendAreas(capture.Areas) error
	SendAccessUnit(capture.AccessUnit) (bool, error)
	SendBeat(camlink.Beat) error
	SendStill(jpeg []byte) error
}

// Config wires a loop.
type Config struct {
	Layers  []capture.Layer
	Encoder func(capture.Layer) (Encoder, error) // makes one for each layer
	Painter Painter
	Link    Link
	Frames  *Slot // full pictures, at least as large as every layer
}

// Loop encodes. WantKeyframe and SetBitrate may be called from any goroutine.
type Loop struct {
	cfg    Config
	layers []*layer
	still  still

	rtp    uint32 // of the last picture taken
	begun  bool   // there was one
	areas  []capture.Area
	rev    uint64
	frames uint64
	late   uint64 // pictures whose time was not after the one before
	mean   time.Duration
	beat   time.Time // the last one
}

// New makes the encoders. Close the loop, also when Run was never called.
func New(cfg Config) (*Loop, error) {
	l := &Loop{cfg: cfg}
	for _, c := range cfg.Layers {
		e, err := cfg.Encoder(c)
		if err != nil {
			return nil, fmt.Errorf("layer %d: %w", c.ID, firstError(err, l.Close()))
		}
		l.layers = append(l.layers, newLayer(c, e))
	}
	return l, nil
}

// Close frees the encoders.
func (l *Loop) Close() error {
	var first error
	for _, y := range l.layers {
		first = firstError(first, y.enc.Close())
	}
	return first
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// WantKeyframe asks for a key picture of a layer; it comes with the next picture, but no sooner than keyEvery after the
// last. Unknown layers are ignored.
func (l *Loop) WantKeyframe(id uint8) {
	if int(id) < len(l.layers) {
		l.layers[id].want.Store(true)
	}
}

// SetBitrate gives a layer a new target, from its next picture on. Unknown layers are ignored.
func (l *Loop) SetBitrate(id uint8, kbps int) {
	if int(id) < len(l.layers) {
		l.layers[id].kbps.Store(int32(kbps))
	}
}

// WantStill asks for the next picture as a still.
func (l *Loop) WantStill() { l.still.want.Store(true) }

// Run encodes until ctx ends, which returns nil, or an encoder fails, after which the process is best started anew.
func (l *Loop) Run(ctx context.Context) error {
	tick := time.NewTicker(beatEvery) // for when no pictures come; the loop itself sends the beat
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-l.cfg.Frames.Ready():
			if f, ok := l.cfg.Frames.Take(); ok {
				if err := l.picture(f); err != nil {
					return err
				}
			}
		}
		if err := l.pulse(); err != nil {
			return err
		}
	}
}

// pulse sends a beat when it is time.
func (l *Loop) pulse() error {
	now := time.Now()
	if now.Sub(l.beat) < beatEvery*9/10 {
		return nil
	}
	l.beat = now
	return l.cfg.Link.SendBeat(camlink.Beat{Frames: l.frames, Mean: l.mean, Drops: l.cfg.Frames.Drops() + l.late})
}

// picture takes one picture through all layers that are due.
func (l *Loop) picture(f capture.Frame) error {
	began := time.Now()
	rtp := capture.Timestamp(f.At)
	if l.begun && int32(rtp-l.rtp) <= 0 { // timestamps rise, or players throw the picture away (RFC 3550 section 5.1)
		l.late++
		return nil
	}
	var due []*layer
	for _, y := range l.layers {
		if y.pace.due(f.At) {
			due = append(due, y)
		}
	}
	if len(due) == 0 {
		return nil // a camera faster than every layer
	}
	l.rtp, l.begun = rtp, true
	if err := l.paint(f, rtp); err != nil {
		return err
	}
	if err := l.encode(due, f, rtp); err != nil {
		return err
	}
	l.frames++
	l.mean += (time.Since(began) - l.mean) / 16
	return nil
}

// paint draws the scene. Of other areas it tells with the picture before the first that shows them, which is as long before as
// pictures are apart: their way to the page is another than the picture's, and may take longer.
func (l *Loop) paint(f capture.Frame, rtp uint32) error {
	rev, areas := l.cfg.Painter.Draw(f.Image, f.At)
	if err := l.tell(rtp, rev, areas); err != nil {
		return err
	}
	if rev, areas, other := l.cfg.Painter.Next(); other {
		return l.tell(rtp+1, rev, areas) // a later picture's timestamp is at least one more
	}
	return nil
}

// tell tells which areas hold from a timestamp on, unless that was told.
func (l *Loop) tell(rtp uint32, rev uint64, areas []capture.Area) error {
	if rev == l.rev && slices.Equal(areas, l.areas) {
		return nil
	}
	l.rev, l.areas = rev, slices.Clone(areas)
	return l.cfg.Link.SendAreas(capture.Areas{RTP: rtp, Rev: rev, Areas: l.areas})
}

// encode runs the layers side by side and waits for all, since the picture is theirs until then.
func (l *Loop) encode(due []*layer, f capture.Frame, rtp uint32) error {
	errs := make([]error, len(due))
	var others sync.WaitGroup
	for i, y := range due[1:] {
		others.Go(func() { errs[i+1] = y.encode(f, rtp, l.cfg.Link) })
	}
	errs[0] = due[0].encode(f, rtp, l.cfg.Link)
	others.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("layer %d: %w", due[i].ID, err)
		}
	}
	l.still.take(stillOf(due).picture(f.Image), l.cfg.Link)
	return nil
}

// stillOf is the layer that stills are of: the smallest on which prompts can be read (see overlay), else the largest.
func stillOf(due []*layer) *layer {
	for _, y := range slices.Backward(due) {
		if y.Height >= 360 {
			return y
		}
	}
	return due[0]
}
