package hostapd

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/drivers/wifiap/internal/hostap"
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
	want := Station{MAC: "02:00:00:00:01:00", Authorized: true, SAE: true, SignalDBm: -30, RxKbps: 26000, TxKbps: 58500, RxBytes: 1826, TxBytes: 964,
		Idle: 2236 * time.Millisecond, Connected: 6 * time.Second}
	got, err := ParseStation(answer)
	if d := cmp.Diff(want, got); d != "" || err != nil {
		t.Error(err, d)
	}
}

func TestStationOfRubbishKnowsNothing(t *testing.T) {
	for _, bad := range []string{"", "FAIL", "UNKNOWN COMMAND", "02:00:00:00:01", "0200.0000.0100\nsignal=-1", "02-00-00-00-01-00"} {
		if s, err := ParseStation(bad); err == nil {
			t.Errorf("%q is %+v", bad, s)
		}
	}
	s, err := ParseStation("02:00:00:00:01:00\nsignal=99\nrx_bytes=-1\nconnected_time=x\nrx_rate_info=\ninactive_msec=99999999999999999999\nflags\n=")
	if d := cmp.Diff(Station{MAC: "02:00:00:00:01:00"}, s); d != "" || err != nil {
		t.Error(err, d)
	}
}

func FuzzStation(f *testing.F) {
	f.Add(answer)
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseStation(text)
		if err != nil {
			return
		}
		if !hostap.IsMAC(s.MAC) || s.SignalDBm > 0 || s.SignalDBm < -128 || s.RxKbps < 0 || s.TxKbps < 0 || s.Idle < 0 || s.Connected < 0 {
			t.Errorf("%q: %+v", text, s)
		}
	})
}

func TestConfigAsksForWhatTheSecurityNeeds(t *testing.T) {
	base := Config{Interface: "wlan0", ControlDir: "/run/x/ctrl", DenyFile: "/run/x/denied", SSID: "Blau; Tür", Password: " pass=word #1 ", Channel: 6, Stations: 7}
	for name, c := range map[string]struct {
		change    func(*Config)
		has, lack []string
	}{
		"wpa2": {func(c *Config) { c.WPA2 = true }, []string{"wpa_key_mgmt=WPA-PSK\n", "ieee80211w=0\n", "wpa_passphrase= pass=word #1 \n", "ssid2=426c61753b2054c3bc72\n", "ap_isolate=1\n", "max_num_sta=7\n", "hw_mode=g\n"},
			[]string{"SAE", "sae_", "country", "ieee80211n"}},
		"wpa3":    {func(c *Config) { c.WPA3, c.MFP = true, MFPRequired }, []string{"wpa_key_mgmt=SAE\n", "ieee80211w=2\n", "sae_pwe=2\n"}, []string{"WPA-PSK"}},
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
