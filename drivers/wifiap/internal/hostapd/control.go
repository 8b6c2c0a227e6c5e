// Package hostapd runs hostapd, or takes over one that runs, and speaks with it over its control socket (hostapd 2.10,
// src/ap/ctrl_iface_ap.c and hostapd/ctrl_iface.c say what it answers).
package hostapd

import (
	"context"
	"strings"

	"edgekit.internal/drivers/wifiap/internal/hostap"
)

// ErrSilent says that hostapd hangs.
var ErrSilent = hostap.ErrSilent

// Control is a connection to a running hostapd. Safe for concurrent use.
type Control struct{ *hostap.Control }

// Dial is hostap.Dial, of hostapd.
func Dial(ctx context.Context, dir, iface, own string) (*Control, error) {
	c, err := hostap.Dial(ctx, "hostapd", dir, iface, own)
	if err != nil {
		return nil, err
	}
	return &Control{c}, nil
}

// Status is the answer to STATUS: what the interface does.
type Status struct {
	State    string // ENABLED when the access point is up
	MHz      string
	Stations int // that are on, or about to be; at most 2007, as IEEE 802.11 has association ids
}

// Status asks how the access point does.
func (c *Control) Status() (s Status, err error) {
	answer, err := c.Ask("STATUS")
	if err != nil {
		return s, err
	}
	for line := range strings.Lines(answer) {
		switch key, value, _ := strings.Cut(strings.TrimSpace(line), "="); key {
		case "state":
			s.State = value
		case "freq":
			s.MHz = value
		case "num_sta[0]":
			s.Stations = int(number(value, 0, 2007))
		}
	}
	return s, nil
}
