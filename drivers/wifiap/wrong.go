package wifiap

import (
	"time"

	"edgekit.internal/drivers/wifiap/internal/hostap"
)

// Who tried a wrong password is remembered for 10 minutes, of 64 phones at most.
const (
	wrongFor  = 10 * time.Minute
	mostWrong = 64
)

// Wrong is how many stations tried to join with a wrong password within the last 10 minutes and have not joined since, and how long
// ago the last one did. hostapd tells so of WPA2 only (wpa_auth_glue.c); of WPA3, 2.10 says nothing, and the phone alone knows.
func (a *AP) Wrong() (stations int, ago time.Duration) { return a.wrongAt(time.Now()) }

func (a *AP) wrongAt(now time.Time) (stations int, ago time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for mac, at := range a.wrong {
		switch since := now.Sub(at); {
		case since >= wrongFor:
			delete(a.wrong, mac)
		case stations == 0 || since < ago:
			ago = since
			fallthrough
		default:
			stations++
		}
	}
	return stations, ago
}

// tried notes what hostapd tells of a station that joins, or could not.
func (a *AP) tried(e hostap.Event, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch e.Name {
	case "AP-STA-CONNECTED", "AP-STA-DISCONNECTED":
		delete(a.sae, e.MAC) // it may come by another way now
	}
	switch e.Name {
	case "AP-STA-CONNECTED":
		delete(a.wrong, e.MAC)
	case "AP-STA-POSSIBLE-PSK-MISMATCH":
		if _, known := a.wrong[e.MAC]; known || len(a.wrong) < mostWrong {
			a.wrong[e.MAC] = now
		}
	}
}
