package venue

import (
	"fmt"
	"strings"
)

// What is in the way, for whoever stands at the stall: what happened, and what to do. The kit goes on trying in any case.

const goesOn = " The kit goes on trying."

func notFound(ssid string) string {
	return fmt.Sprintf("There is no network called %q in reach. Check venue-ssid in [wifi] letter by letter, capitals too; then move the kit closer, or use a cable. A Pi 3B and a Zero 2 W see no network that is on 5 GHz only.", ssid) + goesOn
}

func wrongPassword(ssid string) string {
	return fmt.Sprintf("%q does not take the password. Check venue-password in [wifi], capitals too; ask the venue whether it was changed. If it is right, move the kit closer: a bad connection looks the same.", ssid) + goesOn
}

func refused(ssid, code string) string {
	if code == "17" { // IEEE 802.11-2020, table 9-50
		return fmt.Sprintf("%q has no room for another device (code 17). Move the kit to where another of its access points is closer, or ask the venue.", ssid) + goesOn
	}
	return fmt.Sprintf("%q turns the kit away (code %s). Ask the venue whether it lets new devices in, or use a cable.", ssid, code) + goesOn
}

func noAddress(ssid, mac string) string {
	return fmt.Sprintf("The kit is in %q, and nobody there gives it an address. Ask the venue whether devices have to be registered first: the kit is %s. If the router is yours, start it again.", ssid, mac) + goesOn
}

func clash(ssid string) string {
	return fmt.Sprintf("%q uses the same addresses as the kit's own network, 10.66.0.…, so the kit has not gone in. Use another network or a cable for the way out, or set mode to \"venue\".", ssid)
}

func lost(ssid string) string {
	return fmt.Sprintf("The connection to %q was lost.", ssid) + goesOn
}

func offline(ssid, mac string, signIn bool) string {
	why := "Some networks want a sign-in page clicked first, which a kit cannot do"
	if signIn {
		why = "It wants a sign-in page clicked first, which a kit cannot do"
	}
	return fmt.Sprintf("The kit is in %q, and the internet is not reached from there. %s: ask the venue to let it through as %s. Sales, slips and the page go on without.", ssid, why, mac)
}

// unfit is why a network that was heard cannot be joined with what is set; "": it can.
func unfit(n Network, flags string) string {
	personal := strings.Contains(flags, "PSK") || strings.Contains(flags, "SAE")
	switch {
	case strings.Contains(flags, "EAP") && !personal:
		return fmt.Sprintf("%q asks each of its users for a name and a password, which the kit cannot give. Ask the venue for a network with one password for all, or use a cable.", n.SSID)
	case strings.Contains(flags, "WEP"):
		return fmt.Sprintf("%q uses WEP, which anybody can break and the kit does not speak. Ask the venue for another network, or use a cable.", n.SSID)
	case strings.Contains(flags, "OWE") && !personal:
		return fmt.Sprintf("%q uses Enhanced Open (OWE), which the kit does not speak. Ask the venue for another network, or use a cable.", n.SSID)
	case personal && n.Password == "":
		return fmt.Sprintf("%q asks for a password. Set venue-password in [wifi].", n.SSID)
	case !personal && n.Password != "":
		return fmt.Sprintf("%q is an open network, without a password, and may be another than you mean. If it is the one, take venue-password out of [wifi].", n.SSID)
	case len(n.Password) == 64 && !strings.Contains(flags, "PSK"):
		return fmt.Sprintf("%q takes WPA3 only, which wants the password itself: set that as venue-password in [wifi], not its 64 hex digits.", n.SSID)
	}
	return ""
}
