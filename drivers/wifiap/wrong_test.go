package wifiap

import (
	"fmt"
	"testing"
	"time"

	"edgekit.internal/drivers/wifiap/internal/hostap"
)

func TestWrongPasswordsAreCountedByPhoneAndForgotten(t *testing.T) {
	a, at := New(Config{system: &machine{}}), time.Now()
	mac := func(n int) string { return fmt.Sprintf("02:00:00:00:%02x:00", n) }
	tries := func(n int) { a.tried(hostap.Event{Name: "AP-STA-POSSIBLE-PSK-MISMATCH", MAC: mac(n)}, at) }
	are := func(stations int, ago time.Duration) {
		t.Helper()
		if n, d := a.wrongAt(at); n != stations || d != ago {
			t.Errorf("%d stations, the last %v ago; want %d, %v", n, d, stations, ago)
		}
	}
	are(0, 0)
	for range 4 { // hostapd asks that often
		tries(1)
	}
	are(1, 0)
	at = at.Add(5 * time.Minute)
	tries(2)
	at = at.Add(time.Minute)
	are(2, time.Minute)
	a.tried(hostap.Event{Name: "AP-STA-CONNECTED", MAC: mac(2)}, at)
	are(1, 6*time.Minute)
	at = at.Add(4 * time.Minute)
	are(0, 0)
	for n := range 2 * mostWrong {
		tries(n)
	}
	are(mostWrong, 0)
}

// TestAWrongPasswordOfWPA3IsKnownByWhatIsMissing in hostapd's log.
func TestAWrongPasswordOfWPA3IsKnownByWhatIsMissing(t *testing.T) {
	line := func(n int, what string) string { return fmt.Sprintf("wlan0: STA %s %s\n", mac(n), what) }
	shows := func(n int) string { return line(n, showed+"(SUCCESS))") }
	accept := func(n int) string { return line(n, accepted+mac(n)+", SAE)") }
	for name, c := range map[string]struct {
		logs  []string // a beat each
		wrong int
	}{
		"right":                              {[]string{shows(1) + accept(1)}, 0},
		"right, in two looks":                {[]string{shows(1), accept(1), ""}, 0},
		"wrong, and nothing more":            {[]string{shows(1), ""}, 1},
		"wrong, and another's":               {[]string{shows(1) + accept(2)}, 1},
		"wrong, and again":                   {[]string{shows(1) + shows(1), ""}, 1},
		"two":                                {[]string{shows(1) + shows(2), ""}, 2},
		"not known yet":                      {[]string{shows(1)}, 0},
		"what the phone itself broke off":    {[]string{line(1, "IEEE 802.11: SAE authentication (RX confirm, status=1 (UNSPECIFIED_FAILURE))"), ""}, 0},
		"of one that is on":                  {[]string{shows(3), ""}, 0},
		"no station's":                       {[]string{"wlan0: STA nobody " + showed + "\n", ""}, 0},
		"an open system's, as it joins anew": {[]string{line(1, "MLME: MLME-AUTHENTICATE.indication("+mac(1)+", OPEN_SYSTEM)"), ""}, 0},
	} {
		s := &session{AP: New(Config{system: &machine{}})}
		s.left[mac(3)] = true
		for _, log := range c.logs {
			s.overheard(log, time.Now())
		}
		if n, _ := s.Wrong(); n != c.wrong {
			t.Errorf("%s: %d, want %d", name, n, c.wrong)
		}
	}
}

func FuzzOverheard(f *testing.F) {
	f.Add("wlan0: STA 02:00:00:00:01:00 " + showed + "(SUCCESS))\nwlan0: STA 02:00:00:00:01:00 " + accepted + "02:00:00:00:01:00, SAE)\n")
	f.Fuzz(func(t *testing.T, log string) {
		s := &session{AP: New(Config{system: &machine{}})}
		s.overheard(log, time.Now())
		s.overheard("", time.Now())
		for mac := range s.wrong {
			if !hostap.IsMAC(mac) || len(s.wrong) > mostWrong {
				t.Errorf("%q of %d", mac, len(s.wrong))
			}
		}
	})
}
