package settings

import (
	"encoding/base32"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Wifi is the section [wifi]. edgekit checks and keeps it, and prints what visitors join with; edgeap does it.
type Wifi struct {
	Mode     string `toml:"mode" default:"auto" enum:"auto,ap,venue,off" help:"ap: the kit makes a network. venue: it is in the venue's, by cable or by Wi-Fi (venue-ssid). off: neither. auto: ap on a kit that has a radio for it, off on a laptop."`
	SSID     string `toml:"ssid" max:"32" pattern:"^$|\\S" expect:"a name of at most 32 bytes that can be seen, or none" help:"The network's name, at most 32 bytes. Default: the stall's name, or the kit's."`
	Password string `toml:"password" secret:"yes" pattern:"^([ -~]{8,63})?$" expect:"8 to 63 letters, digits and signs without accents" help:"8 to 63 characters. Default: one that the kit makes for itself."`
	Security string `toml:"security" default:"wpa2" enum:"wpa2,wpa3,mixed,open" help:"wpa2, wpa3, mixed (phones choose) or open (no password)."`
	Band     string `toml:"band" default:"auto" enum:"auto,2.4,5" help:"GHz: ${enum}."`
	Country  string `toml:"country" is:"country" help:"Where the kit is, two letters (ISO 3166-1): which channels are allowed."`
	Channel  int    `toml:"channel" default:"0" min:"0" max:"177" help:"Channel; 0: the kit listens, and takes the quietest."`
	Phones   int    `toml:"phones" default:"0" min:"0" max:"200" help:"The most phones in the kit's network; 0: as many as its radio is known to carry. More than that may stop it."`
	Stay     int    `toml:"stay" default:"10" min:"1" max:"240" help:"When the kit's network is full: after how many minutes those are asked for their place who only look. Phones that nobody looks at go after half of that. A tap begins it anew."`
	Internet bool   `toml:"internet" default:"false" help:"Visitors reach the internet too, slowly, by the network the kit is in; never what else is in that network."`
	Firmware string `toml:"firmware" default:"standard" enum:"standard,minimal" help:"Of the Wi-Fi chip in a Pi 3B+, 4B and 5. standard takes 7 phones. minimal takes 18; it speaks no WPA3, with visitors or a venue. It counts from the next time the kit is switched on."`

	VenueSSID     string `toml:"venue-ssid" max:"32" pattern:"^$|\\S" expect:"a name of at most 32 bytes that can be seen, or none" help:"The venue's own network, at most 32 bytes; it may be hidden. Mode venue joins it; mode ap does with a second Wi-Fi adapter, as the way out."`
	VenuePassword string `toml:"venue-password" secret:"yes" pattern:"^([ -~]{8,63}|[0-9a-fA-F]{64})?$" expect:"8 to 63 letters, digits and signs without accents, or a key of 64 hex digits" help:"Its password, for WPA2 or WPA3. Without one it is joined as an open network."`
}

// The channels of the two bands that an access point may be asked for, before the country's rules (IEEE 802.11-2020,
// annex E): 20 MHz ones, without 14, on which only 802.11b is allowed.
func channelsOf(band string) []int {
	low := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
	high := []int{36, 40, 44, 48, 52, 56, 60, 64, 100, 104, 108, 112, 116, 120, 124, 128, 132, 136, 140, 144, 149, 153, 157, 161, 165, 169, 173, 177}
	switch band {
	case "2.4":
		return low
	case "5":
		return high
	}
	return append(low, high...)
}

// maxSSID is the longest name of a network, in bytes (IEEE 802.11-2020, 9.4.2.2).
const maxSSID = 32

// JoinSecret is the purpose by which the kit's identity gives the secret that Join takes, to every program alike.
const JoinSecret = "wifi"

// Join is what a phone needs to join the kit's own network. Secret is the kit's, of which a password is made where none
// is set: the same one for as long as the kit is the same. ok is false when the kit makes no network; with mode
// auto it makes one only if it has a radio.
func (s Settings) Join(kit string, secret []byte) (j Join, ok bool) {
	w := s.Wifi
	j = Join{SSID: w.SSID, Password: w.Password, Open: w.Security == "open"}
	if j.SSID == "" {
		j.SSID = networkName(s.Stall, kit)
	}
	switch {
	case j.Open:
		j.Password = ""
	case j.Password == "":
		j.Password = password(secret)
	}
	return j, w.Mode == "ap" || w.Mode == "auto"
}

// networkName is the stall's, cut to what fits. Many kits may have the name that they come with: those add their own.
func networkName(stall, kit string) string {
	clean := strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, stall))
	if clean == "" || clean == Default().Stall {
		return "edgekit-" + kit[:min(4, len(kit))]
	}
	for len(clean) > maxSSID {
		_, n := utf8.DecodeLastRuneInString(clean)
		clean = strings.TrimSpace(clean[:len(clean)-n])
	}
	return clean
}

// password is 12 letters and digits of 32 that are not taken for one another, in three groups: 60 bits.
func password(secret []byte) string {
	s := base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").EncodeToString(secret)
	return s[:4] + "-" + s[4:8] + "-" + s[8:12]
}

// Join is what a phone joins a network with.
type Join struct {
	SSID     string
	Password string
	Open     bool // there is no password
}

// QR is the text of a code that phones' cameras take for an invitation to join: WIFI:T:…;S:…;P:…;; with backslashes in
// front of the characters that mean something in it ("Barcode Contents" of the ZXing project). T is WPA for WPA2 and WPA3
// alike (Wi-Fi Alliance, WPA3 Specification 3.1, section 7.1).
func (j Join) QR() string {
	quote := strings.NewReplacer(`\`, `\\`, `;`, `\;`, `,`, `\,`, `:`, `\:`, `"`, `\"`)
	if j.Open {
		return "WIFI:T:nopass;S:" + quote.Replace(j.SSID) + ";;"
	}
	return "WIFI:T:WPA;S:" + quote.Replace(j.SSID) + ";P:" + quote.Replace(j.Password) + ";;"
}
