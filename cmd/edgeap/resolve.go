package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"edgekit.internal/cmd/internal/wire"
	"edgekit.internal/drivers"
	"edgekit.internal/drivers/wifiap"
	"edgekit.internal/drivers/wifiap/venue"
	"edgekit.internal/hardware/whole"
)

// resolver has resolv.conf(5) name the venue's servers for as long as its network is the kit's way out, and gives it back as it was.
// By cable gokrazy's dhcp writes the file, at every lease, unless it says that another program has generated it: that would be for good.
// On the card it is a link to a file in memory.
type resolver struct {
	path   string
	before []byte // what others wrote; nil: not known
	wrote  []byte // nil: nothing
}

// use has the file name these servers; none: what others wrote.
func (r *resolver) use(servers []netip.Addr) error {
	if len(servers) == 0 && r.wrote == nil {
		return nil
	}
	at := r.path
	if to, err := os.Readlink(at); err == nil { // one step: that one may be a link to the kernel's, which is to be replaced
		if at = to; !filepath.IsAbs(at) {
			at = filepath.Join(filepath.Dir(r.path), to)
		}
	}
	is, err := os.ReadFile(at)
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("servers for names: %w", err)
	}
	if len(servers) == 0 {
		wrote := r.wrote
		r.wrote = nil
		if !bytes.Equal(is, wrote) || r.before == nil {
			return nil // somebody else's already
		}
		return whole.Replace(at, r.before)
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, "# by edgeap, of the venue's Wi-Fi")
	for _, s := range servers {
		fmt.Fprintln(&b, "nameserver", s)
	}
	if bytes.Equal(is, b.Bytes()) {
		r.wrote = is
		return nil
	}
	if !bytes.Equal(is, r.wrote) {
		r.before = append([]byte{}, is...)
	}
	if err := whole.Replace(at, b.Bytes()); err != nil {
		return fmt.Errorf("servers for names: %w", err)
	}
	r.wrote = b.Bytes()
	return nil
}

// resolve looks after the resolver.
func (r *reception) resolve() {
	is, servers := r.venue.State(), []netip.Addr(nil)
	if is.Router.IsValid() {
		if out, err := wayOut(""); err == nil && out.Interface == is.Radio {
			servers = is.Servers
		}
	}
	if err := r.resolver.use(servers); err != nil {
		r.log.Warn("the kit itself may not find names in the venue's network", "err", err)
	}
}

// serversBy are who is asked for names by an interface, at most 3.
func (r *reception) serversBy(interfaceName string) (list []netip.AddrPort) {
	if is := r.venue.State(); is.Radio == interfaceName && is.Address.IsValid() {
		for _, s := range is.Servers {
			list = append(list, netip.AddrPortFrom(s, 53))
		}
		return list
	}
	return nameservers(resolvConf, wifiap.Address.Addr())
}

// outside is how the kit does in the venue's network; nil: none is asked for.
func (r *reception) outside() *wire.WifiVenue {
	s := r.venue.State()
	w := venueOf(s)
	w.Name = r.naming.of(s.Radio)
	if s.SSID == "" && r.naming.mode() == "venue" {
		byCable(w, r.naming.look())
	}
	return w
}

// byCable is where no Wi-Fi is to be joined: the first network counts.
func byCable(w *wire.WifiVenue, all []place) {
	if len(all) > 0 {
		w.Device.Name, w.Device.State, w.Device.Reason, w.Address = all[0].name, string(drivers.Ready), "", all[0].address.String()
	}
}

func venueOf(s venue.State) *wire.WifiVenue {
	w := &wire.WifiVenue{Device: wire.Device{Device: s.Device, Name: s.Name, State: string(s.Status.State), Reason: s.Reason}, Retry: s.Retry, Radio: s.Radio, SSID: s.SSID, Security: s.Security,
		MHz: s.MHz, SignalDBm: s.SignalDBm, Internet: string(s.Internet), PID: s.PID, Starts: s.Starts, Adopted: s.Adopted}
	if s.Address.IsValid() {
		w.Address = s.Address.String()
	}
	if s.Router.IsValid() {
		w.Router = s.Router.String()
	}
	return w
}
