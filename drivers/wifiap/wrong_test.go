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
