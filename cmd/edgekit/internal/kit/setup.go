package kit

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"time"

	"edgekit.internal/cmd/edgekit/internal/listen"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/cmd/edgekit/internal/slip"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
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
	if err := s.k.canPrint(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, onDemand)
	defer cancel()
	s.k.openDoor()
	return s.k.printSetup(ctx, false)
}

// noPrinterFor is how long a printer may be missing until the set-up is shown in the picture.
const noPrinterFor = 10 * time.Second

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
	j, ok := k.config.Join(k.id, k.wifiSecret)
	if !ok || !k.makesWifi() {
		return nil
	}
	return &j
}

// makesWifi tells whether the kit makes a network of its own: if it is to, or, where it is to see for itself, on a card's system
// with a radio.
func (k *Kit) makesWifi() bool {
	return k.config.Wifi.Mode == "ap" || k.findsRadio() && k.wifi.Radio() != ""
}

// guest is where visitors find the kit with mode venue; nil: with another.
func (k *Kit) guest() *slip.Venue {
	if k.config.Wifi.Mode != "venue" {
		return nil
	}
	is := k.wifi.Venue()
	v := &slip.Venue{SSID: k.config.Wifi.VenueSSID, Pages: k.pages(is.Name)}
	if is.Device.State != string(drivers.Ready) {
		v.Trouble = is.Device.Reason
	}
	return v
}

// pages are addresses of the visitors' page: by number, which all phones find, then by a name in the network, if there is one.
func (k *Kit) pages(name string) (all []string) {
	at, ok := k.visitors.Addr().(*net.TCPAddr)
	if !ok || at.IP.IsLoopback() {
		return nil
	}
	hosts := listen.ReachedAt(k.visitors)
	if name != "" && len(hosts) > 0 {
		hosts = append(hosts, name)
	}
	for _, h := range hosts {
		if at.Port != 80 {
			h = net.JoinHostPort(h, strconv.Itoa(at.Port))
		}
		all = append(all, "http://"+h+"/")
	}
	return all
}

// named tells whether nothing is missing of the name by which the kit is found with mode venue.
func (k *Kit) named() bool { return k.config.Wifi.Mode != "venue" || k.wifi.Venue().Name != "" }

// findsRadio tells whether it is the radio that decides.
func (k *Kit) findsRadio() bool { return k.config.Wifi.Mode == "auto" && k.config.Boot != "" }

// doorTime is how long any phone in the kit's own Wi-Fi finds the console after a start, and after a set-up slip was asked for: time
// to join and to enter the code. At other times those do that have paired there.
const doorTime = 10 * time.Minute

func (k *Kit) openDoor() { k.doorOpen.Store(int64(k.clock.Now() + doorTime)) }

// staff is who reaches the console from the kit's own Wi-Fi.
func (k *Kit) staff() wire.WifiStaff {
	if listen.Loopback(k.operators) {
		return wire.WifiStaff{}
	}
	return wire.WifiStaff{Port: uint16(k.operators.Addr().(*net.TCPAddr).Port), Stations: k.state.Staff(),
		Anybody: !k.state.Paired() || int64(k.clock.Now()) < k.doorOpen.Load()}
}

// operatorAt remembers the phone that a paired operator asks from; false: it is none in the kit's own Wi-Fi that is known of now.
func (k *Kit) operatorAt(addr string) bool {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		return false
	}
	s, ok := k.wifi.Station(context.Background(), ip.Unmap())
	if ok {
		k.state.AddStaff(s.MAC)
	}
	return ok
}

// provision shows the way in the picture where there is no printer to print it.
func (k *Kit) provision(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	missing := time.Duration(0)
	for {
		if missing += time.Second; k.printerReady() {
			missing = 0
		}
		text, sub := k.wayIn(missing >= noPrinterFor || k.printer == nil)
		k.scene.Notice(text, sub)
		if k.state.Paired() {
			k.scene.Notice("", "")
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
	_, of := k.setupOf()
	if due, _ := k.state.Due(setup.SetupSlip, of); !noPrinter || !due || k.state.Paired() || k.sold() {
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
