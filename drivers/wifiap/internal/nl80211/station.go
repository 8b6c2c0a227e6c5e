package nl80211

import (
	"fmt"
	"net"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Station is a phone that is on an access point of this machine's. What its driver does not tell is zero.
type Station struct {
	MAC        string        // six bytes in hex, small letters, with colons
	SAE        bool          // it joined by WPA3: not the kernel's to know, and set by who asks hostapd
	Authorized bool          // its password was right: it is let through
	SignalDBm  int           // of what came from it last
	RxKbps     int           // from the station, at the last frame's rate
	TxKbps     int           // to the station
	RxBytes    uint64        // from the station
	TxBytes    uint64        // to the station
	Idle       time.Duration // since it last sent anything
	Connected  time.Duration // since it joined
}

// maxStations bounds a list: IEEE 802.11 has association ids up to 2007.
const maxStations = 2007

// Stations lists who is on an interface's access point, by one question for all of them.
func Stations(index int) ([]Station, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ms, err := c.dump(unix.NL80211_CMD_GET_STATION, index)
	var all []Station
	if err == nil {
		all, err = ReadStations(ms)
	}
	if err != nil {
		return nil, fmt.Errorf("nl80211: list stations: %w", err)
	}
	return all, nil
}

// ReadStations reads the kernel's messages of a list, one a station.
func ReadStations(ms [][]byte) (all []Station, err error) {
	for _, b := range ms[:min(len(ms), maxStations)] {
		d, err := netlink.NewAttributeDecoder(b)
		if err != nil {
			return nil, err
		}
		var s Station
		for d.Next() {
			switch d.Type() {
			case unix.NL80211_ATTR_MAC:
				if mac := d.Bytes(); len(mac) == 6 {
					s.MAC = net.HardwareAddr(mac).String()
				}
			case unix.NL80211_ATTR_STA_INFO:
				d.Nested(s.read)
			}
		}
		if err := d.Err(); err != nil {
			return nil, err
		}
		if s.MAC != "" {
			all = append(all, s)
		}
	}
	return all, nil
}

func (s *Station) read(d *netlink.AttributeDecoder) error {
	for d.Next() {
		switch d.Type() {
		case unix.NL80211_STA_INFO_INACTIVE_TIME:
			s.Idle = time.Duration(d.Uint32()) * time.Millisecond
		case unix.NL80211_STA_INFO_CONNECTED_TIME:
			s.Connected = time.Duration(d.Uint32()) * time.Second
		case unix.NL80211_STA_INFO_SIGNAL:
			s.SignalDBm = min(int(int8(d.Uint8())), 0)
		case unix.NL80211_STA_INFO_RX_BYTES:
			s.RxBytes = max(s.RxBytes, uint64(d.Uint32())) // the lower half of the one below
		case unix.NL80211_STA_INFO_TX_BYTES:
			s.TxBytes = max(s.TxBytes, uint64(d.Uint32()))
		case unix.NL80211_STA_INFO_RX_BYTES64:
			s.RxBytes = max(s.RxBytes, d.Uint64())
		case unix.NL80211_STA_INFO_TX_BYTES64:
			s.TxBytes = max(s.TxBytes, d.Uint64())
		case unix.NL80211_STA_INFO_RX_BITRATE:
			d.Nested(func(d *netlink.AttributeDecoder) error { s.RxKbps = kbps(d); return nil })
		case unix.NL80211_STA_INFO_TX_BITRATE:
			d.Nested(func(d *netlink.AttributeDecoder) error { s.TxKbps = kbps(d); return nil })
		case unix.NL80211_STA_INFO_STA_FLAGS: // struct nl80211_sta_flag_update: which are known, which are set
			order := d.ByteOrder
			if b := d.Bytes(); len(b) == 8 {
				s.Authorized = order.Uint32(b)&order.Uint32(b[4:])&(1<<unix.NL80211_STA_FLAG_AUTHORIZED) != 0
			}
		}
	}
	return nil
}

// kbps is a rate, which the kernel has in units of 100 kbit/s.
func kbps(d *netlink.AttributeDecoder) (kbps int) {
	for d.Next() {
		if d.Type() == unix.NL80211_RATE_INFO_BITRATE32 {
			kbps = int(min(d.Uint32(), 1<<24)) * 100
		}
	}
	return kbps
}
