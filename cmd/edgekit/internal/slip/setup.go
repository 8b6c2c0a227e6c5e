package slip

import (
	"strings"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/drivers/thermal"
)

// Setup is what the one who sets a kit up needs to know.
type Setup struct {
	Stall       string
	Kit         string         // its id
	Join        *settings.Join // the kit's own Wi-Fi; nil: it makes none
	Venue       *Venue         // the network that visitors find the kit in instead; nil: none that is told of
	Console     []string       // addresses of the console, the likeliest first
	Fingerprint string         // of its certificate, in groups
	Code        string         // pairs one device
	Refused     []string       // what is wrong with settings that were refused; nil: nothing
	Again       bool           // it may have been printed before
}

// Venue is how visitors reach a kit that is a guest in a network.
type Venue struct {
	SSID    string   // "": by cable, or not known
	Pages   []string // addresses of the page there, the likeliest first; none: it is not in the network yet
	Trouble string   // why, or what is missing; "": nothing
}

// maxRefused is how many problems of a settings file a slip names: the console has all.
const maxRefused = 8

var (
	centre = thermal.Style{Align: thermal.Centre}
	strong = thermal.Style{Align: thermal.Centre, Bold: true}
)

// ComposeSetup writes the set-up slip: how to join, where the console is and how to know it, the code, and what to do.
func ComposeSetup(s Setup, p thermal.Profile, text thermal.Text) []byte {
	d := thermal.NewDoc(p, text)
	d.Line(s.Stall, strong)
	d.Line("SET-UP SLIP", strong)
	d.Line("kit "+s.Kit, thermal.Style{Align: thermal.Centre, Small: true})
	if s.Again {
		d.Line("may have been printed before", centre)
	}
	if s.Refused != nil {
		d.Rule()
		refused(d, s.Refused)
	}
	if s.Join != nil {
		d.Rule()
		d.QR(s.Join.QR(), 6)
		d.Pair("Wi-Fi", s.Join.SSID, thermal.Style{Bold: true})
		if !s.Join.Open {
			d.Pair("Password", s.Join.Password, thermal.Style{Bold: true})
		}
	}
	if s.Venue != nil {
		d.Rule()
		guest(d, *s.Venue)
	}
	d.Rule()
	d.Line("Pairing code, good once", centre)
	d.Line(s.Code, thermal.Style{Align: thermal.Centre, Bold: true, Times: 3})
	d.Rule()
	if len(s.Console) > 0 {
		d.QR(s.Console[0], 4)
	} else {
		d.Line("The kit has no network address yet. Plug one in, start it again, or print this slip again.", thermal.Style{})
	}
	for _, a := range s.Console {
		d.Line(a, centre)
	}
	if s.Fingerprint != "" {
		d.Line("Certificate, SHA-256:", thermal.Style{Small: true})
		groups := strings.Fields(s.Fingerprint)
		for len(groups) > 0 {
			n := min(8, len(groups))
			d.Line(strings.Join(groups[:n], " "), thermal.Style{Small: true})
			groups = groups[n:]
		}
	}
	d.Rule()
	join := "1. Join the kit's network."
	if s.Join == nil {
		join = "1. Join the network that the kit is on."
	}
	for _, l := range []string{join, "2. Open the console's address. The browser warns: compare the certificate, then go on.", "3. Enter the pairing code. Keep this slip from visitors until then."} {
		d.Line(l, thermal.Style{})
	}
	d.Feed(3)
	d.Cut()
	return d.Bytes()
}

// ComposeRefusal writes a slip that says only that settings were refused, and why.
func ComposeRefusal(stall string, problems []string, p thermal.Profile, text thermal.Text) []byte {
	d := thermal.NewDoc(p, text)
	d.Line(stall, strong)
	refused(d, problems)
	d.Feed(3)
	d.Cut()
	return d.Bytes()
}

// ComposeTest writes a page that shows what a printer makes of slips: how wide the paper is, the printer's own letters and those that are
// drawn, a code, and the knife; and the beeper, where slips sound it. name is the printer's.
func ComposeTest(look Look, name string, p thermal.Profile, text thermal.Text) []byte {
	d := thermal.NewDoc(p, text)
	if look.Beep {
		d.Beep()
	}
	d.Line(look.Stall, strong)
	d.Line("TEST PAGE", strong)
	d.Line(name, thermal.Style{Align: thermal.Centre, Small: true})
	d.Rule()
	d.Line("The lines above and below fill the paper. If they break or leave a gap, the setting paper is not this printer's.", thermal.Style{})
	d.Rule()
	d.Pair("ÄÖÜ äöü ß é ñ å ø ç €", "12.50", thermal.Style{})
	for _, l := range []string{"Ελληνικά · Русский · עברית", "مرحبا بالعالم", "नमस्ते दुनिया"} {
		d.Line(l, thermal.Style{})
	}
	d.QR("edgekit:test", 6)
	d.Line("The code reads edgekit:test", centre)
	d.Feed(3)
	d.Cut()
	return d.Bytes()
}

// ComposeSheet writes the sheet that teaches a scanner's layout.
func ComposeSheet(stall, sheet string, p thermal.Profile, text thermal.Text) []byte {
	d := thermal.NewDoc(p, text)
	d.Line(stall, strong)
	d.Line("SCANNER'S SHEET", strong)
	d.QR(sheet, 8)
	d.Line("Have the scanner read this code. The console says when the kit knows its keys.", centre)
	d.Feed(3)
	d.Cut()
	return d.Bytes()
}

// guest is what to tell visitors in a venue's network.
func guest(d *thermal.Doc, v Venue) {
	if v.SSID != "" {
		d.Pair("Visitors' Wi-Fi", v.SSID, thermal.Style{Bold: true})
	}
	if len(v.Pages) > 0 {
		d.Line("Visitors in the venue's network open", centre)
		d.QR(v.Pages[0], 6)
	}
	for _, p := range v.Pages {
		d.Line(p, strong)
	}
	if v.Trouble != "" {
		d.Line(v.Trouble, thermal.Style{})
	}
}

func refused(d *thermal.Doc, problems []string) {
	d.Line("SETTINGS NOT USED", strong)
	d.Line("edgekit.toml has mistakes. The kit goes on with its last good settings.", thermal.Style{})
	for i, p := range problems {
		if i == maxRefused {
			d.Line("... and more: see the console.", thermal.Style{})
			break
		}
		d.Line("- "+p, thermal.Style{})
	}
	d.Line("Correct the file and start the kit again.", thermal.Style{})
}
