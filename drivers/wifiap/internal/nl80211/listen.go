package nl80211

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// longestListen bounds a scan: 13 channels of 2.4 GHz take 1.5 s, for 111 ms each (mac80211's IEEE80211_PASSIVE_CHANNEL_TIME), which
// is longer than from one beacon to the next.
const longestListen = 10 * time.Second

// ErrDeaf says that a radio cannot listen to other channels as it is now: an access point's, mostly.
var ErrDeaf = errors.New("nl80211: this radio cannot listen to other channels now")

// Neighbour is another access point's radio, by its beacons. The names of its networks are of no interest, nor whether they have any.
type Neighbour struct {
	MHz       int
	SignalDBm int // of the strongest of its networks; 0: the driver does not say
}

// Use is how a channel was used while it was listened to.
type Use struct {
	MHz    int
	Heard  time.Duration // for how long it was
	Busy   time.Duration // of that: somebody sent, or something else made noise
	Itself time.Duration // of that: the radio sent itself
}

// Air is what was heard.
type Air struct {
	Neighbours []Neighbour
	Uses       []Use // of the channels whose driver measures it, each once
}

// Listen has a radio's interface, which must be up, listen to channels, given in MHz, for somewhat more than 0.1 s each, without
// sending. What was known of them before is forgotten. It is an ErrDeaf if the radio cannot. Phones that are on an access point of its
// wait meanwhile.
func Listen(ctx context.Context, index int, mhz []int) (a Air, err error) {
	c, err := dial()
	if err != nil {
		return a, err
	}
	defer c.Close()
	before, err := c.uses(index) // drivers count from when they were loaded, or from when they were asked last
	if err != nil {
		return a, err
	}
	if err := c.scan(ctx, index, mhz); err != nil {
		return a, err
	}
	after, err := c.uses(index)
	if err != nil {
		return a, err
	}
	a.Uses = since(before, after)
	heard, err := c.dump(unix.NL80211_CMD_GET_SCAN, index)
	if err == nil {
		a.Neighbours, err = neighbours(heard)
	}
	if err != nil {
		return a, fmt.Errorf("nl80211: networks that were heard: %w", err)
	}
	return a, nil
}

// scan returns when the channels have been listened to.
func (c *conn) scan(ctx context.Context, index int, mhz []int) error {
	news, err := dial() // of its own: what it is told would be taken for answers
	if err != nil {
		return err
	}
	defer news.Close()
	defer context.AfterFunc(ctx, func() { news.Close() })()
	group, err := news.group(unix.NL80211_MULTICAST_GROUP_SCAN)
	if err == nil {
		err = errors.Join(news.JoinGroup(group), news.SetDeadline(time.Now().Add(longestListen)))
	}
	if err != nil {
		return fmt.Errorf("nl80211: listen: %w", err)
	}
	_, err = c.ask(unix.NL80211_CMD_TRIGGER_SCAN, netlink.Acknowledge, func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NL80211_ATTR_IFINDEX, uint32(index))
		e.Uint32(unix.NL80211_ATTR_SCAN_FLAGS, unix.NL80211_SCAN_FLAG_FLUSH|unix.NL80211_SCAN_FLAG_AP)
		e.Nested(unix.NL80211_ATTR_SCAN_FREQUENCIES, func(e *netlink.AttributeEncoder) error {
			for n, f := range mhz {
				e.Uint32(uint16(n+1), uint32(f))
			}
			return nil
		}) // and no names to ask for: nothing is sent
	})
	if errors.Is(err, unix.EOPNOTSUPP) {
		return ErrDeaf
	}
	if err != nil {
		return fmt.Errorf("nl80211: listen: %w", err)
	}
	for {
		ms, _, err := news.Receive()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("nl80211: listen: not done within %v", longestListen)
		case errors.Is(err, unix.ENOBUFS):
			return errors.New("nl80211: listen: news were lost")
		case err != nil:
			return fmt.Errorf("nl80211: listen: %w", err)
		}
		for _, m := range ms {
			if over, ok := interfaceOf(m.Data); !ok || over != index {
				continue
			}
			switch m.Header.Command {
			case unix.NL80211_CMD_NEW_SCAN_RESULTS:
				return nil
			case unix.NL80211_CMD_SCAN_ABORTED:
				return errors.New("nl80211: listen: broken off by the radio")
			}
		}
	}
}

// group is a multicast group's number.
func (c *conn) group(name string) (uint32, error) {
	for _, g := range c.family.Groups {
		if g.Name == name {
			return g.ID, nil
		}
	}
	return 0, fmt.Errorf("the kernel has no group %s", name)
}

