// Package nl80211 asks the kernel which radios there are and what they can do, and tells it which country they are in.
// The attributes are those of linux/nl80211.h.
package nl80211

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// ErrNone says that the kernel has no Wi-Fi at all (no cfg80211).
var ErrNone = errors.New("nl80211: this kernel has no Wi-Fi")

// patience is how long the kernel may take to answer.
const patience = 3 * time.Second

type conn struct {
	*genetlink.Conn
	family genetlink.Family
}

func dial() (*conn, error) {
	c, err := genetlink.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("nl80211: %w", err)
	}
	f, err := c.GetFamily("nl80211")
	if errors.Is(err, os.ErrNotExist) {
		err = ErrNone
	}
	if err == nil {
		err = c.SetDeadline(time.Now().Add(patience))
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("nl80211: %w", err)
	}
	return &conn{c, f}, nil
}

// ask sends a command with its attributes; nil: it has none.
func (c *conn) ask(command uint8, flags netlink.HeaderFlags, attributes func(*netlink.AttributeEncoder)) ([]genetlink.Message, error) {
	var data []byte
	if attributes != nil {
		e := netlink.NewAttributeEncoder()
		attributes(e)
		var err error
		if data, err = e.Encode(); err != nil {
			return nil, err
		}
	}
	return c.Execute(genetlink.Message{Header: genetlink.Header{Command: command, Version: c.family.Version}, Data: data}, c.family.ID, netlink.Request|flags)
}

// Radios are all that the kernel has in this network namespace, in its order.
func Radios() ([]Radio, error) {
	c, err := dial()
	if errors.Is(err, ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer c.Close()
	// Split: without it the kernel leaves out what has been added since 2013.
	wiphys, err := c.ask(unix.NL80211_CMD_GET_WIPHY, netlink.Dump, func(e *netlink.AttributeEncoder) { e.Flag(unix.NL80211_ATTR_SPLIT_WIPHY_DUMP, true) })
	if err != nil {
		return nil, fmt.Errorf("nl80211: list radios: %w", err)
	}
	interfaces, err := c.ask(unix.NL80211_CMD_GET_INTERFACE, netlink.Dump, nil)
	if err != nil {
		return nil, fmt.Errorf("nl80211: list interfaces: %w", err)
	}
	return parse(bodies(wiphys), bodies(interfaces))
}

func bodies(ms []genetlink.Message) (bs [][]byte) {
	for _, m := range ms {
		bs = append(bs, m.Data)
	}
	return bs
}

// SetCountry makes the rules of a country (ISO 3166-1) hold for all radios. A cfg80211 that is built in looks for
// regulatory.db before there is a root file system, so it is told to look now; the kernel checks the file's signature. An
// error means that the rules of before still hold.
func SetCountry(country string) error {
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	if is, err := c.country(); err == nil && is == country {
		return nil
	}
	if _, err := c.ask(unix.NL80211_CMD_RELOAD_REGDB, netlink.Acknowledge, nil); err != nil {
		return fmt.Errorf("nl80211: read /lib/firmware/regulatory.db: %w", err)
	}
	if _, err := c.ask(unix.NL80211_CMD_REQ_SET_REG, netlink.Acknowledge, func(e *netlink.AttributeEncoder) { e.String(unix.NL80211_ATTR_REG_ALPHA2, country) }); err != nil {
		return fmt.Errorf("nl80211: set country %s: %w", country, err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) { // it is set by a worker of the kernel's
		is, err := c.country()
		if err != nil {
			return fmt.Errorf("nl80211: ask for the country: %w", err)
		}
		if is == country {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("nl80211: the kernel keeps to the rules of %q, not %s", is, country)
		}
	}
}

// country is whose rules hold; "00" are those that hold everywhere.
func (c *conn) country() (string, error) {
	ms, err := c.ask(unix.NL80211_CMD_GET_REG, 0, nil)
	if err != nil || len(ms) == 0 {
		return "", errors.Join(err, c.SetDeadline(time.Now().Add(patience)))
	}
	d, err := netlink.NewAttributeDecoder(ms[0].Data)
	if err != nil {
		return "", err
	}
	is := ""
	for d.Next() {
		if d.Type() == unix.NL80211_ATTR_REG_ALPHA2 {
			is = d.String()
		}
	}
	return is, d.Err()
}

// StayAwake has a station's radio listen all the time, by the number of its interface. One that sleeps between beacons answers late,
// and misses what is sent to all. A driver that knows no sleep is awake.
func StayAwake(index int) error {
	c, err := dial()
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.ask(unix.NL80211_CMD_SET_POWER_SAVE, netlink.Acknowledge, func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NL80211_ATTR_IFINDEX, uint32(index))
		e.Uint32(unix.NL80211_ATTR_PS_STATE, unix.NL80211_PS_DISABLED)
	})
	if err != nil && !errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("nl80211: keep interface %d awake: %w", index, err)
	}
	return nil
}
