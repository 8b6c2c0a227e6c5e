package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/drivers/wifiap"
	"edgekit.internal/drivers/wifiap/venue"
	"edgekit.internal/hardware/identity"
)

// look is how often the settings are looked at.
const look = time.Second

// accessPoint is what is told what to be.
type accessPoint interface {
	Want(wifiap.Network)
	Off(why string)
}

// client is what is told which other network to join.
type client interface {
	Join(venue.Network)
	Off(why string)
}

// door is what is told what visitors may reach.
type door interface{ allow(visitors) }

// follower has the access point be, and the network joined, what the settings in the data folder say. They are edgekit's to write; at the very first
// start there are none yet, nor an identity.
type follower struct {
	data   string
	listen string // visitors' address, where it is not the settings'
	ap     accessPoint
	venue  client
	door   door
	log    *slog.Logger

	last string // of the file, as of the last look: see stamp
	now  atomic.Pointer[string]
}

// mode is [wifi] mode as it was last read.
func (f *follower) mode() string {
	if m := f.now.Load(); m != nil {
		return *m
	}
	return ""
}

// run looks again and again until ctx ends.
func (f *follower) run(ctx context.Context) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		f.look()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// look reads the settings if they or the kit's identity are others than at the last look.
func (f *follower) look() {
	is := stamp(filepath.Join(f.data, settings.Name)) + stamp(filepath.Join(f.data, identity.Name))
	if is == f.last {
		return
	}
	s, err := settings.Load(f.data)
	if err != nil {
		f.last = is
		f.log.Warn("settings not read: the network stays as it is", "err", err)
		if f.now.Load() == nil {
			f.ap.Off("The settings cannot be read. Save them anew in the console.")
			f.venue.Off("The settings cannot be read. Save them anew in the console.")
		}
		return
	}
	f.now.Store(&s.Wifi.Mode)
	switch s.Wifi.Mode {
	case "ap", "auto": // this program runs on kits only
		who, err := identity.Read(f.data)
		if errors.Is(err, fs.ErrNotExist) {
			f.ap.Off("The kit is starting for the first time.")
			return // without a note of it: it is looked at again
		}
		if err != nil {
			f.last = is
			f.log.Warn("identity not read", "err", err)
			f.ap.Off("The kit's identity cannot be read, so its network has no name and password. The log says why.")
			return
		}
		port, err := portOf(cmp.Or(f.listen, s.Listen))
		if err != nil {
			f.last = is
			f.ap.Off("The settings do not say at which port visitors find the page (listen), so the kit's Wi-Fi would let nobody through.")
			return
		}
		f.door.allow(visitors{port, s.Wifi.Internet})
		own := network(s, who)
		f.ap.Want(own)
		switch {
		case s.Wifi.VenueSSID == "":
			f.venue.Off(noVenue)
		case s.Wifi.VenueSSID == own.SSID:
			f.venue.Off("The settings have one name for the kit's own network and the venue's. Change ssid or venue-ssid in [wifi].")
		default:
			n := other(s)
			n.Second, n.Apart = true, wifiap.Address
			f.venue.Join(n)
		}
	case "venue":
		f.ap.Off("The settings ask for the venue's network, so the kit makes none of its own ([wifi] mode).")
		if s.Wifi.VenueSSID == "" {
			f.venue.Off(noCable)
			break
		}
		f.venue.Join(other(s))
	default:
		f.ap.Off("The kit's own Wi-Fi is switched off in the settings ([wifi] mode).")
		f.venue.Off(noVenue)
	}
	f.last = is
}

// noVenue is why the kit joins no other network, where none is asked for, and noCable why it is in none where it is to be by cable.
const (
	noVenue = "The settings name no network to join."
	noCable = "The kit is in no network. Plug in a cable to the venue's, or set venue-ssid in [wifi] to join its Wi-Fi."
)

// other is the venue's network.
func other(s settings.Settings) venue.Network {
	return venue.Network{SSID: s.Wifi.VenueSSID, Password: s.Wifi.VenuePassword, Country: s.Wifi.Country}
}

// network is what phones join with the set-up slip: both come from settings.Join.
func network(s settings.Settings, who *identity.Identity) wifiap.Network {
	j, _ := s.Join(who.ID, who.Secret(settings.JoinSecret))
	w := s.Wifi
	return wifiap.Network{SSID: j.SSID, Password: j.Password, Security: wifiap.Security(w.Security), Band: w.Band, Country: w.Country, Channel: w.Channel, Phones: w.Phones}
}

// portOf is the port of an address such as :8080.
func portOf(address string) (uint16, error) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && n > 0 {
			return uint16(n), nil
		}
	}
	return 0, fmt.Errorf("%q: expected an address and port such as :8080", address)
}

// stamp changes when a file does, which is only ever replaced as a whole.
func stamp(path string) string {
	st, err := os.Stat(path)
	if err != nil {
		return "none "
	}
	return fmt.Sprintf("%d %d ", st.ModTime().UnixNano(), st.Size())
}
