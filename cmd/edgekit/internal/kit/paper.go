package kit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"rsc.io/qr"

	"edgekit.internal/cmd/edgekit/internal/console"
	"edgekit.internal/cmd/edgekit/internal/control"
	"edgekit.internal/cmd/edgekit/internal/listen"
	"edgekit.internal/cmd/edgekit/internal/pay"
	"edgekit.internal/cmd/edgekit/internal/scan"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers/scanner"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/payment"
)

const (
	// onDemand is how long a slip that somebody stands waiting for may take.
	onDemand = 15 * time.Second
	// addressIn is how long the first slip waits for the network to give the kit an address.
	addressIn = 30 * time.Second
	// operatorIn is how long a kit waits for its operator's device until it prints a code for the next one: an open console
	// is back within seconds.
	operatorIn = 2 * time.Minute
	// radioIn is how long a kit's radio may take to be found: its driver comes, and its firmware.
	radioIn = 15 * time.Second
	forever = 100 * 365 * 24 * time.Hour
)

// openPay makes the way to pay elsewhere, if there is one.
func (k *Kit) openPay(kit string) (err error) {
	c := pay.Config{Book: k.store, Now: func() time.Duration { return k.clock.Now() }, Hold: k.config.Pay.Hold > 0, Log: k.log, Wall: func() (time.Time, bool) {
		fix, known := k.machine.Time()
		return fix.Wall, known
	}}
	if p := k.config.Pay; p.URL != "" {
		if c.Checkout, err = payment.New(p.URL, p.Secret, kit); err != nil {
			return fault("edgekit: [pay] %v", err)
		}
	}
	k.pay = pay.New(c)
	return nil
}

// setupSlip is the slip as it would be printed now.
func (k *Kit) setupSlip(again bool) []byte {
	s := slip.Setup{Stall: k.config.Stall, Kit: k.id, Join: k.join(), Venue: k.guest(), Console: k.consoles(), Code: k.state.Code(), Refused: k.refusedLines(), Again: again}
	if listen.Loopback(k.operators) {
		s.Console = []string{listen.Address("http", k.operators) + "/console"}
	} else {
		s.Fingerprint = k.fingerprint
	}
	return slip.ComposeSetup(s, k.profile, k.text)
}

// setupOf names what the set-up slip tells, but for the address, which a network gives as it likes: in front what leads to
// the kit, the Wi-Fi and the certificate, behind it the code.
func (k *Kit) setupOf() (leads, of string) {
	short := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:8]) }
	leads = fmt.Sprintf("%+v\n%s", k.join(), k.fingerprint)
	if w := k.config.Wifi; w.Mode == "venue" && w.VenueSSID != "" {
		leads += "\n" + w.VenueSSID
	}
	leads = short(leads)
	return leads, leads + "/" + short(k.state.Code())
}

// setupDue tells whether a set-up slip is to be printed. Either at once, since there never was one that leads to this kit. Or if
// nobody who is paired comes: then the code on the last one was used or lost, and with it gone there is no other way in.
func (k *Kit) setupDue() (now, unlessSeen, again bool) {
	if listen.Loopback(k.operators) { // a laptop, where the console is at home
		return false, false, false
	}
	leads, of := k.setupOf()
	due, again := k.state.Due(setup.SetupSlip, of)
	known := strings.HasPrefix(k.state.Last(setup.SetupSlip), leads+"/")
	return due && (!known || again), due && known, again
}

func (k *Kit) printSetup(ctx context.Context, again bool) error {
	_, of := k.setupOf()
	return k.printOnce(ctx, setup.SetupSlip, of, k.setupSlip(again))
}

// printOnce brings a slip about the set-up to paper, and notes durably that it is being sent before it is.
func (k *Kit) printOnce(ctx context.Context, kind, of string, data []byte) error {
	fate, err := k.printer.Print(ctx, thermal.Job{Name: kind, Data: data, Begin: func() error { return k.state.Sending(kind, of) }})
	if err == nil || fate == thermal.Unsent {
		err = errors.Join(err, k.state.Sent(kind, of, err == nil))
	}
	if err == nil {
		k.log.Info("slip printed", "slip", kind)
	}
	return err
}

// printDue prints the slips about the set-up that are due. It waits for the printer as long as that takes.
func (k *Kit) printDue(ctx context.Context) error {
	if k.findsRadio() {
		k.until(ctx, radioIn, func() bool { return k.wifi.Radio() != "" }) // a slip tells how to join
	}
	due, unlessSeen, again := k.setupDue()
	if due {
		k.until(ctx, addressIn, func() bool { return len(k.consoles()) > 0 && k.named() }) // the address is what the slip is for
		k.until(ctx, forever, k.printerReady)                                              // what it says is to be true when it comes out
		if err := k.printSetup(ctx, again); err != nil && ctx.Err() == nil {
			k.log.Warn("set-up slip not printed", "err", err)
		}
	}
	k.until(ctx, forever, k.printerReady)
	if err := k.printRefusal(ctx, due); err != nil && ctx.Err() == nil {
		k.log.Warn("slip about refused settings not printed", "err", err)
	}
	if unlessSeen && !due && !k.until(ctx, operatorIn, k.console.Seen) && ctx.Err() == nil {
		if err := k.printSetup(ctx, again); err != nil && ctx.Err() == nil {
			k.log.Warn("set-up slip not printed", "err", err)
		}
	}
	return nil
}

