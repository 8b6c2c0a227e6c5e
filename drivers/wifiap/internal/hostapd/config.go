package hostapd

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	Why        string // it is this channel: a comment
	HT         bool   // 802.11n
	Stations   int    // the most that are let in
}

// MFP is whether management frames are protected (802.11w).
type MFP int

// Off, when the phone can, always.
const (
	MFPOff MFP = iota
	MFPOptional
	MFPRequired
)

// whyMark begins the line of Why. It has to be at a line's beginning: hostapd takes anything else for a part of a value.
const whyMark = "# channel: "

// Last is what a configuration file says of where the access point is.
type Last struct {
	Interface string
	Channel   int
	Why       string
}

// ReadLast is where the access point was that was started last in a run folder; ok is false if there was none.
func ReadLast(dir string) (l Last, ok bool) {
	b, err := os.ReadFile(filepath.Join(dir, confName))
	if err != nil {
		return l, false
	}
	for text := range strings.Lines(string(b)) {
		text = strings.TrimSuffix(text, "\n")
		if why, is := strings.CutPrefix(text, whyMark); is {
			l.Why = why
		}
		switch key, value, _ := strings.Cut(text, "="); key {
		case "interface":
			l.Interface = value
		case "channel":
			l.Channel = int(number(value, 1, 255))
		}
	}
	return l, l.Interface != "" && l.Channel != 0
}

// Forget takes the configuration away, with its password.
func Forget(dir string) error {
	if err := os.Remove(filepath.Join(dir, confName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("hostapd: %w", err)
	}
	return nil
}

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
	if c.Why != "" {
		line("%s%s", whyMark, strings.ReplaceAll(c.Why, "\n", " "))
	}
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
			line("logger_stdout=65") // of IEEE 802.11 and MLME (wpa_debug.h), by which wrong passwords are known
			line("logger_stdout_level=1")
		}
		line("wpa=2")
		line("wpa_key_mgmt=%s", strings.Join(akm, " "))
		line("rsn_pairwise=CCMP")
		line("ieee80211w=%d", c.MFP)
		line("wpa_passphrase=%s", c.Password)
	}
	return []byte(b.String())
}
