package hostap

import (
	"strings"
	"testing"
)

func TestEventsAreRead(t *testing.T) {
	for message, want := range map[string]Event{
		"<3>AP-ENABLED ": {Name: "AP-ENABLED"},
		"<3>AP-STA-CONNECTED 02:00:00:00:01:00 auth_alg=sae": {Name: "AP-STA-CONNECTED", MAC: "02:00:00:00:01:00", Text: "02:00:00:00:01:00 auth_alg=sae"},
		"<3>AP-STA-DISCONNECTED 02:00:00:00:AB:00":           {Name: "AP-STA-DISCONNECTED", MAC: "02:00:00:00:ab:00", Text: "02:00:00:00:AB:00"},
		"<4>AP-DISABLED":                  {Name: "AP-DISABLED"},
		"<3>CTRL-EVENT-EAP-STARTED other": {Name: "CTRL-EVENT-EAP-STARTED", Text: "other"},
	} {
		if e, ok := ParseEvent(message); !ok || e != want {
			t.Errorf("%q: %+v, %v", message, e, ok)
		}
	}
	for _, message := range []string{"", "PONG\n", "<3>", "<3> ", "OK", "<3", "<3>some text", "AP-ENABLED"} {
		if e, ok := ParseEvent(message); ok {
			t.Errorf("%q is %+v", message, e)
		}
	}
}

func TestEventsSayWhatTheyAreAbout(t *testing.T) {
	for message, want := range map[string]string{
		"<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"Hall\" auth_failures=1 duration=10 reason=WRONG_KEY":                    "WRONG_KEY",
		"<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid=\"Hall reason=CONN_FAILED\" auth_failures=1 duration=10 reason=WRONG_KEY": "WRONG_KEY",
		`<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="a\" reason=b c" reason=CONN_FAILED`:                                      "CONN_FAILED",
		"<3>CTRL-EVENT-DISCONNECTED bssid=02:00:00:00:01:00 reason=15":                                                        "15",
		"<3>CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:01:00 completed [id=0 id_str=]":                                  "",
	} {
		if e, ok := ParseEvent(message); !ok || e.Value("reason") != want {
			t.Errorf("%q: %q, want %q", message, e.Value("reason"), want)
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add("<3>AP-STA-CONNECTED 02:00:00:00:01:00 auth_alg=sae")
	f.Add("<3>AP-ENABLED ")
	f.Add(`<3>CTRL-EVENT-SSID-TEMP-DISABLED id=0 ssid="a reason=b" reason=WRONG_KEY`)
	f.Fuzz(func(t *testing.T, message string) {
		e, ok := ParseEvent(message)
		if ok != (e.Name != "") || e.MAC != "" && !IsMAC(e.MAC) || strings.ContainsAny(e.Name+e.Value("reason"), " \n") {
			t.Errorf("%q: %+v, %v", message, e, ok)
		}
	})
}

func TestComplaintIsTheFirstThatSaysWhyAndNoSecret(t *testing.T) {
	for log, want := range map[string]string{
		"": "",
		"wlan0: interface state UNINITIALIZED->ENABLED\nwlan0: AP-ENABLED \n":                                           "",
		"Line 9: invalid WPA passphrase length 3\n1 errors found in configuration file\n":                               "Line 9: invalid WPA passphrase length 3",
		"Line 9: invalid thing 'correct horse'\nFailed to set up interface\n":                                           "Failed to set up interface",
		"wlan0: STA 02:00:00:00:01:00 IEEE 802.11: Could not set STA to kernel driver\n":                                "",
		"wlan0: x\nCould not select hw_mode and channel. (-3)\nwlan0: interface state UNINITIALIZED->DISABLED\n":        "Could not select hw_mode and channel. (-3)",
		"nl80211: Driver does not support authentication/association or connect commands\nnl80211: deinit ifname=w\x1b": "nl80211: Driver does not support authentication/association or connect commands",
	} {
		if got := complaint(log, "correct horse"); got != want {
			t.Errorf("%q: %q, want %q", log, got, want)
		}
	}
}
