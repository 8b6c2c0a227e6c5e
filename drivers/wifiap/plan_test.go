package wifiap

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
			p, err := planFor(Network{SSID: "Stall", Password: "correct horse", Security: c.asked}, c.radio, Capacity{Stations: 7}, "", "/run/x")
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

func TestChannelIsOneThatMayBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		band    string
		channel int
		country string
		is      int
		no      string
	}{
		"chosen":                {"auto", 0, "DE", 6, ""},
		"chosen on 2.4":         {"2.4", 0, "DE", 6, ""},
		"chosen on 5":           {"5", 0, "DE", 40, ""}, // 36 is off
		"asked for":             {"auto", 1, "DE", 1, ""},
		"not in this country":   {"auto", 13, "US", 0, "may not use channel 13 in the country US"},
		"not without a country": {"auto", 13, "", 0, "Set wifi.country"},
		"with radar":            {"5", 52, "DE", 0, "radar"},
		"none such":             {"5", 177, "DE", 0, "no channel 177"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := planFor(Network{SSID: "Stall", Security: Open, Band: c.band, Channel: c.channel}, stick(), Capacity{}, c.country, "/run/x")
			if c.no != "" {
				if err == nil || !strings.Contains(err.Error(), c.no) {
					t.Errorf("%v, want %q", err, c.no)
				}
				return
			}
			if err != nil || p.conf.Channel != c.is || p.conf.Band5 != (c.is > 14) {
				t.Errorf("%+v, %v", p.conf, err)
			}
		})
	}
	none := stick()
	none.Channels = none.Channels[:2]
	if _, err := planFor(Network{SSID: "Stall", Security: Open, Band: "5"}, none, Capacity{}, "DE", "/run/x"); err == nil || !strings.Contains(err.Error(), `on 5 GHz`) {
		t.Error(err)
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
		if got := capacityOf(c.driver, c.chip, nl80211.Radio{Stations: c.says}); got.Stations != c.most || got.Source == "" {
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
