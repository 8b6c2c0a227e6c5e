package wifiap

import (
	"context"

	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/hostapd"
)

// mostAsked bounds of how many stations it is remembered how they joined.
const mostAsked = 256

// Stations lists who is on, at most 2007. It is one question to the kernel, however many are on. How they joined is known since they did
// (see came); of whom that was missed hostapd is asked here.
func (a *AP) Stations(context.Context) ([]Station, error) {
	up, err := a.ask()
	if err != nil {
		return nil, err
	}
	all, err := a.config.system.stations(up.index)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if s := &all[i]; s.Authorized {
			if s.SAE, err = a.byWPA3(up, s.MAC); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// byWPA3 tells whether a station that is on joined by it.
func (a *AP) byWPA3(up *reach, mac string) (bool, error) {
	if up.security != Mixed {
		return up.security == WPA3, nil
	}
	a.mu.Lock()
	sae, known := a.sae[mac]
	a.mu.Unlock()
	if known {
		return sae, nil
	}
	on, sae, err := up.Station(mac)
	if err != nil || !on { // it left just now
		return false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.sae) >= mostAsked { // that some left was not heard
		clear(a.sae)
	}
	if a.up == up {
		a.sae[mac] = sae
	}
	return sae, nil
}

// came asks hostapd how a station joined that just did, so that no list has to wait for it.
func (a *AP) came(e hostap.Event) {
	if e.Name != "AP-STA-CONNECTED" {
		return
	}
	if up, err := a.ask(); err == nil {
		a.byWPA3(up, e.MAC) // what stays unknown is asked for by a list, and that hostapd hangs is seen at the next beat
	}
}

// meet takes in who was on before hostapd was listened to, which tells of them no more.
func (s *session) meet(up *reach) {
	all, err := s.config.system.stations(up.index)
	if err != nil {
		s.config.Log.Warn("phones that are on may not notice if hostapd ends", "err", err)
	}
	for _, on := range all {
		if on.Authorized {
			s.left[on.MAC] = true
			s.came(hostap.Event{Name: "AP-STA-CONNECTED", MAC: on.MAC})
		}
	}
}

// left is which stations hostapd said are on. When it ends without a word to them and is up again within a second, those whose
// management frames are protected notice nothing: beacons come again, and the goodbye to all at its start has not the key that they
// know. One that sends nothing found out half a minute later.
type left map[string]bool

// mostLeft bounds it, as IEEE 802.11 has association ids.
const mostLeft = 2007

// hear takes in what hostapd tells.
func (l left) hear(e hostap.Event) {
	switch {
	case e.Name == "AP-STA-CONNECTED" && len(l) < mostLeft:
		l[e.MAC] = true
	case e.Name == "AP-STA-DISCONNECTED":
		delete(l, e.MAC)
	}
}

// tell has them ask whether they are on (IEEE 802.11-2020, 11.13: a SA query), by a goodbye that is not protected for want of a key:
// "class 3 frame received from nonassociated STA" (table 9-49). Nobody answers, and they join anew.
func (l left) tell(c *hostapd.Control) error {
	for mac := range l {
		if err := c.Do("DEAUTHENTICATE " + mac + " reason=7"); err != nil {
			return err
		}
	}
	clear(l)
	return nil
}
