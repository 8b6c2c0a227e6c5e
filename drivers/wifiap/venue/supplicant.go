package venue

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"edgekit.internal/drivers/wifiap/internal/hostap"
	"edgekit.internal/drivers/wifiap/internal/nl80211"
)

// Of the run folder, beside wpa_supplicant's own files (hostap.Program).
const (
	controlName  = "venue"         // the folder of wpa_supplicant's sockets
	questionName = "venue.control" // where its answers come to
	newsName     = "venue.events"  // and what it tells by itself
)

// conf is wpa_supplicant's configuration (wpa_supplicant.conf(5)), with the password in it.
//
// Where a network lets WPA2 and WPA3 in, a Pi's own radio is kept to WPA2: what its firmware makes of WPA3 as a client fails with
// many routers (raspberrypi/linux#4976, #7528, #7634). It tries WPA3 where there is nothing else. sae_pwe=2 is both ways to make the
// password element: newer routers refuse the old one.
func conf(n Network, r nl80211.Radio, controlDir string) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s", r.Interface) // so that one for another radio is another
	line("ctrl_interface=%s", controlDir)
	line("sae_pwe=2")
	line("p2p_disabled=1")
	if n.Country != "" {
		line("country=%s", n.Country)
	}
	block := func(lines ...string) {
		line("network={")
		line("ssid=%s", hex.EncodeToString([]byte(n.SSID)))
		line("scan_ssid=1") // it is asked for by its name, so that one that hides answers
		for _, l := range lines {
			line("%s", l)
		}
		line("}")
	}
	psk := `psk="` + n.Password + `"`
	if len(n.Password) == 64 {
		psk = "psk=" + n.Password // the key itself, in hex
	}
	switch {
	case n.Password == "":
		block("key_mgmt=NONE")
	case len(n.Password) == 64: // which WPA3 does not take
		block("key_mgmt=WPA-PSK WPA-PSK-SHA256", "ieee80211w=1", psk)
	case r.Firmware:
		block("priority=1", "key_mgmt=WPA-PSK WPA-PSK-SHA256", "ieee80211w=1", psk)
		block("key_mgmt=SAE", "ieee80211w=2", psk)
	default:
		block("key_mgmt=WPA-PSK WPA-PSK-SHA256 SAE", "ieee80211w=1", psk)
	}
	return b.Bytes()
}

// status is what wpa_supplicant says of itself.
type status struct {
	state    string // COMPLETED: it has joined
	security string // see State
	mhz      int
	dBm      int // 0: not known
}

func statusOf(c *hostap.Control) (s status, err error) {
	answer, err := c.Ask("STATUS")
	if err != nil {
		return s, err
	}
	is := values(answer)
	s.state, s.mhz = is["wpa_state"], number(is["freq"], 0, 1<<16)
	switch key := is["key_mgmt"]; {
	case s.state != "COMPLETED":
	case key == "NONE":
		s.security = "open"
	case key == "SAE" || key == "FT-SAE":
		s.security = "wpa3"
	case strings.Contains(key, "PSK"):
		s.security = "wpa2"
	}
	if s.state == "COMPLETED" {
		answer, err := c.Ask("SIGNAL_POLL")
		if err != nil {
			return s, err
		}
		s.dBm = number(values(answer)["RSSI"], -128, -1)
	}
	return s, nil
}

// values are the lines KEY=VALUE of an answer.
func values(answer string) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(answer) {
		if key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			all[key] = value
		}
	}
	return all
}

// number is a whole number within bounds; 0 for anything else.
func number(s string, least, most int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0
	}
	return n
}

// bss is an access point that was heard.
type bss struct {
	flags string // such as [WPA2-PSK-CCMP][ESS]
	ssid  string // as wpa_supplicant writes it, see escaped
}

// The answers to BSS that are read: which fields (src/common/wpa_ctrl.h: ID, FLAGS, SSID), and how many, each with what fits.
const (
	bssFields  = 1<<0 | 1<<11 | 1<<12
	bssAnswers = 64
)

// heard lists the access points that were heard at the last look, at most as many as 64 answers hold: a dozen or more each.
func heard(c *hostap.Control) (all []bss, err error) {
	next := 0
	for range bssAnswers {
		answer, err := c.Ask(fmt.Sprintf("BSS RANGE=%d- MASK=%#x", next, bssFields))
		if err != nil {
			return nil, err
		}
		list, last := bssOf(answer)
		if last < next {
			break
		}
		all, next = append(all, list...), last+1
	}
	return all, nil
}

// bssOf reads an answer to BSS; last is the highest number in it, -1 where there is none.
func bssOf(answer string) (all []bss, last int) {
	last = -1
	for line := range strings.Lines(answer) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if key == "id" {
			if n, err := strconv.Atoi(value); err == nil && n > last {
				last, all = n, append(all, bss{})
			}
		}
		if len(all) == 0 {
			continue
		}
		switch b := &all[len(all)-1]; key {
		case "flags":
			b.flags = value
		case "ssid":
			b.ssid = value
		}
	}
	return all, last
}

// escaped is a network's name as wpa_supplicant writes it (src/utils/common.c: printf_encode).
func escaped(ssid string) string {
	var b strings.Builder
	for _, c := range []byte(ssid) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == 0x1b:
			b.WriteString(`\e`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c >= 32 && c <= 126:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}