// printRefusal says on paper, once, that settings were refused, unless that was said on the set-up slip.
func (k *Kit) printRefusal(ctx context.Context, said bool) error {
	r := k.book.Refusal()
	if r == nil {
		return nil
	}
	of := r.Digest()
	first, _ := k.state.Due(setup.RefusalSlip, of)
	switch {
	case !first:
		return nil
	case said:
		return k.state.Sent(setup.RefusalSlip, of, true)
	}
	return k.printOnce(ctx, setup.RefusalSlip, of, slip.ComposeRefusal(k.config.Stall, k.refusedLines(), k.profile, k.text))
}

// until looks each second whether something has come about, for so long at the most.
func (k *Kit) until(ctx context.Context, most time.Duration, ok func() bool) bool {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for end := time.Now().Add(most); !ok(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func (k *Kit) printerReady() bool {
	return k.printer != nil && k.printer.Ready()
}

// consoles are the addresses of the console for other devices: by number, then by name.
func (k *Kit) consoles() (all []string) {
	if listen.Loopback(k.operators) {
		return nil
	}
	_, port, err := net.SplitHostPort(k.operators.Addr().String())
	if err != nil {
		return nil
	}
	for _, ip := range listen.ReachedAt(k.operators) {
		all = append(all, "https://"+net.JoinHostPort(ip, port)+"/console")
	}
	name, err := os.Hostname()
	if told := k.wifi.Venue().Name; told != "" {
		name, err = told, nil // the venue's router need not know the other
	}
	if err == nil && len(all) > 0 {
		all = append(all, "https://"+net.JoinHostPort(name, port)+"/console")
	}
	return all
}

// oldSlip is after how long nobody may be waiting for a slip any more.
const oldSlip = 2 * time.Hour

// old tells whether a slip has waited so long that the operator is asked before it is printed. Kit time stands still while the
// kit is off: of a slip that an earlier run left, the wall clock may tell too, where it was known both times. A wrong guess
// costs a question or a slip of paper.
func (k *Kit) old(t pipeline.Ticket) bool {
	if k.clock.Now()-t.At > oldSlip {
		return true
	}
	const known = 2025 // a clock that was never set says 1970, or when the image was made
	now := time.Now()
	return t.At < k.began && t.Wall.Year() >= known && now.Year() >= known && now.Sub(t.Wall) > oldSlip
}

// slips are the console's decisions about paper.
type slips struct{ *Kit }

func (s slips) Held(ctx context.Context) (int, error) { return s.store.Held(ctx) }

func (s slips) DecideHeld(ctx context.Context, wish string, print bool) error {
	_, last, err := s.store.DecideHeld(ctx, wish, print)
	if err == nil && print && s.queue != nil {
		s.queue.WantUpTo(last)
	}
	return err
}

// Test prints a test page on the first printer that is ready.
func (s slips) Test(ctx context.Context) error {
	if err := s.canPrint(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, onDemand)
	defer cancel()
	names := []string{}
	for _, d := range s.printer.Devices() {
		names = append(names, d.Name)
	}
	_, err := s.printer.Print(ctx, thermal.Job{Name: "test", Compose: func(p thermal.Profile) []byte {
		return slip.ComposeTest(s.look, strings.Join(names, ", "), p, s.text)
	}})
	return err
}

// canPrint says in words for people why nothing can be printed just now.
// Sheet implements console.Slips.
func (s slips) Sheet(ctx context.Context, print bool) (sheet wire.ScannerSheet, err error) {
	if print {
		if err := s.canPrint(); err != nil {
			return sheet, err
		}
	}
	if reason := s.counter.Teach(); reason != "" {
		return sheet, console.Told(reason)
	}
	code, err := qr.Encode(scanner.Sheet(), qr.M)
	if err == nil && print {
		ctx, cancel := context.WithTimeout(ctx, onDemand)
		defer cancel()
		_, err = s.printer.Print(ctx, thermal.Job{Name: "scanner-sheet", Compose: func(p thermal.Profile) []byte {
			return slip.ComposeSheet(s.config.Stall, scanner.Sheet(), p, s.text)
		}})
	}
	if err != nil {
		return sheet, err
	}
	return wire.ScannerSheet{PNG: code.PNG(), Minutes: int(scan.Lesson.Minutes())}, nil
}

// Roll prints a till roll.
func (s slips) Roll(ctx context.Context, closing int64) error {
	if err := s.canPrint(); err != nil {
		return err
	}
	roll, err := control.RollOf(ctx, s.store, closing)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, onDemand)
	defer cancel()
	_, err = s.printer.Print(ctx, thermal.Job{Name: "till-roll", Compose: func(p thermal.Profile) []byte {
		return slip.ComposeRoll(s.config.Stall, roll, p, s.text)
	}})
	return err
}

// PDF writes a till roll as a document.
func (s slips) PDF(roll wire.Roll) ([]byte, error) {
	return slip.RollPDF(s.config.Stall, roll, s.text)
}

func (k *Kit) canPrint() error {
	if k.printer == nil {
		return console.Told("Printing is switched off: set a printer first.")
	}
	if !k.printerReady() {
		return console.Told("The printer is not ready. " + k.printer.Devices()[0].Reason)
	}
	return nil
}

// Again notes the slip as one that is being sent: what is found so is printed as a possible copy.
func (s slips) Again(ctx context.Context, wish, ticket string) error {
	n, err := s.store.PrintAgain(ctx, wish, ticket)
	if err == nil && s.queue != nil {
		s.queue.Want(n)
	}
	return err
}
