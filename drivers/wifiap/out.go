package wifiap

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"edgekit.internal/drivers/wifiap/internal/hostapd"
)

// Kick sends a station away; it may come back. An ErrUnknown when it is not on.
func (a *AP) Kick(_ context.Context, mac string) error {
	c, err := a.ask()
	if err != nil {
		return err
	}
	on, _, err := c.Station(mac)
	if err != nil {
		return err
	}
	if !on {
		return ErrUnknown
	}
	return c.Do("DEAUTHENTICATE " + mac)
}

// Block sends a station away and lets it in no more, until the kit is switched off. It need not be on. mac is written as in
// Station.
func (a *AP) Block(ctx context.Context, mac string) error {
	c, err := a.ask()
	if err != nil {
		return err
	}
	if err := a.shut(c, mac, true); err != nil {
		return err
	}
	if err := a.Kick(ctx, mac); !errors.Is(err, ErrUnknown) {
		return err
	}
	return nil
}

// Unblock lets a station in again that was blocked.
func (a *AP) Unblock(_ context.Context, mac string) error {
	c, err := a.ask()
	if err != nil {
		return err
	}
	return a.shut(c, mac, false)
}

// shut keeps a station out, or does so no more: in the file that hostapd starts with, and in the hostapd that runs.
func (a *AP) shut(c *reach, mac string, out bool) error {
	a.out.Lock()
	defer a.out.Unlock()
	note, command := hostapd.Allow, "DENY_ACL DEL_MAC "
	if out {
		note, command = hostapd.Deny, "DENY_ACL ADD_MAC "
	}
	if err := note(filepath.Join(a.config.Dir, hostapd.DenyName), mac); err != nil {
		return err
	}
	return c.Do(command + mac)
}

// Blocked lists the stations that are let in no more, in the order in which they were blocked; at most 1000.
func (a *AP) Blocked() ([]string, error) {
	return hostapd.Denied(filepath.Join(a.config.Dir, hostapd.DenyName))
}

// longestRest and mostResting bound Rest.
const (
	longestRest = 10 * time.Minute
	mostResting = 256
)

// Rest sends a station away and lets it in no more for a while, at most 10 minutes; that ends early when hostapd or this program
// does. It need not be on. mac is written as in Station.
func (a *AP) Rest(ctx context.Context, mac string, d time.Duration) error {
	if d <= 0 || d > longestRest {
		return fmt.Errorf("keep a phone out for %v: expected at most %v", d, longestRest)
	}
	c, err := a.ask()
	if err != nil {
		return err
	}
	if err := a.sleep(c, mac, time.Now().Add(d)); err != nil {
		return err
	}
	if err := a.Kick(ctx, mac); !errors.Is(err, ErrUnknown) {
		return err
	}
	return nil
}

func (a *AP) sleep(c *reach, mac string, until time.Time) error {
	a.out.Lock()
	defer a.out.Unlock()
	if _, known := a.resting[mac]; !known && len(a.resting) >= mostResting {
		return fmt.Errorf("%d phones are kept out for a while already", mostResting)
	}
	a.resting[mac] = until
	return c.Do("DENY_ACL ADD_MAC " + mac)
}

// rested lets those in again whose rest is over. Whom hostapd could not be told of is tried again.
func (a *AP) rested(c *hostapd.Control, now time.Time) error {
	a.out.Lock()
	defer a.out.Unlock()
	var blocked []string
	for mac, until := range a.resting {
		if now.Before(until) {
			continue
		}
		if blocked == nil {
			var err error
			if blocked, err = a.Blocked(); err != nil {
				return err
			}
		}
		if !slices.Contains(blocked, mac) {
			if err := c.Do("DENY_ACL DEL_MAC " + mac); err != nil {
				return err
			}
		}
		delete(a.resting, mac)
	}
	return nil
}

// sync has a hostapd that was taken over keep out those who are blocked, and nobody who was to rest for a program that is gone.
func (a *AP) sync(c *hostapd.Control) error {
	a.out.Lock()
	defer a.out.Unlock()
	blocked, err := a.Blocked()
	if err != nil {
		return err
	}
	if err := c.Do("DENY_ACL CLEAR"); err != nil {
		return err
	}
	for _, mac := range blocked {
		if err := c.Do("DENY_ACL ADD_MAC " + mac); err != nil {
			return err
		}
	}
	return nil
}
