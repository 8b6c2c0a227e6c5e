package nl80211

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// message is one of the kernel's, made of attributes.
func message(t testing.TB, fill func(*netlink.AttributeEncoder)) []byte {
	t.Helper()
	e := netlink.NewAttributeEncoder()
	fill(e)
	b, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func nested(e *netlink.AttributeEncoder, kind uint16, fill func(*netlink.AttributeEncoder)) {
	e.Nested(kind, func(e *netlink.AttributeEncoder) error { fill(e); return nil })
}

// dump is what the kernel says of two radios, the first in two messages; and of the interfaces on them.
func dump(t testing.TB) (wiphys, interfaces [][]byte) {
	frequency := func(e *netlink.AttributeEncoder, n uint16, mhz uint32, flags ...uint16) {
		nested(e, n, func(e *netlink.AttributeEncoder) {
			e.Uint32(unix.NL80211_FREQUENCY_ATTR_FREQ, mhz)
			for _, f := range flags {
				e.Flag(f, true)
			}
		})
	}
	band := func(e *netlink.AttributeEncoder, n uint16, fill func(*netlink.AttributeEncoder)) {
		nested(e, unix.NL80211_ATTR_WIPHY_BANDS, func(e *netlink.AttributeEncoder) { nested(e, n, fill) })
	}
	wiphys = [][]byte{
		message(t, func(e *netlink.AttributeEncoder) {
			e.Uint32(unix.NL80211_ATTR_WIPHY, 3)
			e.String(unix.NL80211_ATTR_WIPHY_NAME, "phy3")
			nested(e, unix.NL80211_ATTR_SUPPORTED_IFTYPES, func(e *netlink.AttributeEncoder) {
				e.Flag(unix.NL80211_IFTYPE_STATION, true)
				e.Flag(unix.NL80211_IFTYPE_AP, true)
			})
			e.Bytes(unix.NL80211_ATTR_CIPHER_SUITES, []byte{0x04, 0xac, 0x0f, 0x00, 0x06, 0xac, 0x0f, 0x00})
			band(e, unix.NL80211_BAND_2GHZ, func(e *netlink.AttributeEncoder) {
				e.Uint16(unix.NL80211_BAND_ATTR_HT_CAPA, 1)
				nested(e, unix.NL80211_BAND_ATTR_FREQS, func(e *netlink.AttributeEncoder) {
					frequency(e, 0, 2437)
					frequency(e, 1, 2484, unix.NL80211_FREQUENCY_ATTR_DISABLED)
				})
			})
		}),
		message(t, func(e *netlink.AttributeEncoder) {
			e.Uint32(unix.NL80211_ATTR_WIPHY, 3)
			band(e, unix.NL80211_BAND_5GHZ, func(e *netlink.AttributeEncoder) {
				nested(e, unix.NL80211_BAND_ATTR_FREQS, func(e *netlink.AttributeEncoder) {
					frequency(e, 0, 5180, unix.NL80211_FREQUENCY_ATTR_NO_IR)
					frequency(e, 1, 5260, unix.NL80211_FREQUENCY_ATTR_RADAR)
				})
			})
			band(e, unix.NL80211_BAND_60GHZ, func(e *netlink.AttributeEncoder) {
				nested(e, unix.NL80211_BAND_ATTR_FREQS, func(e *netlink.AttributeEncoder) { frequency(e, 0, 58320) })
			})
		}),
		message(t, func(e *netlink.AttributeEncoder) {
			e.Uint32(unix.NL80211_ATTR_WIPHY, 1)
			e.String(unix.NL80211_ATTR_WIPHY_NAME, "phy1")
			e.Uint32(unix.NL80211_ATTR_DEVICE_AP_SME, 0)
			e.Uint16(unix.NL80211_ATTR_MAX_AP_ASSOC_STA, 10)
		}),
	}
	on := func(wiphy, index, kind uint32, name string) []byte {
		return message(t, func(e *netlink.AttributeEncoder) {
			e.Uint32(unix.NL80211_ATTR_WIPHY, wiphy)
			e.Uint32(unix.NL80211_ATTR_IFINDEX, index)
			e.Uint32(unix.NL80211_ATTR_IFTYPE, kind)
			if name != "" {
				e.String(unix.NL80211_ATTR_IFNAME, name)
			}
		})
	}
	return wiphys, [][]byte{on(1, 4, unix.NL80211_IFTYPE_P2P_DEVICE, ""), on(1, 5, unix.NL80211_IFTYPE_MONITOR, "mon0"), on(3, 6, unix.NL80211_IFTYPE_STATION, "wlan0"),
		on(3, 7, unix.NL80211_IFTYPE_AP, "ap0"), on(9, 8, unix.NL80211_IFTYPE_AP, "other")}
}

func TestRadiosArePutTogetherFromWhatTheKernelSays(t *testing.T) {
	got, err := parse(dump(t))
	want := []Radio{
		{Phy: "phy1", Firmware: true, Stations: 10},
		{Phy: "phy3", Interface: "wlan0", Index: 6, AP: true, CMAC: true, HT: [2]bool{true, false}, Channels: []Channel{
			{Number: 6, MHz: 2437, Band: Band2}, {Number: 14, MHz: 2484, Band: Band2, Off: true},
			{Number: 36, MHz: 5180, Band: Band5, Silent: true}, {Number: 52, MHz: 5260, Band: Band5, Radar: true}}},
	}
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func FuzzRadios(f *testing.F) {
	wiphys, interfaces := dump(f)
	f.Add(wiphys[0], interfaces[2])
	f.Add(wiphys[1], interfaces[0])
	f.Fuzz(func(t *testing.T, wiphy, iface []byte) {
		rs, err := parse([][]byte{wiphy}, [][]byte{iface})
		if err == nil && len(rs) > 1 {
			t.Errorf("%d radios of one message", len(rs))
		}
	})
}
