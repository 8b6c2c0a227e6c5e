package hostapd

import (
	"strconv"
	"strings"
)

// Station asks about one: whether it is on, and whether it joined by WPA3, which the kernel does not know. mac is six bytes in hex, small
// letters, with colons.
func (c *Control) Station(mac string) (on, sae bool, err error) {
	answer, err := c.Ask("STA " + mac)
	if err != nil {
		return false, false, err
	}
	on, sae = station(answer, mac)
	return on, sae, nil
}

// station reads an answer to STA: the address in the first line, then a line KEY=VALUE for all that is known.
func station(answer, mac string) (on, sae bool) {
	first, rest, _ := strings.Cut(answer, "\n")
	if strings.ToLower(first) != mac {
		return false, false
	}
	for line := range strings.Lines(rest) {
		if akm, is := strings.CutPrefix(strings.TrimSpace(line), "AKMSuiteSelector="); is {
			sae = akm == "00-0f-ac-8" || akm == "00-0f-ac-9" // IEEE 802.11-2020, table 9-151
		}
	}
	return true, sae
}

// number is a whole number within bounds; 0 for anything else.
func number(s string, least, most int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < least || n > most {
		return 0
	}
	return n
}
