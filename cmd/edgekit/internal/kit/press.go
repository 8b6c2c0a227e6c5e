package kit

import (
	"context"
	"errors"
	"time"

	"github.com/oklog/ulid/v2"

	"edgekit.internal/cmd/edgekit/internal/console"
	"edgekit.internal/cmd/edgekit/internal/heldup"
	"edgekit.internal/cmd/edgekit/internal/press"
	"edgekit.internal/cmd/edgekit/internal/scan"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/led"
	"edgekit.internal/hardware/pins"
	"edgekit.internal/pipeline"
)

// ErrShutDown ends Run when a button asked for it: all is closed then, and the machine may be switched off.
var ErrShutDown = errors.New("shut down by a button")

func (k *Kit) openDesk() error {
	desk, setting, err := press.New(press.Config{Buttons: k.config.Buttons, Lights: k.config.Lights, Press: k.config.Press, Book: k.store, Log: k.log,
		Cannot: k.cannot, Do: k.do, Shows: k.shows, Named: func(role string) string {
			p, _ := pins.For(pins.Role(role))
			return p.String()
		}})
	k.desk = desk
	if err != nil {
		return prefixed(setting, err)
	}
	if k.config.HeldUp != "off" {
		k.heldUp = heldup.New(heldup.Config{Ask: k.config.HeldUp == "ask", Levels: func() *pipeline.Levels { return k.store.Levels() }, Now: func() time.Duration { return k.clock.Now() }, Show: k.showOffer, Log: k.log,
			Ticket: func(ctx context.Context, code string) wire.Scan { return k.counter.Seen(ctx, code) }, Listed: k.store.Listed})
	}
	k.counter, err = scan.New(scan.Config{Scanner: k.config.Scanner, Book: k.store, Told: k.desk.Tell, Now: k.clock.Now, Kept: k.state.Scanner, Keep: k.state.SetScanner, Log: k.log})
	return prefixed("scanner.device", err)
}

// showOffer puts the offer of a product on show that is held up, as a press would.
func (k *Kit) showOffer(ctx context.Context, offer string) wire.Press {
	out, err := k.desk.Press(ctx, wire.PressRequest{ID: ulid.Make().String(), Action: string(pipeline.ShowOffer), Offer: offer}, pipeline.ViaCamera)
	if err != nil {
		return wire.Press{Detail: "The kit is busy: hold it up a little longer."}
	}
	return out
}

// cannot is why a press is in vain, before it is recorded.
func (k *Kit) cannot(a pipeline.Action) string {
	if a == pipeline.ReprintLast && k.printer == nil {
		return "Printing is switched off: set a printer first."
	}
	if a == pipeline.NextCamera && (operatorsCamera{k}).Status().Of < 2 {
		return "There is no other camera: plug one in."
	}
	return ""
}

// do does what a press is for, beyond what the store has changed already.
func (k *Kit) do(ctx context.Context, out pipeline.PressOutcome) error {
	switch out.Action {
	case pipeline.ReprintLast:
		k.queue.Want(out.Ticket)
	case pipeline.NewSetupSlip:
		return k.letIn(ctx)
	case pipeline.NextCamera:
		k.cam.NextCamera()
	case pipeline.ShutDown:
		select {
		case k.off <- struct{}{}:
		default: // it is on its way
		}
	}
	return nil
}

// letIn makes a new pairing code and prints it. Who stands at the kit is let in: a lost phone, or a code that others have used
// up by guessing, does not lock its owner out. Codes before it are good no more.
func (k *Kit) letIn(ctx context.Context) error {
	k.console.NewCode()
	k.openDoor()
	k.log.Warn("a new pairing code was made by a button of the kit")
	if err := (setUp{k.state, k}).PrintSetup(ctx); err != nil {
		var told console.Told
		if !errors.As(err, &told) {
			k.log.Warn("set-up slip not printed", "err", err)
			told = "The printer did not print it."
		}
		return errors.New("The slip with the new pairing code is not out. " + string(told) + " The code is on the screen at the kit's own HDMI socket too, and on consoles that are paired.")
	}
	return nil
}

// shows is what the lights show of the kit.
func (k *Kit) shows() (ready, alert led.Pattern) {
	ready, alert = led.Off, led.Off
	if k.ready() == nil {
		ready = led.Ready
		l, now := k.store.Levels(), k.clock.Now()
		for _, o := range l.Catalogue.Offers {
			if l.StateAt(o.ID, now) == pipeline.OfferLive {
				ready = led.Live
			}
		}
	}
	for _, d := range k.devices() {
		off := d.Device == "printer" && k.printer == nil
		if d.State == drivers.Failed || d.State == drivers.Absent && !off {
			alert = led.Fault
		}
	}
	return ready, alert
}

// untilShutDown ends the kit when a button asks for it, once the light had time to say so.
func (k *Kit) untilShutDown(ctx context.Context) error {
	select {
	case <-k.off:
	case <-ctx.Done():
		return nil
	}
	seen := time.NewTimer(led.Yes.Length())
	defer seen.Stop()
	select {
	case <-seen.C:
	case <-ctx.Done():
	}
	return ErrShutDown
}

// Appliance tells whether the kit runs from its SD card, and the machine is its own.
func (k *Kit) Appliance() bool { return k.upkeep.Status().Appliance }
