package hostapd

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Config is what hostapd is to do. The zero value of what is a choice is what every radio and phone can do.
type Config struct {
	Interface  string
	ControlDir string
	DenyFile   string // addresses that are not let in, one a line; must be there
	SSID       string // at most 32 bytes
	Password   string // 8 to 63 characters of ASCII; "": open
	WPA2, WPA3 bool   // which of them; both: phones choose
	MFP        MFP
	Country    string // two letters; "": the rules that hold everywhere
	Band5      bool
	Channel    int
	HT         bool // 802.11n
	Stations   int  // the most that are let in
}

// MFP is whether management frames are protected (802.11w).
type MFP int

// Off, when the phone can, always.
const (
	MFPOff MFP = iota
	MFPOptional
	MFPRequired
)

// Text is the configuration file. It has the password in it.
func (c Config) Text() []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("interface=%s", c.Interface)
	line("driver=nl80211")
	line("ctrl_interface=%s", c.ControlDir)
	line("ssid2=%s", hex.EncodeToString([]byte(c.SSID)))
	line("utf8_ssid=1")
	if c.Country != "" {
		line("country_code=%s", c.Country)
		line("ieee80211d=1")
	}
	mode := "g"
	if c.Band5 {
		mode = "a"
	}
	line("hw_mode=%s", mode)
	line("channel=%d", c.Channel)
	if c.HT {
		line("ieee80211n=1")
		line("wmm_enabled=1")
	}
	line("max_num_sta=%d", c.Stations)
	line("ap_isolate=1")
	line("macaddr_acl=0") // all but those in the list
	line("deny_mac_file=%s", c.DenyFile)
	line("auth_algs=1")
	if c.Password != "" {
		var akm []string
		if c.WPA2 {
			akm = append(akm, "WPA-PSK")
		}
		if c.WPA3 {
			akm = append(akm, "SAE")
			line("sae_pwe=2") // both ways to make the password element: old phones know one, new ones ask for the other
			line("sae_require_mfp=1")
		}
		line("wpa=2")
		line("wpa_key_mgmt=%s", strings.Join(akm, " "))
		line("rsn_pairwise=CCMP")
		line("ieee80211w=%d", c.MFP)
		line("wpa_passphrase=%s", c.Password)
	}
	return []byte(b.String())
}
