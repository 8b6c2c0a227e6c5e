package settings

import (
	"fmt"
	"slices"
	"strings"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/catalog"
	"edgekit.internal/pipeline/payment"
)

// cards are the lines that have the number of a payment card in them, comments too: the file is kept as it is. What is secret may be any number.
func (f *File) cards() (ps Problems) {
	text, s := string(f.Text), f.Settings
	for _, secret := range []string{s.Wifi.Password, s.Wifi.VenuePassword, s.Push.Token, s.Push.URL, s.Pay.Secret} {
		text = strings.ReplaceAll(text, secret, strings.Repeat("x", len(secret)))
	}
	for i, line := range strings.Split(text, "\n") {
		if pipeline.HasCard(line) {
			ps = append(ps, Problem{Line: i + 1, Column: 1, What: "that is the number of a payment card, of which the kit keeps none: expected the line without it"})
		}
	}
	return ps
}

// rules are what must hold between values. The schema says them too, where it can: see schema.go.
func (f *File) rules() (ps Problems) {
	s := f.Settings
	wrong := func(key, what string) {
		at := f.places[key]
		if at.line == 0 { // not set: then where its section has anything
			for other, there := range f.places {
				if section, _, ok := strings.Cut(key, "."); ok && strings.HasPrefix(other, section+".") && (at.line == 0 || there.line < at.line) {
					at = there
				}
			}
		}
		ps = append(ps, Problem{Line: at.line, Column: at.column, Key: key, What: what})
	}
	if _, _, err := s.PictureSize(); err != nil {
		wrong("picture", fmt.Sprintf("%q: %v", s.Picture, err))
	} else if _, err := s.Encodings(); err != nil {
		wrong("layers", err.Error())
	}
	ps = append(ps, f.cards()...)
	if _, err := catalog.ParseTaxes(s.Taxes); err != nil {
		wrong("taxes", err.Error())
	}
	for name, bound := range s.Press.Bindings() {
		if bound["repeat"] != "" && (bound["long"] != "" || bound["hold"] != "") {
			wrong("press."+name+".repeat", fmt.Sprintf("a button that repeats while it is held cannot mean something else by that: expected long = \"none\" and hold = \"none\" below [press.%s] too", name))
		}
	}
	if s.Push.Token != "" && s.Push.URL == "" {
		wrong("push.url", "expected the server's address, as there is a token")
	}
	switch p := s.Pay; {
	case p.URL == "" && (p.Secret != "" || p.Hold != 0):
		wrong("pay.url", "expected the checkout's address: without one nobody can pay by a link")
	case p.URL != "" && p.Secret == "":
		wrong("pay.secret", "expected the secret that the checkout signs with")
	case p.URL != "":
		if _, err := payment.New(p.URL, p.Secret, ""); err != nil {
			wrong("pay.url", err.Error())
		}
	}
	w := s.Wifi
	if len(w.SSID) > maxSSID {
		wrong("wifi.ssid", fmt.Sprintf("%q has %d bytes: expected at most %d; letters with accents, and other scripts, have 2 to 4 each", w.SSID, len(w.SSID), maxSSID))
	}
	if len(w.VenueSSID) > maxSSID {
		wrong("wifi.venue-ssid", fmt.Sprintf("%q has %d bytes: expected at most %d; letters with accents, and other scripts, have 2 to 4 each", w.VenueSSID, len(w.VenueSSID), maxSSID))
	}
	if w.VenuePassword != "" && w.VenueSSID == "" {
		wrong("wifi.venue-ssid", "expected the name of the venue's network, as there is a venue-password")
	}
	if w.VenueSSID != "" && w.VenueSSID == w.SSID && w.Mode != "venue" {
		wrong("wifi.venue-ssid", "expected another name than ssid, which is the kit's own network's: phones would not know which is which")
	}
	if w.Firmware == "minimal" && w.Security == "wpa3" {
		wrong("wifi.firmware", "the minimal firmware speaks no WPA3: expected standard, or the security wpa2 or mixed")
	}
	if w.Security == "open" && w.Password != "" {
		wrong("wifi.password", "an open network has no password: expected none, or another security")
	}
	if w.Channel != 0 && !slices.Contains(channelsOf(w.Band), w.Channel) {
		wrong("wifi.channel", fmt.Sprintf("%d: expected 0, 1 to 13 (2.4 GHz), or 36, 40, 44 … 177 (5 GHz), as the band allows", w.Channel))
	}
	return ps
}
