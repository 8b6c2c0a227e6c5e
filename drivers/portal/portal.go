// Package portal holds what the parts of the kit's own network have in common, whoever comes to it as a visitor: the stations, the
// network that they are in, how much one may ask for, and who has been through the captive portal. Its leaves are dhcp (addresses),
// dns (names) and firewall (what a station may reach). None of them knows how the network is made: that is drivers/wifiap's matter.
//
// Stations are told apart by the address that their frames come from, which an access point ties to the keys of one association
// (IEEE 802.11-2020, 12.6): while a phone is on no other can say that it is that one. Once it has left, whoever has the network's
// password can. Phones make up a new address for each network that they join, so it names a visit, not a person; it is kept in memory
// only, and never logged.
package portal

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// MAC is a station's address.
type MAC [6]byte

// String is six bytes in hex, small letters, with colons.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// MarshalText is String.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText is ParseMAC.
func (m *MAC) UnmarshalText(b []byte) (err error) {
	*m, err = ParseMAC(string(b))
	return err
}

// ParseMAC reads what String writes, in any case.
func ParseMAC(s string) (m MAC, err error) {
	if b, err := hex.DecodeString(strings.ReplaceAll(s, ":", "")); err == nil && len(s) == 17 && len(b) == len(m) && s[2] == ':' && s[5] == ':' {
		return MAC(b), nil
	}
	return m, fmt.Errorf("%.40q: expected a station's address, such as 02:00:00:00:01:00", s)
}

// Lease is an address that a station has.
type Lease struct {
	MAC   MAC           `json:"mac"`
	IP    netip.Addr    `json:"ip"`
	Until time.Duration `json:"until"` // since the machine started
}

// Name is the kit's in its own network, and so is every name below it. The top-level domain is reserved for private use (ICANN's
// board, resolution 2024.07.29.06), so no name of the internet's is hidden by it, and no phone asks for it by multicast as it does
// for .local.
const Name = "edgekit.internal"
