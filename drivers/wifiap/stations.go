package wifiap

import "context"

// mostAsked bounds of how many stations it is remembered how they joined.
const mostAsked = 256

// Stations lists who is on, at most 2007. It is one question to the kernel, however many are on; hostapd is asked once about each
// station that could choose between WPA2 and WPA3.
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
