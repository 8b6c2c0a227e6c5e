package wifiap

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"edgekit.internal/drivers/wifiap/firmware"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// Capacity is how many stations a radio carries.
type Capacity struct {
	Stations int    // that are let in: fewer than it takes
	Source   string // where that is from, for people
}

// takes is how many stations a chip was seen to take before it refused or halted.
type takes struct {
	driver string
	chip   string // its SDIO device id (linux/mmc/sdio_ids.h); "": all of the driver's
	most   int
	source string
}

// capacities are those of a Pi's own radios, with the firmware that comes with Raspberry Pi OS ("standard"), and of adapters on USB
// that take fewer than most. "Between 7 and 10" by raspberrypi/documentation#2520, which has 19 for the "minimal" firmware of the
// 43455; see package firmware.
var capacities = []takes{
	{"brcmfmac", "0xa9bf" + withMinimal, 19, "19 phones on a 3B+, 4B with minimal firmware (raspberrypi/documentation#2520)"},
	{"brcmfmac", "0xa9bf", 8, "8 phones on a 3B+, 4B with standard firmware (raspberrypi/linux#3010)"},
	{"brcmfmac", "0xa9a6", 10, "10 phones on a 3B (iiab#823); not measured on a Zero 2 W"},
	{"brcmfmac", "", 8, "like a 4B's; this chip was not measured"},
	{"ath9k_htc", "", 7, "the memory of an AR9271 (qca/open-ath9k-htc-firmware#43)"},
	{"mt7921u", "", 16, "the table of its driver: 16 to 20 (morrownr/USB-WiFi#369)"},
	{"rt2800usb", "", 20, "20 phones and more on an RT5370 (morrownr/USB-WiFi#44)"},
}

// withMinimal follows a chip's id where its minimal firmware runs.
const withMinimal = " minimal"

// unmeasured is for radios of which nothing is known here, with a mac80211 driver.
const unmeasured = 33

// capacityOf is what a radio may be loaded with: one station fewer than it takes, as some halt at the last one.
func capacityOf(driver, chip string, r nl80211.Radio) Capacity {
	t := takes{most: unmeasured, source: "a modest number; this radio was not measured"}
	if r.Stations > 0 {
		t = takes{most: r.Stations, source: "its driver says so"}
	}
	for _, c := range capacities {
		if c.driver == driver && (c.chip == chip || c.chip == "") {
			t = c
			break
		}
	}
	return Capacity{max(1, t.most-1), fmt.Sprintf("one fewer than it takes: %s", t.source)}
}

// with is the capacity where somebody who may know better has set another; 0: nobody has.
func (c Capacity) with(phones int) Capacity {
	if phones == 0 {
		return c
	}
	return Capacity{phones, fmt.Sprintf("as the settings say (wifi.phones); without that %d, %s", c.Stations, c.Source)}
}

// hardware is a radio's driver and its chip's device id, as the kernel has them below root, which is "/" but in tests.
func hardware(root, phy string) (driver, chip string) {
	device := filepath.Join(root, "sys/class/ieee80211", phy, "device")
	if link, err := os.Readlink(filepath.Join(device, "driver")); err == nil {
		driver = filepath.Base(link)
	}
	if b, err := os.ReadFile(filepath.Join(device, "device")); err == nil {
		chip = strings.TrimSpace(string(b))
	}
	if driver == "brcmfmac" && firmware.Running(root) == firmware.Minimal {
		chip += withMinimal
	}
	return driver, chip
}
