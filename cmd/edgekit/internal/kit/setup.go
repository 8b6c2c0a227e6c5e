package kit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"edgekit.internal/cmd/edgekit/internal/console"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/thermal"
)

// ErrRestart ends Run when an operator asked for it: the program is to start again, with the settings that were saved.
var ErrRestart = errors.New("restart asked for")

// setUp is the kit's set-up, as the console wants it.
type setUp struct {
	*setup.State
	k *Kit
}

// Settings are those of the next start.
func (s setUp) Settings() (out wire.Settings) {
	out.Text, out.Pending = s.k.book.Text()
	out.Refused = s.k.refusal()
	return out
}

// Save implements console.Setup.
func (s setUp) Save(text []byte) (settings.Problems, error, error) { return s.k.saveSettings(text) }

// Restart ends Run with ErrRestart, once the answer to who asked is on its way.
func (s setUp) Restart() {
	select {
	case s.k.restart <- struct{}{}:
	default: // it is asked for already
	}
}

// awaitRestart ends Run when that is asked for.
func (k *Kit) awaitRestart(ctx context.Context) error {
	select {
	case <-k.restart:
		return ErrRestart
	case <-ctx.Done():
		return nil
	}
}

// PrintSetup implements console.Setup.
func (s setUp) PrintSetup(ctx context.Context) error {
	if s.k.printer == nil {
		return console.Told("Printing is switched off: set a printer first.")
	}
	if st, _ := s.k.printer.Watch().Get(); st.State != drivers.Ready {
		return console.Told("The printer is not ready. " + st.Reason)
	}
	ctx, cancel := context.WithTimeout(ctx, onDemand)
	defer cancel()
	return s.k.printSetup(ctx, false)
}

const (
	// onDemand is how long a slip that somebody stands waiting for may take.
	onDemand = 15 * time.Second
	// addressIn is how long the first slip waits for the network to give the kit an address.
	addressIn = 30 * time.Second
	// operatorIn is how long a kit waits for its operator's device until it prints a code for the next one: an open console
	// is back within seconds.
	operatorIn = 2 * time.Minute
	// noPrinterFor is how long a printer may be missing until the set-up is shown in the picture.
	noPrinterFor = 10 * time.Second
)

// refusal is what is wrong with settings that were refused; nil: nothing.
func (k *Kit) refusal() *wire.Refusal {
	if r := k.book.Refusal(); r != nil {
		return &wire.Refusal{From: r.From, File: r.File, Problems: r.Problems}
	}
	return nil
}

func (k *Kit) refusedLines() (lines []string) {
	if r := k.refusal(); r != nil {
		for _, p := range r.Problems {
			lines = append(lines, p.String())
		}
	}
	return lines
}

// join is what visitors join the kit's own Wi-Fi with; nil: it makes none.
func (k *Kit) join() *settings.Join {
	if j, ok := k.config.Join(k.id, k.wifiSecret); ok {
		return &j
	}
	return nil
}

// consoles are the addresses of the console for other devices: by number, then by name.
func (k *Kit) consoles() (all []string) {
	if loopback(k.operators) {
		return nil
	}
	_, port, err := net.SplitHostPort(k.operators.Addr().String())
	if err != nil {
		return nil
	}
	for _, ip := range reachedAt(k.operators) {
		all = append(all, "https://"+net.JoinHostPort(ip, port)+"/console")
	}
	if name, err := os.Hostname(); err == nil && len(all) > 0 {
		all = append(all, "https://"+net.JoinHostPort(name, port)+"/console")
	}
	return all
}

// setupSlip is the slip as it would be printed now.
func (k *Kit) setupSlip(again bool) []byte {
	s := slip.Setup{Stall: k.config.Stall, Kit: k.id, Join: k.join(), Console: k.consoles(), Code: k.state.Code(), Refused: k.refusedLines(), Again: again}
	if loopback(k.operators) {
		s.Console = []string{address("http", k.operators) + "/console"}
	} else {
		s.Fingerprint = k.fingerprint
	}
	return slip.ComposeSetup(s, k.profile, k.text)
}

