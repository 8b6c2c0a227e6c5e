package settings

import "strings"

// sixty are where the mains have 60 Hz (IEC, "World plugs"); elsewhere they have 50. Japan has both.
const sixty = "AG AI AS AW BB BM BR BS BZ CA CO CR CU DO EC GT GU GY HN HT KN KR KY MP MS MX NI PA PE PH PR SA SR SV TC TT TW US VE VG VI"

// MainsHz is the frequency of lamps' mains where the kit is, by its setting or the Wi-Fi's country; 0: not known, or both.
func (s Settings) MainsHz() int {
	switch country := s.Wifi.Country; {
	case s.Mains == "50":
		return 50
	case s.Mains == "60":
		return 60
	case s.Mains == "none" || country == "" || country == "JP":
		return 0
	case strings.Contains(sixty, country):
		return 60
	}
	return 50
}
