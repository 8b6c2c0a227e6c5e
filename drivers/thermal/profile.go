package thermal

import (
	"fmt"
	"regexp"
	"strings"

	"edgekit.internal/drivers/thermal/internal/codepage"
)

// Profile is a width of paper, at 203 dpi (8 dots a millimetre), what goes in a line of it, and what the printer can do beyond text,
// pictures (GS v 0) and its state (DLE EOT). The zero value of those is what most printers of 80 mm do.
type Profile struct {
	Name   string // millimetres: "58"
	Dots   int    // a line, a multiple of 8; the head is narrower than the paper
	CharsA int    // a line of font A, 12 by 24 dots
	CharsB int    // a line of font B, 9 by 17 dots

	Echo      bool // it says when a job is on paper (GS ( H, function 48)
	DrawCodes bool // it knows no GS ( k: QR codes are sent as pictures
	Uncut     bool // it has no knife: the slip is fed to where it is torn off
	Tones     bool // its beeper takes ESC ( A; others' take ESC B

	Letters codepage.Set // that it has of its own
}

// The two widths that are sold.
var (
	Paper58 = Profile{Name: "58", Dots: 384, CharsA: 32, CharsB: 42}
	Paper80 = Profile{Name: "80", Dots: 576, CharsA: 48, CharsB: 64}
)

// ProfileByName finds a profile by its paper's width in millimetres: "58" or "80".
func ProfileByName(name string) (Profile, error) {
	for _, p := range []Profile{Paper58, Paper80} {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("thermal: paper %q: expected 58 or 80", name)
}

// known is the profile itself, and the 80 mm one for the zero value.
func (p Profile) known() Profile {
	if p.Dots <= 0 {
		return Paper80
	}
	return p
}

// family is what printers that call themselves alike have in common.
type family struct {
	name  string         // as settings call it
	says  *regexp.Regexp // of maker and model in its device ID; nil: only by settings
	apply func(*Profile)
}

// families are tried from the top. Sources: Epson's "ESC/POS Command Reference", GS ( H function 48, which lists the TM and EU
// models that have it, and ESC ( A function 97; escpos-printer-db (receipt-print-hq), profiles NT-5890K and POS-5890 for 58 mm printers without a
// knife and without GS ( k. Others are taken for common: what they lack of it, settings say.
var families = []family{
	{"epson", regexp.MustCompile(`(?i)^(seiko )?epson (tm|eu)-`), func(p *Profile) { p.Echo, p.Tones, p.Letters = true, true, codepage.Epson }},
	{"citizen", regexp.MustCompile(`(?i)^citizen ct-`), func(p *Profile) { p.Letters = codepage.Citizen }},
	{"simple", regexp.MustCompile(`(?i)\b(pos-?58|zj-?58|xp-?58|(nt-?|pos-?)?5890)`), func(p *Profile) { p.DrawCodes, p.Uncut = true, true }},
	{"common", nil, func(*Profile) {}},
}

// Models are the names of families that a Config can have, beside auto.
func Models() (names []string) {
	for _, f := range families {
		names = append(names, f.name)
	}
	return names
}

// of is the profile for a printer of a model, or for auto of one that says of itself what deviceID has.
func (p Profile) of(model, deviceID string) Profile {
	who := identity(deviceID)
	for _, f := range families {
		if f.name == model || model == "auto" && f.says != nil && f.says.MatchString(who) {
			f.apply(&p)
			break
		}
	}
	return p
}

// identity is maker and model of an IEEE 1284 device ID, such as MFG:EPSON;CMD:ESC/POS;MDL:TM-T20II;CLS:PRINTER;
func identity(deviceID string) string {
	maker, model := "", ""
	for field := range strings.SplitSeq(deviceID, ";") {
		key, value, _ := strings.Cut(field, ":")
		switch strings.ToUpper(strings.TrimSpace(key)) {
		case "MFG", "MANUFACTURER":
			maker = strings.TrimSpace(value)
		case "MDL", "MODEL":
			model = strings.TrimSpace(value)
		}
	}
	return strings.TrimSpace(maker + " " + model)
}

// prints tells of what says so of itself whether it is a printer of receipts: a network has others, which would print a page of signs
// for each slip.
func prints(deviceID string) bool {
	return strings.Contains(deviceID, "ESC/POS") || receipts.MatchString(identity(deviceID))
}

// receipts are makers and models of printers that take ESC/POS as they come. Star's do not.
var receipts = regexp.MustCompile(`(?i)^(seiko )?epson (tm|eu)-|^bixolon (srp|spp)-|^citizen ct-|\b(pos-?58|pos-?80|zj-?58|xp-?(58|80)|(nt-?|pos-?)?5890)`)
