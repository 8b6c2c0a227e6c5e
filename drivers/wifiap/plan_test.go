package wifiap

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/drivers/wifiap/firmware"
	"edgekit.internal/drivers/wifiap/internal/hostapd"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// stick is a USB adapter with a mac80211 driver, pi a Pi's own radio; both where channel 13 and 36 may not be used, and 52 has radar.
func stick() nl80211.Radio {
	return nl80211.Radio{Phy: "phy1", Interface: "wlan1", Index: 5, AP: true, CMAC: true, HT: [2]bool{true, true}, Channels: []nl80211.Channel{
		{Number: 1, MHz: 2412}, {Number: 6, MHz: 2437}, {Number: 13, MHz: 2472, Silent: true},
		{Number: 36, MHz: 5180, Band: nl80211.Band5, Off: true}, {Number: 40, MHz: 5200, Band: nl80211.Band5}, {Number: 52, MHz: 5260, Band: nl80211.Band5, Radar: true}}}
}

func pi() nl80211.Radio {
	r := stick()
	r.Phy, r.Interface, r.Index, r.Firmware = "phy0", "wlan0", 3, true
	return r
}

func TestSecurityIsWhatTheRadioCanDo(t *testing.T) {
	for name, c := range map[string]struct {
		asked      Security
		radio      nl80211.Radio
		is         Security
		wpa2, wpa3 bool
		mfp        hostapd.MFP
		note, no   string
	}{
		"wpa2":             {asked: WPA2, radio: stick(), is: WPA2, wpa2: true, mfp: hostapd.MFPOptional},
		"wpa3":             {asked: WPA3, radio: stick(), is: WPA3, wpa3: true, mfp: hostapd.MFPRequired},
		"mixed":            {asked: Mixed, radio: stick(), is: Mixed, wpa2: true, wpa3: true, mfp: hostapd.MFPOptional},
		"open":             {asked: Open, radio: stick(), is: Open},
		"wpa2 on a Pi's":   {asked: WPA2, radio: pi(), is: WPA2, wpa2: true},
		"wpa3 on a Pi's":   {asked: WPA3, radio: pi(), no: "cannot do WPA3"},
		"mixed on a Pi's":  {asked: Mixed, radio: pi(), is: WPA2, wpa2: true, note: "join by WPA2"},
		"wpa3 without MFP": {asked: WPA3, radio: func() nl80211.Radio { r := stick(); r.CMAC = false; return r }(), no: "cannot do WPA3"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := planFor(Network{SSID: "Stall", Password: "correct horse", Security: c.asked}, c.radio, Capacity{Stations: 7}, choice{}, "", "/run/x")
			if c.no != "" {
				if err == nil || !strings.Contains(err.Error(), c.no) {
					t.Errorf("%v, want %q", err, c.no)
				}
				return
			}
			if err != nil || p.state.Security != c.is || p.conf.WPA2 != c.wpa2 || p.conf.WPA3 != c.wpa3 || p.conf.MFP != c.mfp || (p.conf.Password == "") != (c.is == Open) || p.conf.Stations != 7 {
				t.Errorf("%+v, %v", p, err)
			}
			if notes := strings.Join(p.notes, " "); !strings.Contains(notes, c.note) || (c.note == "") != (notes == "") {
				t.Errorf("notes %q, want %q", notes, c.note)
			}
		})
	}
}

