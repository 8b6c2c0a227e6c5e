package hostapd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"edgekit.internal/drivers/wifiap/internal/hostap"
)

// Station is a phone that is on, as hostapd tells. What it does not tell is zero.
type Station struct {
	MAC        string        // six bytes in hex, small letters, with colons
	Authorized bool          // its password was right: it is let through
	SAE        bool          // it joined by WPA3
	SignalDBm  int           // of what came from it last; 0: not known
	RxKbps     int           // from the station, at the last frame's rate
	TxKbps     int           // to the station
	RxBytes    uint64        // from the station
	TxBytes    uint64        // to the station
	Idle       time.Duration // since it last sent anything
	Connected  time.Duration // since it joined
}

// ParseStation reads an answer to STA: the address in the first line, then a line KEY=VALUE for all that is known. Keys that
// are not known here, and values that are no numbers where numbers are expected, are passed over.
func ParseStation(answer string) (s Station, err error) {
	first, rest, _ := strings.Cut(answer, "\n")
	if !hostap.IsMAC(first) {
		return s, fmt.Errorf("hostapd: station: %.40q: expected an address first", first)
	}
	s.MAC = strings.ToLower(first)
	for line := range strings.Lines(rest) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "flags":
			s.Authorized = strings.Contains(value, "[AUTHORIZED]")
		case "AKMSuiteSelector":
			s.SAE = value == "00-0f-ac-8" || value == "00-0f-ac-9" // IEEE 802.11-2020, table 9-151
		case "signal":
			s.SignalDBm = int(number(value, -128, 0))
		case "rx_rate_info":
			s.RxKbps = rate(value)
		case "tx_rate_info":
			s.TxKbps = rate(value)
		case "rx_bytes":
			s.RxBytes = count(value)
		case "tx_bytes":
			s.TxBytes = count(value)
		case "inactive_msec":
			s.Idle = time.Duration(number(value, 0, 1<<40)) * time.Millisecond
		case "connected_time":
			s.Connected = time.Duration(number(value, 0, 1<<32)) * time.Second
		}
	}
	return s, nil
}

// number is a whole number within bounds; 0 for anything else.
func number(s string, least, most int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		return 0
	}
	return n
}

func count(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// rate is in units of 100 kbit/s, with how it comes about behind it: "780 vhtmcs 9 vhtnss 2".
func rate(s string) (kbps int) {
	first, _, _ := strings.Cut(s, " ")
	return int(number(first, 0, 1<<24)) * 100
}
