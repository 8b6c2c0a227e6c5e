package wifiap

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"edgekit.internal/drivers/wifiap/internal/hostapd"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// refusal is why a radio cannot do what is asked of it, for people.
type refusal string

func (r refusal) Error() string { return string(r) }

// plan is what is made of a network on a radio.
type plan struct {
	conf  hostapd.Config
	state State
	notes []string // what is less than was asked for
}

// choose takes the radio that carries the most stations.
func choose(radios []nl80211.Radio, capacity func(nl80211.Radio) Capacity) (best nl80211.Radio, ok bool) {
	can := slices.DeleteFunc(slices.Clone(radios), func(r nl80211.Radio) bool { return !r.AP || r.Interface == "" })
	if len(can) == 0 {
		return best, false
	}
	slices.SortStableFunc(can, func(a, b nl80211.Radio) int { return cmp.Compare(capacity(b).Stations, capacity(a).Stations) })
	return can[0], true
}

// planFor makes hostapd's configuration. country is whose rules hold now; "": those that hold everywhere.
func planFor(n Network, r nl80211.Radio, c Capacity, channel choice, country, dir string) (p plan, err error) {
	p.conf = hostapd.Config{Interface: r.Interface, ControlDir: filepath.Join(dir, hostapd.ControlName), DenyFile: filepath.Join(dir, hostapd.DenyName),
		SSID: n.SSID, Country: country, Band5: channel.Band == nl80211.Band5, Channel: channel.Number, Why: channel.why, HT: r.HT[channel.Band], Stations: c.Stations}
	security, err := p.secure(n, r)
	if err != nil {
		return p, err
	}
	p.state = State{Radio: r.Interface, SSID: n.SSID, Security: security, Channel: channel.Number, MHz: channel.MHz, Why: channel.why, Country: country, Capacity: c, Address: Address}
	p.state.Name = strings.TrimSpace(fmt.Sprintf("%s %s", r.Interface, n.SSID))
	return p, nil
}

// secure asks of the radio what the security needs. hostapd 2.10 does WPA3's handshake itself, which takes a driver that hands
// it the stations' frames: a chip whose firmware lets stations in keeps them.
func (p *plan) secure(n Network, r nl80211.Radio) (Security, error) {
	security, wpa3 := n.Security, r.CMAC && !r.Firmware
	switch {
	case security == WPA3 && !wpa3:
		return "", refusal("This radio cannot do WPA3 as an access point. Set security to \"wpa2\" or \"mixed\", or plug in a USB Wi-Fi adapter that can.")
	case security == Mixed && !wpa3:
		security = WPA2
		p.notes = append(p.notes, "This radio cannot do WPA3 as an access point: phones join by WPA2.")
	}
	if security == Open {
		return security, nil
	}
	p.conf.Password = n.Password
	p.conf.WPA2 = security != WPA3
	p.conf.WPA3 = security != WPA2
	switch {
	case security == WPA3:
		p.conf.MFP = hostapd.MFPRequired
	case wpa3: // the radio can, so phones that can are protected from forged goodbyes
		p.conf.MFP = hostapd.MFPOptional
	}
	return security, nil
}

// channelsFor is the channel that was asked for, if it may be used here, or those that may, of one band: on 2.4 GHz the three that do
// not overlap, on 5 GHz those without radar.
func channelsFor(n Network, r nl80211.Radio, country string) (all []nl80211.Channel, err error) {
	where, way := "in the country "+country, "Set"
	switch {
	case country == "" && n.Country == "":
		where, way = "where the kit does not know its country", "Set wifi.country, or set"
	case country == "":
		where, way = fmt.Sprintf("by the rules that hold everywhere, as those of the country %s could not be set", n.Country), "Set another wifi.country, or set"
	}
	if n.Channel != 0 {
		i := slices.IndexFunc(r.Channels, func(c nl80211.Channel) bool { return c.Number == n.Channel })
		switch {
		case i < 0:
			return nil, refusal(fmt.Sprintf("This radio has no channel %d. Set wifi.channel to 0, and the kit chooses one.", n.Channel))
		case r.Channels[i].Off || r.Channels[i].Silent:
			return nil, refusal(fmt.Sprintf("An access point may not use channel %d %s. %s wifi.channel to 0, and the kit chooses one.", n.Channel, where, way))
		case r.Channels[i].Radar:
			return nil, refusal(fmt.Sprintf("Channel %d is shared with radar, which the kit cannot listen for. Set wifi.channel to 0, and the kit chooses another.", n.Channel))
		}
		return r.Channels[i : i+1], nil
	}
	for _, number := range preferred(n.Band) {
		i := slices.IndexFunc(r.Channels, func(c nl80211.Channel) bool { return c.Number == number && !c.Off && !c.Silent && !c.Radar })
		if i >= 0 && (len(all) == 0 || r.Channels[i].Band == all[0].Band) {
			all = append(all, r.Channels[i])
		}
	}
	if len(all) > 0 {
		return all, nil
	}
	band := ""
	if n.Band == "2.4" || n.Band == "5" {
		band = " on " + n.Band + " GHz"
	}
	return nil, refusal(fmt.Sprintf("There is no channel%s that this radio may use as an access point %s. %s wifi.band to \"auto\".", band, where, way))
}

// preferred are channels that do not overlap, those of one band beside one another, in the order in which they are taken when there is
// nothing else to go by.
func preferred(band string) []int {
	low, high := []int{6, 1, 11}, []int{36, 40, 44, 48, 149, 153, 157, 161, 165}
	switch band {
	case "2.4":
		return low
	case "5":
		return high
	}
	return append(low, high...)
}
