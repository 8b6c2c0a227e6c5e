package nl80211

import (
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Radio is one Wi-Fi chip, as its driver describes it.
type Radio struct {
	Phy       string // the kernel's name, such as phy0
	Interface string // a network interface on it that can become the access point's; "": it has none
	Index     int    // of that interface: another one after the radio was gone, even under the same name
	AP        bool   // it can be an access point
	Firmware  bool   // the chip's firmware lets stations in, not this machine (the driver has no mac80211)
	CMAC      bool   // it can protect management frames (BIP-CMAC-128), which WPA3 asks for
	HT        [2]bool
	Channels  []Channel
	Stations  int // the most it takes, if its driver says so; 0: not known
}

// Channel is one of a radio's, under the rules of the country that holds now.
type Channel struct {
	Number int
	MHz    int
	Band   Band
	Off    bool // not to be used at all
	Silent bool // nobody may begin a network there: others must be heard first
	Radar  bool // radar must be listened for first, and given way to
}

// Band is a range of channels.
type Band int

// The bands that an access point of the kit's may be on, by the kernel's numbers (enum nl80211_band).
const (
	Band2 Band = unix.NL80211_BAND_2GHZ
	Band5 Band = unix.NL80211_BAND_5GHZ
)

const bipCMAC = 0x000fac06 // IEEE 802.11-2020, table 9-149

// parse puts together what the kernel says of radios, in several messages each, and of the interfaces on them.
func parse(wiphys, interfaces [][]byte) ([]Radio, error) {
	var order []uint32
	all := map[uint32]*Radio{}
	for _, b := range wiphys {
		number, ok, err := number(b)
		if err != nil {
			return nil, fmt.Errorf("nl80211: radio: %w", err)
		}
		if !ok {
			continue
		}
		if all[number] == nil {
			all[number] = &Radio{}
			order = append(order, number)
		}
		if err := all[number].read(b); err != nil {
			return nil, fmt.Errorf("nl80211: radio %d: %w", number, err)
		}
	}
	for _, b := range interfaces {
		if err := place(b, all); err != nil {
			return nil, fmt.Errorf("nl80211: interface: %w", err)
		}
	}
	slices.Sort(order)
	radios := make([]Radio, len(order))
	for i, number := range order {
		radios[i] = *all[number]
	}
	return radios, nil
}

func number(b []byte) (n uint32, ok bool, err error) {
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return 0, false, err
	}
	for d.Next() {
		if d.Type() == unix.NL80211_ATTR_WIPHY {
			n, ok = d.Uint32(), true
		}
	}
	return n, ok, d.Err()
}

func (r *Radio) read(b []byte) error {
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	for d.Next() {
		switch d.Type() {
		case unix.NL80211_ATTR_WIPHY_NAME:
			r.Phy = d.String()
		case unix.NL80211_ATTR_SUPPORTED_IFTYPES:
			d.Nested(func(d *netlink.AttributeDecoder) error {
				for d.Next() {
					r.AP = r.AP || d.Type() == unix.NL80211_IFTYPE_AP
				}
				return nil
			})
		case unix.NL80211_ATTR_DEVICE_AP_SME:
			r.Firmware = true
		case unix.NL80211_ATTR_MAX_AP_ASSOC_STA:
			r.Stations = int(d.Uint16())
		case unix.NL80211_ATTR_CIPHER_SUITES:
			order := d.ByteOrder
			for s := d.Bytes(); len(s) >= 4; s = s[4:] {
				r.CMAC = r.CMAC || order.Uint32(s) == bipCMAC
			}
		case unix.NL80211_ATTR_WIPHY_BANDS:
			d.Nested(r.bands)
		}
	}
	return d.Err()
}

func (r *Radio) bands(d *netlink.AttributeDecoder) error {
	for d.Next() {
		band := Band(d.Type())
		if band != Band2 && band != Band5 {
			continue
		}
		d.Nested(func(d *netlink.AttributeDecoder) error {
			for d.Next() {
				switch d.Type() {
				case unix.NL80211_BAND_ATTR_HT_CAPA:
					r.HT[band] = true
				case unix.NL80211_BAND_ATTR_FREQS:
					d.Nested(func(d *netlink.AttributeDecoder) error { return r.frequencies(d, band) })
				}
			}
			return nil
		})
	}
	return nil
}

func (r *Radio) frequencies(d *netlink.AttributeDecoder, band Band) error {
	for d.Next() {
		c := Channel{Band: band}
		d.Nested(func(d *netlink.AttributeDecoder) error {
			for d.Next() {
				switch d.Type() {
				case unix.NL80211_FREQUENCY_ATTR_FREQ:
					c.MHz = int(d.Uint32())
				case unix.NL80211_FREQUENCY_ATTR_DISABLED:
					c.Off = true
				case unix.NL80211_FREQUENCY_ATTR_NO_IR:
					c.Silent = true
				case unix.NL80211_FREQUENCY_ATTR_RADAR:
					c.Radar = true
				}
			}
			return nil
		})
		if c.Number = numberOf(c.MHz, band); c.Number > 0 {
			r.Channels = append(r.Channels, c)
		}
	}
	return nil
}

// numberOf is a frequency's channel (IEEE 802.11-2020, 15.4.4.3, 17.3.8.4.2 and annex E); 0: it is none here.
func numberOf(mhz int, band Band) int {
	switch {
	case band == Band2 && mhz == 2484:
		return 14
	case band == Band2 && mhz > 2407 && mhz < 2484:
		return (mhz - 2407) / 5
	case band == Band5 && mhz > 5000 && mhz < 5900:
		return (mhz - 5000) / 5
	}
	return 0
}

// place notes an interface with its radio, if it is one that can become an access point's.
func place(b []byte, all map[uint32]*Radio) error {
	d, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	name, index, kind, on := "", 0, uint32(0), uint32(0)
	for d.Next() {
		switch d.Type() {
		case unix.NL80211_ATTR_WIPHY:
			on = d.Uint32()
		case unix.NL80211_ATTR_IFNAME:
			name = d.String()
		case unix.NL80211_ATTR_IFINDEX:
			index = int(d.Uint32())
		case unix.NL80211_ATTR_IFTYPE:
			kind = d.Uint32()
		}
	}
	r := all[on]
	if err := d.Err(); err != nil || r == nil || name == "" || r.Interface != "" {
		return err
	}
	if kind == unix.NL80211_IFTYPE_STATION || kind == unix.NL80211_IFTYPE_AP {
		r.Interface, r.Index = name, index
	}
	return nil
}
