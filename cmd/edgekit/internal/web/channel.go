package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"edgekit.internal/capture/fanout"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/pipeline"
)

// actTimeout bounds the wait for a tap's decision; it goes on without the one who waits.
const actTimeout = 10 * time.Second

// Tap takes a tap down the line. Who leaves, or a kit that stops, does not end it half way: it is decided in a moment.
func (w *Web) Tap(ctx context.Context, viewer string, t wire.Tap, via pipeline.Channel) pipeline.Outcome {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), actTimeout)
	defer cancel()
	return w.Sale.Tap(ctx, pipeline.Tap{ID: t.ID, Viewer: viewer, Offer: t.Offer, Token: t.Token, Choice: t.Choice, Frame: t.Frame, Via: via})
}

// channel is one page's data channel. Its messages are handled one after the other, on the goroutine that reads them:
// who sends much waits for their own.
type channel struct {
	web    *Web
	viewer string
	from   string // address
	accept string // languages
	sink   *sink
}

func (c *channel) opened(v *fanout.Viewer) {
	s := &sink{viewer: c.viewer, from: c.from, accept: c.accept, send: func(kind string, msg []byte) bool {
		if kind == wire.TypeOffers {
			return sendOffers(v, msg)
		}
		return v.Send(msg)
	}}
	if !c.web.hub.add(s) {
		return // it can still send taps, and is answered
	}
	c.sink = s
	sendOffers(v, c.web.offersMessage(c.viewer, c.accept))
	v.Send(encode(wire.Sound{Type: wire.TypeSound, Is: c.web.hub.latestSound()}))
	v.Send(encode(wire.Areas{Type: wire.TypeAreas, Areas: c.web.hub.latestAreas()}))
}

// changed is said in place of offers that do not fit in one message.
var changed = encode(struct {
	Type string `json:"type"`
}{wire.TypeChanged})

// sender is a viewer's end of the channel; see fanout.Viewer.
type sender interface{ Send(msg []byte) bool }

func sendOffers(v sender, msg []byte) bool { return v.Send(msg) || v.Send(changed) }

func (c *channel) closed(error) {
	if c.sink != nil {
		c.web.hub.remove(c.sink)
	}
}

func (c *channel) message(v *fanout.Viewer, msg []byte) {
	if ok, _ := c.web.messages.Allow(c.viewer, time.Now()); !ok {
		return // a flood gets no answers
	}
	t, err := parseSignal(msg)
	switch {
	case err != nil:
		v.Send(encode(wire.Outcome{Type: wire.TypeOutcome, ID: t.ID, Outcome: string(pipeline.Malformed), Detail: "The message is not one of " + wire.Protocol + ": " + err.Error()}))
	case t.Type == wire.TypeRefresh:
		sendOffers(v, c.web.offersMessage(c.viewer, c.accept))
	case t.Type == wire.TypeSound:
		c.web.Acts(c.from)
		v.SetSound(t.On)
	case t.Type == wire.TypeStay:
		c.web.Acts(c.from)
	default:
		c.web.Acts(c.from)
		out := c.web.Tap(context.Background(), c.viewer, t, pipeline.ViaPage)
		v.Send(encode(wire.FromOutcome(out, wire.TypeOutcome)))
	}
}

// parseSignal reads a message from a page. On an error the tap's id is given if it could be read.
func parseSignal(msg []byte) (wire.Tap, error) {
	var t wire.Tap
	if len(msg) > maxBody {
		return t, errTooLarge
	}
	d := json.NewDecoder(bytes.NewReader(msg))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return t, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return t, errTrailing
	}
	if t.Type != wire.TypeTap && t.Type != wire.TypeRefresh && t.Type != wire.TypeStay && t.Type != wire.TypeSound {
		return t, errType
	}
	return t, nil
}
