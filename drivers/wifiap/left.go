package wifiap

import (
	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/hostapd"
)

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
