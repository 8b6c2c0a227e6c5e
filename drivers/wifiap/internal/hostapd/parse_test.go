package hostapd

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answer is what hostapd 2.10 says of a station in the lab.
const answer = `02:00:00:00:01:00
flags=[AUTH][ASSOC][AUTHORIZED][SHORT_PREAMBLE][WMM][MFP][HT]
aid=1
capability=0x431
listen_interval=5
supported_rates=82 84 8b 96 0c 12 18 24 30 48 60 6c
timeout_next=NULLFUNC POLL
dot11RSNAStatsSTAAddress=02:00:00:00:01:00
AKMSuiteSelector=00-0f-ac-8
rx_packets=30
tx_packets=18
rx_bytes=1826
tx_bytes=964
inactive_msec=2236
signal=-30
rx_rate_info=260 mcs 3
tx_rate_info=585 mcs 6 shortGI
connected_time=6
`

func TestStationIsRead(t *testing.T) {
	const mac = "02:00:00:00:01:00"
	for text, want := range map[string][2]bool{
		answer: {true, true},
		strings.Replace(answer, "ac-8", "ac-2", 1): {true, false},
		mac:                                   {true, false},
		mac + "\nAKMSuiteSelector":            {true, false},
		"02:00:00:00:01:0\n" + answer:         {},
		"":                                    {},
		"FAIL":                                {},
		"UNKNOWN COMMAND":                     {},
		"02:00:00:00:02:00\nconnected_time=6": {},
	} {
		if on, sae := station(text, mac); on != want[0] || sae != want[1] {
			t.Errorf("%q: %v %v, want %v", text, on, sae, want)
		}
	}
}

func TestConfigAsksForWhatTheSecurityNeeds(t *testing.T) {
	base := Config{Interface: "wlan0", ControlDir: "/run/x/ctrl", DenyFile: "/run/x/denied", SSID: "Blau; Tür", Password: " pass=word #1 ", Channel: 6, Stations: 7}
	for name, c := range map[string]struct {
		change    func(*Config)
		has, lack []string
	}{
		"wpa2": {func(c *Config) { c.WPA2 = true }, []string{"wpa_key_mgmt=WPA-PSK\n", "ieee80211w=0\n", "wpa_passphrase= pass=word #1 \n", "ssid2=426c61753b2054c3bc72\n", "ap_isolate=1\n", "max_num_sta=7\n", "hw_mode=g\n"},
			[]string{"SAE", "sae_", "country", "ieee80211n", "logger"}},
		"wpa3":    {func(c *Config) { c.WPA3, c.MFP = true, MFPRequired }, []string{"wpa_key_mgmt=SAE\n", "ieee80211w=2\n", "sae_pwe=2\n", "logger_stdout_level=1\n"}, []string{"WPA-PSK"}},
		"mixed":   {func(c *Config) { c.WPA2, c.WPA3, c.MFP = true, true, MFPOptional }, []string{"wpa_key_mgmt=WPA-PSK SAE\n", "ieee80211w=1\n", "sae_require_mfp=1\n"}, nil},
		"open":    {func(c *Config) { c.Password = "" }, []string{"auth_algs=1\n", "ap_isolate=1\n"}, []string{"wpa", "sae", "ieee80211w"}},
		"country": {func(c *Config) { c.Country, c.Band5, c.Channel, c.HT = "DE", true, 36, true }, []string{"country_code=DE\n", "ieee80211d=1\n", "hw_mode=a\n", "channel=36\n", "ieee80211n=1\n"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			conf := base
			c.change(&conf)
			text := string(conf.Text())
			for _, s := range c.has {
				if !strings.Contains(text, s) {
					t.Errorf("lacks %q:\n%s", s, text)
				}
			}
			for _, s := range c.lack {
				if strings.Contains(text, s) {
					t.Errorf("has %q:\n%s", s, text)
				}
			}
		})
	}
}

func TestTheLastChannelIsFoundAgainWithItsReason(t *testing.T) {
	dir := t.TempDir()
	if l, ok := ReadLast(dir); ok {
		t.Errorf("%+v, where none was", l)
	}
	c := Config{Interface: "wlan0", SSID: "Stall", Password: "channel=13", WPA2: true, Channel: 11, Why: "It is the quietest: 11 (busy 2 %),\nchannel=1."}
	if err := os.WriteFile(filepath.Join(dir, confName), c.Text(), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, ok := ReadLast(dir); !ok || l != (Last{"wlan0", 11, "It is the quietest: 11 (busy 2 %), channel=1."}) {
		t.Errorf("%+v, %v", l, ok)
	}
	if err := errors.Join(Forget(dir), Forget(dir)); err != nil {
		t.Error(err)
	}
	if l, ok := ReadLast(dir); ok {
		t.Errorf("%+v, where it was forgotten", l)
	}
}
