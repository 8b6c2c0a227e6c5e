package press

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/button"
	"edgekit.internal/drivers/led"
	"edgekit.internal/pipeline"
)

// request is a press that waits.
type request struct {
	press  pipeline.Press
	refuse string            // it is for nothing, for this reason
	reply  chan<- wire.Press // capacity 1; nil: nobody waits
}

// maxOffer bounds an offer's id, in bytes: see pipeline/catalog.
const maxOffer = 64

// ErrBusy says that too many presses wait. Nothing was done.
var ErrBusy = errors.New("press: the kit is busy with other presses: try again in a moment")

// pressed takes a press from the buttons' driver, which must not wait.
func (d *Desk) pressed(e button.Event) {
	if e.Reached {
		d.lights.Flash(alertLight, led.Held)
		return
	}
	r := d.request(pipeline.Press{ID: ulid.Make().String(), Button: e.Button, Gesture: string(e.Gesture), Via: pipeline.ViaButton})
	select {
	case d.queue <- r:
	default:
		d.dropped.Add(1)
		d.lights.Flash(alertLight, led.No)
		d.cfg.Log.Warn("a press was not taken: too many wait", "button", e.Button)
	}
}

// request finds out what a press is for.
func (d *Desk) request(p pipeline.Press) request {
	if p.Action == "" {
		p.Action = d.bound[p.Button][p.Gesture]
	}
	r := request{press: p}
	if p.Action == "" {
		r.refuse = d.hint(p.Button, p.Gesture)
	}
	return r
}

// Press takes a press from elsewhere, and answers when it is decided. A repeat of an id gets the first answer. The error is
// ErrBusy, an Unknown, or that of ctx: then it may have been decided.
func (d *Desk) Press(ctx context.Context, in wire.PressRequest, via pipeline.Channel) (wire.Press, error) {
	p := pipeline.Press{ID: in.ID, Button: in.Button, Gesture: in.Gesture, Action: pipeline.Action(in.Action), Offer: in.Offer, Via: via}
	switch {
	case !pipeline.ValidTapID(p.ID):
		return wire.Press{}, Unknown("the press's id must be a ULID: 26 characters of 0-9 and A-Z without I, L, O, U")
	case (p.Action == pipeline.ShowOffer) != (p.Offer != ""), len(p.Offer) > maxOffer:
		return wire.Press{}, Unknown(fmt.Sprintf("expected an offer with the action %s, and with no other, of at most %d bytes", pipeline.ShowOffer, maxOffer))
	case p.Action == pipeline.ShowOffer && p.Button == "":
	case p.Action != "" && (p.Button != "" || !slices.Contains(pipeline.Actions, p.Action)):
		return wire.Press{}, Unknown(fmt.Sprintf("there is no action %.40q: expected one of %q, without a button", in.Action, pipeline.Actions))
	case p.Action == "" && !slices.Contains(Buttons, p.Button):
		return wire.Press{}, Unknown(fmt.Sprintf("there is no button %.40q: expected one of %q", in.Button, Buttons))
	case p.Action == "" && !slices.Contains(gestures, p.Gesture):
		return wire.Press{}, Unknown(fmt.Sprintf("there is no gesture %.40q: expected one of %q", in.Gesture, gestures))
	}
	r, reply := d.request(p), make(chan wire.Press, 1)
	r.reply = reply
	select {
	case d.queue <- r:
	default:
		d.dropped.Add(1)
		return wire.Press{}, ErrBusy
	}
	select {
	case out := <-reply:
		return out, nil
	case <-ctx.Done():
		return wire.Press{}, ctx.Err()
	case <-d.ended:
		return wire.Press{}, ErrBusy
	}
}

// Unknown is a press that cannot be: why, for people.
type Unknown string

func (u Unknown) Error() string { return string(u) }