func TestChannelsAreThoseThatMayBeUsed(t *testing.T) {
	none := stick()
	none.Channels = none.Channels[:2]
	high := stick()
	high.Channels = high.Channels[2:]
	for name, c := range map[string]struct {
		radio   nl80211.Radio
		band    string
		channel int
		country string
		are     []int
		no      string
	}{
		"to choose from":              {stick(), "auto", 0, "DE", []int{6, 1}, ""},
		"on 2.4":                      {stick(), "2.4", 0, "DE", []int{6, 1}, ""},
		"on 5":                        {stick(), "5", 0, "DE", []int{40}, ""}, // 36 is off
		"on 5, for want of 2.4":       {high, "auto", 0, "DE", []int{40}, ""},
		"on 5, which it has not":      {none, "5", 0, "DE", nil, "on 5 GHz that this radio may use as an access point in the country DE. Set wifi.band"},
		"asked for":                   {stick(), "auto", 1, "DE", []int{1}, ""},
		"asked for between the three": {func() nl80211.Radio { r := stick(); r.Channels[2].Silent = false; return r }(), "auto", 13, "DE", []int{13}, ""},
		"not in this country":         {stick(), "auto", 13, "US", nil, "may not use channel 13 in the country US. Set wifi.channel to 0"},
		"not without a country":       {stick(), "auto", 13, "", nil, "Set wifi.country"},
		"not without its rules":       {stick(), "auto", 13, "AQ", nil, "those of the country AQ could not be set. Set another wifi.country, or set wifi.channel to 0"},
		"with radar":                  {stick(), "5", 52, "DE", nil, "radar"},
		"none such":                   {stick(), "5", 177, "DE", nil, "no channel 177"},
	} {
		t.Run(name, func(t *testing.T) {
			rules := strings.TrimPrefix(c.country, "AQ") // has none
			all, err := channelsFor(Network{Band: c.band, Channel: c.channel, Country: c.country}, c.radio, rules)
			if c.no != "" {
				if err == nil || !strings.Contains(err.Error(), c.no) {
					t.Errorf("%v, want %q", err, c.no)
				}
				return
			}
			var got []int
			for _, channel := range all {
				got = append(got, channel.Number)
			}
			if d := cmp.Diff(c.are, got); d != "" || err != nil {
				t.Error(err, d)
			}
			p, err := planFor(Network{Security: Open}, c.radio, Capacity{}, choice{all[0], "why"}, rules, "/run/x")
			if err != nil || p.conf.Channel != c.are[0] || p.conf.Band5 != (c.are[0] > 14) || p.conf.Why != "why" || p.state.Why != "why" || p.state.MHz != all[0].MHz {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
}

func TestTheRadioThatCarriesMostIsChosen(t *testing.T) {
	capacity := func(r nl80211.Radio) Capacity {
		if r.Firmware {
			return capacityOf("brcmfmac", "0xa9bf", r)
		}
		return capacityOf("mt76x2u", "", r)
	}
	station := stick()
	station.AP = false
	bare := stick()
	bare.Interface = ""
	if r, ok := choose([]nl80211.Radio{pi(), station, bare, stick()}, capacity); !ok || r.Interface != "wlan1" {
		t.Errorf("%+v, %v", r, ok)
	}
	if r, ok := choose([]nl80211.Radio{station, bare}, capacity); ok {
		t.Errorf("%+v", r)
	}
}

func TestCapacityStaysBelowWhatTheRadioTakes(t *testing.T) {
	for name, c := range map[string]struct {
		driver, chip string
		says, most   int
	}{
		"a 4B":                           {"brcmfmac", "0xa9bf", 0, 7},
		"a 4B with minimal firmware":     {"brcmfmac", "0xa9bf minimal", 0, 18},
		"a 3B, of which there is none":   {"brcmfmac", "0xa9a6 minimal", 0, 7},
		"a 3B, whatever its driver says": {"brcmfmac", "0xa9a6", 64, 9},
		"another of the kind":            {"brcmfmac", "0x4356", 0, 7},
		"an adapter that takes few":      {"ath9k_htc", "", 0, 6},
		"one whose driver says too much": {"mt7921u", "", 20, 15},
		"one whose driver says":          {"mt76x2u", "", 20, 19},
		"one of which nothing is known":  {"rtl8xxxu", "", 0, 32},
		"one that takes one":             {"x", "", 1, 1},
	} {
		got := capacityOf(c.driver, c.chip, nl80211.Radio{Stations: c.says})
		if is := got.with(3); is.Stations != 3 || !strings.Contains(is.Source, got.Source) || got.with(0) != got {
			t.Errorf("%s: %+v, where 3 are asked for", name, is)
		}
		if got.Stations != c.most || got.Source == "" {
			t.Errorf("%s: %+v, want %d", name, got, c.most)
		}
	}
}

func TestHardwareIsReadFromSysfs(t *testing.T) {
	root := t.TempDir()
	device := filepath.Join(root, "sys/class/ieee80211/phy0/device")
	if err := os.MkdirAll(device, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(device, "device"), []byte("0xa9bf\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../../bus/sdio/drivers/brcmfmac", filepath.Join(device, "driver")); err != nil {
		t.Fatal(err)
	}
	if driver, chip := hardware(root, "phy0"); driver != "brcmfmac" || chip != "0xa9bf" {
		t.Error(driver, chip)
	}
	if driver, chip := hardware(root, "phy1"); driver != "" || chip != "" {
		t.Error(driver, chip)
	}
	for path, text := range map[string]string{"sys/module/firmware_class/parameters/path": "\n", "lib/firmware/cypress/cyfmac43455-sdio-minimal.bin": "x-maxclients-x"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755), os.WriteFile(filepath.Join(root, path), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := firmware.Choose(root, firmware.Minimal); err != nil {
		t.Fatal(err)
	}
	if driver, chip := hardware(root, "phy0"); driver != "brcmfmac" || chip != "0xa9bf minimal" {
		t.Error(driver, chip)
	}
}
