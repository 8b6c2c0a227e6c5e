package nl80211

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// phone is what the kernel says of a station; flags: which are known, and which are set.
func phone(t testing.TB, mac []byte, known, set uint32) []byte {
	return message(t, func(e *netlink.AttributeEncoder) {
		e.Bytes(unix.NL80211_ATTR_MAC, mac)
		nested(e, unix.NL80211_ATTR_STA_INFO, func(e *netlink.AttributeEncoder) {
			e.Uint32(unix.NL80211_STA_INFO_INACTIVE_TIME, 2236)
			e.Uint32(unix.NL80211_STA_INFO_CONNECTED_TIME, 6)
			e.Uint8(unix.NL80211_STA_INFO_SIGNAL, 0x100-30)
			e.Uint32(unix.NL80211_STA_INFO_RX_BYTES, 1826)
			e.Uint64(unix.NL80211_STA_INFO_RX_BYTES64, 1<<32+1826)
			e.Uint32(unix.NL80211_STA_INFO_TX_BYTES, 964)
			nested(e, unix.NL80211_STA_INFO_RX_BITRATE, func(e *netlink.AttributeEncoder) { e.Uint32(unix.NL80211_RATE_INFO_BITRATE32, 260) })
			nested(e, unix.NL80211_STA_INFO_TX_BITRATE, func(e *netlink.AttributeEncoder) { e.Uint32(unix.NL80211_RATE_INFO_BITRATE32, 585) })
			e.Bytes(unix.NL80211_STA_INFO_STA_FLAGS, binary.NativeEndian.AppendUint32(binary.NativeEndian.AppendUint32(nil, known), set))
		})
	})
}

func TestStationsAreRead(t *testing.T) {
	const authorized = 1 << unix.NL80211_STA_FLAG_AUTHORIZED
	got, err := ReadStations([][]byte{
		phone(t, []byte{2, 0, 0, 0, 1, 0}, authorized, authorized),
		phone(t, []byte{2, 0, 0, 0, 2, 0}, authorized, 0),
		phone(t, []byte{2, 0, 0, 0, 3, 0}, 0, authorized), // set, and not known
		phone(t, []byte{2, 0, 0}, authorized, authorized),
		message(t, func(e *netlink.AttributeEncoder) { e.Bytes(unix.NL80211_ATTR_MAC, []byte{2, 0, 0, 0, 4, 0}) }),
	})
	full := func(n byte, in bool) Station {
		return Station{MAC: fmt.Sprintf("02:00:00:00:%02x:00", n), Authorized: in, SignalDBm: -30, RxKbps: 26000, TxKbps: 58500, RxBytes: 1<<32 + 1826, TxBytes: 964,
			Idle: 2236 * time.Millisecond, Connected: 6 * time.Second}
	}
	if d := cmp.Diff([]Station{full(1, true), full(2, false), full(3, false), {MAC: "02:00:00:00:04:00"}}, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func FuzzStations(f *testing.F) {
	f.Add(phone(f, []byte{2, 0, 0, 0, 1, 0}, 2, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		ss, err := ReadStations([][]byte{b})
		for _, s := range ss {
			if err != nil || s.SignalDBm > 0 || s.SignalDBm < -128 || s.RxKbps < 0 || s.TxKbps < 0 || s.Idle < 0 || s.Connected < 0 {
				t.Errorf("%+v, %v", s, err)
			}
		}
	})
}
