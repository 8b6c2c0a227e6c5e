package nl80211

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// bss is what the kernel says of a network.
func bss(t testing.TB, mhz uint32, dbm int, mac ...byte) []byte {
	return message(t, func(e *netlink.AttributeEncoder) {
		e.Uint32(unix.NL80211_ATTR_IFINDEX, 3)
		nested(e, unix.NL80211_ATTR_BSS, func(e *netlink.AttributeEncoder) {
			e.Bytes(unix.NL80211_BSS_BSSID, mac)
			e.Uint32(unix.NL80211_BSS_FREQUENCY, mhz)
			if dbm != 0 {
				e.Uint32(unix.NL80211_BSS_SIGNAL_MBM, uint32(int32(dbm*100)))
			}
		})
	})
}

// survey is what it says of a channel's use; those that are negative it does not know.
func survey(t testing.TB, mhz uint32, heard, busy, itself int) []byte {
	return message(t, func(e *netlink.AttributeEncoder) {
		nested(e, unix.NL80211_ATTR_SURVEY_INFO, func(e *netlink.AttributeEncoder) {
			e.Uint32(unix.NL80211_SURVEY_INFO_FREQUENCY, mhz)
			for kind, ms := range map[uint16]int{unix.NL80211_SURVEY_INFO_TIME: heard, unix.NL80211_SURVEY_INFO_TIME_BUSY: busy, unix.NL80211_SURVEY_INFO_TIME_TX: itself} {
				if ms >= 0 {
					e.Uint64(kind, uint64(ms))
				}
			}
		})
	})
}

func TestARadiosNetworksAreOneNeighbour(t *testing.T) {
	got, err := neighbours([][]byte{
		bss(t, 2437, -60, 0x70, 1, 2, 3, 4, 0x50),
		bss(t, 2437, -55, 0x72, 1, 2, 3, 4, 0x50), // its guests' network
		bss(t, 2437, -58, 0x70, 1, 2, 3, 4, 0x51),
		bss(t, 5180, -70, 0x70, 1, 2, 3, 4, 0x54), // its other radio
		bss(t, 2437, 0, 0x70, 1, 2, 3, 5, 0x50),
		bss(t, 0, -50, 0x70, 9, 9, 9, 9, 9), // nowhere
		message(t, func(e *netlink.AttributeEncoder) { e.Uint32(unix.NL80211_ATTR_IFINDEX, 3) }),
	})
	if d := cmp.Diff([]Neighbour{{2437, -55}, {5180, -70}, {2437, 0}}, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestUseIsThatOfTheTimeListenedTo(t *testing.T) {
	const ms = time.Millisecond
	before, err := uses([][]byte{survey(t, 2412, 1000, 500, 400), survey(t, 2437, 5000, 10, 0), survey(t, 2462, 100, 100, 0), survey(t, 2467, 112, 14, 0)})
	if err != nil {
		t.Fatal(err)
	}
	after, err := uses([][]byte{
		survey(t, 2412, 1100, 540, 410), // counted on
		survey(t, 2437, 111, 20, 0),     // begun anew, as some drivers do
		survey(t, 2462, 100, 100, 0),    // and found as it was
		survey(t, 2467, 118, 15, 0),     // as much as before, but for a little
		survey(t, 2472, 120, 12, -1),    // heard of for the first time
		survey(t, 2417, 120, -1, 0),     // how busy is not known
		survey(t, 2422, 0, 0, 0),        // not listened to
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []Use{{2412, 100 * ms, 40 * ms, 10 * ms}, {2437, 111 * ms, 20 * ms, 0}, {2462, 100 * ms, 100 * ms, 0}, {2467, 118 * ms, 15 * ms, 0}, {2472, 120 * ms, 12 * ms, 0}}
	if d := cmp.Diff(want, since(before, after)); d != "" {
		t.Error(d)
	}
}

func FuzzAir(f *testing.F) {
	f.Add(bss(f, 2437, -60, 0x70, 1, 2, 3, 4, 0x50))
	f.Add(survey(f, 2412, 1000, 500, 400))
	f.Fuzz(func(t *testing.T, b []byte) {
		if ns, err := neighbours([][]byte{b}); err == nil && slices.ContainsFunc(ns, func(n Neighbour) bool { return n.MHz == 0 }) {
			t.Error("a neighbour nowhere")
		}
		if us, err := uses([][]byte{b}); err == nil && slices.ContainsFunc(since(nil, us), func(u Use) bool { return u.Heard <= 0 || u.Busy < 0 || u.Itself < 0 }) {
			t.Error("time that runs backwards")
		}
	})
}