// setupOf names what the set-up slip tells, but for the address, which a network gives as it likes: in front what leads to
// the kit, the Wi-Fi and the certificate, behind it the code.
func (k *Kit) setupOf() (leads, of string) {
	short := func(s string) string { sum := sha256.Sum256([]byte(s)); return hex.EncodeToString(sum[:8]) }
	leads = short(fmt.Sprintf("%+v\n%s", k.join(), k.fingerprint))
	return leads, leads + "/" + short(k.state.Code())
}

// setupDue tells whether a set-up slip is to be printed. Either at once, since there never was one that leads to this kit. Or if
// nobody who is paired comes: then the code on the last one was used or lost, and with it gone there is no other way in.
func (k *Kit) setupDue() (now, unlessSeen, again bool) {
	if loopback(k.operators) { // a laptop, where the console is at home
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
	began, err := k.printer.Print(ctx, thermal.Job{Name: kind, Data: data, Begin: func() error { return k.state.Sending(kind, of) }})
	if err == nil || !began {
		err = errors.Join(err, k.state.Sent(kind, of, err == nil))
	}
	if err == nil {
		k.log.Info("slip printed", "slip", kind)
	}
	return err
}

// provision shows the way in the picture where there is no printer to print it.
func (k *Kit) provision(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	missing := time.Duration(0)
	for {
		ready := false
		if k.printer != nil {
			st, _ := k.printer.Watch().Get()
			ready = st.State == drivers.Ready
		}
		if missing += time.Second; ready {
			missing = 0
		}
		text, sub := k.wayIn(missing >= noPrinterFor || k.printer == nil)
		k.show.notice(text, sub)
		if k.state.Paired() {
			k.show.notice("", "")
			return nil // and never again
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// wayIn is what the picture says to whoever sets this kit up. Visitors see the picture too, so the pairing code is in it
// only while no device was ever paired with this kit, there is no slip to have it on, nothing was ever sold, and the console
// can be reached from outside: a kit out of its box, whose first owner is who pairs first. Should that be a stranger, the owner
// notices at once, since the code that is shown is gone. From the first pairing on it is never shown again, not even after
// a restart; further codes are in the console alone.
func (k *Kit) wayIn(noPrinter bool) (text, sub string) {
	if !noPrinter || k.state.Paired() || k.sold() {
		return "", ""
	}
	at := k.consoles()
	if len(at) == 0 {
		return "", ""
	}
	return "Pairing code " + k.state.Code(), at[0]
}

func (k *Kit) sold() bool {
	ts, err := k.store.Tickets(context.Background(), 1)
	return err != nil || len(ts) > 0
}

// printDue prints the slips about the set-up that are due. It waits for the printer as long as that takes.
func (k *Kit) printDue(ctx context.Context) error {
	due, unlessSeen, again := k.setupDue()
	if due {
		k.until(ctx, addressIn, func() bool { return len(k.consoles()) > 0 }) // the address is what the slip is for
		if err := k.printSetup(ctx, again); err != nil && ctx.Err() == nil {
			k.log.Warn("set-up slip not printed", "err", err)
		}
	}
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

// reachedAt are the addresses of this machine at which others reach a listener.
func reachedAt(l net.Listener) (ips []string) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil
	}
	if !at.IP.IsUnspecified() {
		return []string{at.IP.String()}
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil // a help, and no more
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() && !n.IP.IsLinkLocalUnicast() {
			ips = append(ips, n.IP.String())
		}
	}
	return ips
}

// reached is how others on the network reach a listener that listens everywhere.
func reached(l net.Listener) (addresses []string) {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() {
		return nil
	}
	for _, ip := range reachedAt(l) {
		addresses = append(addresses, "http://"+net.JoinHostPort(ip, strconv.Itoa(at.Port)))
	}
	return addresses
}
