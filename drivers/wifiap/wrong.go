package wifiap

import (
	"strings"
	"time"

	"edgekit.internal/drivers/wifiap/internal/hostap"
)

// Who tried a wrong password is remembered for 10 minutes, of 64 phones at most.
const (
	wrongFor  = 10 * time.Minute
	mostWrong = 64
)

// Wrong is how many stations tried to join with a wrong password within the last 10 minutes and have not joined since, and how long
// ago the last one did.
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

// tried notes what hostapd tells of a station that joins, or could not by WPA2 (wpa_auth_glue.c).
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
		a.mistook(e.MAC, now)
	}
}

// mistook notes a wrong password. a.mu is held.
func (a *AP) mistook(mac string, now time.Time) {
	if _, known := a.wrong[mac]; known || len(a.wrong) < mostWrong {
		a.wrong[mac] = now
	}
}

// What hostapd 2.10 writes into its log, after the station, when one shows that it knows the password of WPA3, and in the next line when
// it does (ieee802_11.c, handle_auth_sae, and mlme.c). It tells of neither by events.
const (
	showed   = "IEEE 802.11: SAE authentication (RX confirm, status=0 "
	accepted = "MLME: MLME-AUTHENTICATE.indication("
)

// overheard takes in what hostapd wrote into its log; "": nothing for a while, so that no next line comes. A station that is on is
// none whose password is wrong: what it had to show was lost in the air, and came again.
func (s *session) overheard(log string, now time.Time) {
	judge := func(right bool) {
		if s.shows != "" && !right && !s.left[s.shows] {
			s.mu.Lock()
			s.mistook(s.shows, now)
			s.mu.Unlock()
		}
		s.shows = ""
	}
	if log == "" {
		judge(false)
	}
	for line := range strings.Lines(log) {
		_, of, _ := strings.Cut(line, ": STA ")
		mac, what, _ := strings.Cut(of, " ")
		judge(mac == s.shows && strings.HasPrefix(what, accepted))
		if hostap.IsMAC(mac) && strings.HasPrefix(what, showed) {
			s.shows = strings.ToLower(mac)
		}
	}
}