// dump asks for all that there is of something on an interface.
func (c *conn) dump(command uint8, index int) ([][]byte, error) {
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	ms, err := c.ask(command, netlink.Dump, func(e *netlink.AttributeEncoder) { e.Uint32(unix.NL80211_ATTR_IFINDEX, uint32(index)) })
	return bodies(ms), err
}

// uses is what the driver measured of channels; none: it does not.
func (c *conn) uses(index int) ([]Use, error) {
	ms, err := c.dump(unix.NL80211_CMD_GET_SURVEY, index)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, nil
	}
	var us []Use
	if err == nil {
		us, err = uses(ms)
	}
	if err != nil {
		return nil, fmt.Errorf("nl80211: use of channels: %w", err)
	}
	return us, nil
}

// interfaceOf is the number of the interface that a message is about.
func interfaceOf(b []byte) (index int, ok bool) {
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return 0, false
	}
	for d.Next() {
		if d.Type() == unix.NL80211_ATTR_IFINDEX {
			index, ok = int(d.Uint32()), true
		}
	}
	return index, ok && d.Err() == nil
}

// station is a radio by what its networks have in common: they differ in the first byte of their addresses, or in the last four bits.
type station struct {
	mhz  int
	mac  [4]byte
	last byte
}

// neighbours reads what the kernel says of networks that were heard.
func neighbours(ms [][]byte) ([]Neighbour, error) {
	at := map[station]int{}
	var all []Neighbour
	for _, b := range ms {
		d, err := netlink.NewAttributeDecoder(b)
		if err != nil {
			return nil, err
		}
		for d.Next() {
			if d.Type() != unix.NL80211_ATTR_BSS {
				continue
			}
			var n Neighbour
			var s station
			d.Nested(func(d *netlink.AttributeDecoder) error {
				for d.Next() {
					switch d.Type() {
					case unix.NL80211_BSS_BSSID:
						if mac := d.Bytes(); len(mac) == 6 {
							s.mac, s.last = [4]byte(mac[1:]), mac[5]>>4
						}
					case unix.NL80211_BSS_FREQUENCY:
						n.MHz = int(d.Uint32())
					case unix.NL80211_BSS_SIGNAL_MBM:
						n.SignalDBm = int(int32(d.Uint32())) / 100
					}
				}
				return nil
			})
			s.mhz = n.MHz
			if i, known := at[s]; known {
				all[i].SignalDBm = max(all[i].SignalDBm, n.SignalDBm)
			} else if n.MHz > 0 {
				at[s] = len(all)
				all = append(all, n)
			}
		}
		if err := d.Err(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// uses reads what the kernel says of channels' use. Those of which it does not know for how long they were listened to, or how long
// they were busy, are left out.
func uses(ms [][]byte) (all []Use, err error) {
	for _, b := range ms {
		d, err := netlink.NewAttributeDecoder(b)
		if err != nil {
			return nil, err
		}
		for d.Next() {
			if d.Type() != unix.NL80211_ATTR_SURVEY_INFO {
				continue
			}
			u, known := Use{}, 0
			d.Nested(func(d *netlink.AttributeDecoder) error {
				ms := func() time.Duration { return time.Duration(min(d.Uint64(), 1<<40)) * time.Millisecond } // 34 years
				for d.Next() {
					switch d.Type() {
					case unix.NL80211_SURVEY_INFO_FREQUENCY:
						u.MHz = int(d.Uint32())
					case unix.NL80211_SURVEY_INFO_TIME:
						u.Heard = ms()
						known |= 1
					case unix.NL80211_SURVEY_INFO_TIME_BUSY:
						u.Busy = ms()
						known |= 2
					case unix.NL80211_SURVEY_INFO_TIME_TX:
						u.Itself = ms()
					}
				}
				return nil
			})
			if known == 3 && u.MHz > 0 {
				all = append(all, u)
			}
		}
		if err := d.Err(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// listened is the least for which a channel is in a scan.
const listened = 50 * time.Millisecond

// since is what was measured between two answers. One that has not grown by a scan's time was counted from nothing: mac80211_hwsim,
// for one, tells of the last scan only.
func since(before, after []Use) (all []Use) {
	at := map[int]Use{}
	for _, u := range before {
		at[u.MHz] = u
	}
	for _, u := range after {
		if b := at[u.MHz]; u.Heard-b.Heard >= listened && u.Busy >= b.Busy && u.Itself >= b.Itself {
			u.Heard, u.Busy, u.Itself = u.Heard-b.Heard, u.Busy-b.Busy, u.Itself-b.Itself
		}
		if u.Heard > 0 {
			all = append(all, u)
		}
	}
	return all
}
