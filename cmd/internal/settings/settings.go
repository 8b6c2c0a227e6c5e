// Package settings is edgekit.toml: what can be set, read strictly, with every problem's place. One set of structs makes
// the flags and their help, the file's keys, and the JSON Schema that editors check it with.
//
// edgekit alone decides which file counts, see its package setup; it keeps the one that does as edgekit.toml in the data
// folder, only ever whole and checked. Other programs of the kit read that one, with Load.
package settings

import (
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"edgekit.internal/pipeline"
	"edgekit.internal/pipeline/catalog"
)

// Settings are what edgekit.toml can say. The tags are all there is to know of one value: toml is its key, default and
// help what they say; enum, pattern with expect, min and max what it may be. max is of a text its length in characters.
// Fields that kong is shown are flags of edgekit too.
type Settings struct {
	Listen     string `toml:"listen" default:":8080" pattern:"^[^ ]*:[0-9]{1,5}$" expect:"an address and port such as :8080" help:"Visitors' address: HTTP, and the same UDP port for pictures."`
	Operator   string `toml:"operator" default:"127.0.0.1:8081" pattern:"^[^ ]*:[0-9]{1,5}$" expect:"an address and port such as :8443" help:"Operators' address. HTTPS unless it is loopback."`
	Data       string `toml:"data" default:"edgekit-data" pattern:"\\S" expect:"a folder's path" help:"Folder for everything that must outlive a restart."`
	Camera     string `toml:"camera" default:"auto" pattern:"^(auto|synthetic|file:.+|/dev/.+)$" expect:"auto, synthetic, file:PATH or /dev/videoN" help:"auto, synthetic, file:PATH or /dev/videoN."`
	Microphone string `toml:"microphone" default:"auto" pattern:"^(auto|none|synthetic|hw:[0-9]{1,2}(,[0-9]{1,3})?)$" expect:"auto, none, synthetic or hw:CARD,DEVICE" name:"microphone" help:"auto, none, synthetic or hw:CARD,DEVICE. auto takes a USB microphone before the camera's own; with the synthetic camera it is synthetic."`
	Framing    string `toml:"framing" default:"face" enum:"face,product,none" help:"What the camera is set for. face: it follows whoever speaks. product: focus and colours are found once and held, for goods held up or on a table. none: it is left as it is."`
	Mains      string `toml:"mains" default:"auto" enum:"auto,50,60,none" help:"Hz of the lamps' mains, so that they do not flicker in the picture: ${enum}. auto goes by the Wi-Fi's country."`
	HeldUp     string `toml:"held-up" default:"off" enum:"off,show,ask" help:"What a product does whose barcode, or SKU as a code, is held up to the camera: ${enum}. show puts its offer on show, ask has the console ask first. Reading takes up to a tenth of one processor core."`
	Record     string `toml:"record" default:"ask" enum:"off,ask,on" help:"Recording of the picture and its sound: ${enum}. ask: by a button in the console. on: whenever the kit runs. Visitors' pages say so while it is recorded."`
	Full       string `toml:"record-full" default:"stop" enum:"stop,oldest" name:"record-full" help:"What becomes of recordings as the disk fills: ${enum}. stop: recording stops until there is room. oldest: the oldest recordings are deleted, also if nobody has a copy of them."`
	Printer    string `toml:"printer" default:"auto" pattern:"^(auto|virtual|none|usb:[^,]+|serial:[^,]+|tcp:auto|tcp:[^,]+:[0-9]{1,5})(,(auto|virtual|none|usb:[^,]+|serial:[^,]+|tcp:auto|tcp:[^,]+:[0-9]{1,5}))*$" expect:"auto, virtual, none, usb:PATH, serial:PATH, tcp:auto or tcp:HOST:PORT, or several with commas between" help:"auto, virtual, none, usb:PATH, serial:PATH, tcp:auto (a receipt printer found in the network) or tcp:HOST:PORT, or several with commas between. They share the slips."`
	Model      string `toml:"printer-model" default:"auto" enum:"auto,epson,citizen,common,simple" name:"printer-model" help:"What the printer can do: ${enum}. auto asks a USB printer who it is; epson says when a slip is on paper; citizen numbers its letters in its own way; simple has neither knife nor QR codes."`
	Paper      string `toml:"paper" default:"80" enum:"58,80" help:"Width of the printer's paper in mm: ${enum}."`
	Buttons    string `toml:"buttons" default:"auto" pattern:"^(auto|virtual|none|gpio:.+:[0-9]{1,4}(,[0-9]{1,4}){3})$" expect:"auto, virtual, none or gpio:CHIP:A,B,C,D" help:"auto, virtual, none, or gpio:CHIP:A,B,C,D for lines of your own: start drop, sold out, reprint, call help."`
	Lights     string `toml:"lights" default:"auto" pattern:"^(auto|virtual|none|gpio:.+:[0-9]{1,4},[0-9]{1,4})$" expect:"auto, virtual, none or gpio:CHIP:A,B" help:"auto, virtual, none, or gpio:CHIP:A,B for lines of your own: ready, alert."`
	Catalog    string `toml:"catalog" help:"Catalogue to sell from, as JSON or CSV; imported when it changed."`
	Currency   string `toml:"currency" pattern:"^([A-Z]{3})?$" expect:"three capital letters of ISO 4217, such as EUR" help:"Currency of a catalogue that comes as CSV, which does not say it. Default: that of the catalogue in use."`
	Taxes      string `toml:"taxes" max:"1000" help:"Rates of taxes that a shop's CSV only has names for, as NAME=PERCENT with commas between; standard is for goods that name none."`
	Tax        string `toml:"tax" default:"included" enum:"included,added" help:"Whether the prices of a catalogue that comes as CSV have their taxes in them, or these are added: ${enum}."`
	Rounding   string `toml:"rounding" default:"half-up" enum:"half-up,half-even,up,down" help:"What becomes of less than a cent of a line's tax, in a catalogue that comes as CSV: ${enum}."`
	Language   string `toml:"language" max:"35" pattern:"^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$" expect:"a language's tag (BCP 47), such as de" help:"Language of the titles in a catalogue that comes as CSV. Default: English. Columns such as title:fr have others."`
	Line       int    `toml:"line" default:"0" min:"0" max:"900" help:"Seconds for which one that comes free is kept for who is next in line. Visitors who tap what is sold out stand in line for it. 0: there are no lines."`
	Picture    string `toml:"picture" default:"auto" pattern:"^(auto|[0-9]{1,5}x[0-9]{1,5}@[0-9]{1,3})$" expect:"auto or WIDTHxHEIGHT@RATE, such as 1280x720@30" help:"Size and rate of the large picture. auto: what the board can make, up to 1280x720@30, as measured at the first start."`
	Layers     string `toml:"layers" pattern:"^([0-9]{1,5}x[0-9]{1,5}@[0-9]{1,3}:[0-9]{1,6}(,[0-9]{1,5}x[0-9]{1,5}@[0-9]{1,3}:[0-9]{1,6})*)?$" expect:"WIDTHxHEIGHT@RATE:KBPS, separated by commas, such as 1280x720@30:1800,640x360@30:600" help:"Encodings, such as 1280x720@30:1800,640x360@30:600 (kbit/s). Default: the picture, half and a quarter of it."`
	Fonts      string `toml:"fonts" help:"Folders with Noto fonts, separated by commas. Default: fonts beside the program, then the system's."`
	Edgecam    string `toml:"edgecam" help:"The camera program. Default: edgecam beside this program."`
	Stall      string `toml:"stall" default:"edgekit" max:"100" pattern:"\\S" expect:"a name of 1 to 100 characters" help:"Name of the stall, printed on slips."`
	SlipText   string `toml:"slip-text" max:"500" help:"Lines at the foot of slips."`
	Logo       string `toml:"logo" help:"Picture (PNG or JPEG) at the head of slips."`
	Drawer     string `toml:"drawer" default:"no" enum:"no,yes" help:"Open the cash drawer at the printer with each slip: ${enum}."`
	Beep       string `toml:"beep" default:"no" enum:"no,yes" help:"Sound the printer's beeper with each slip: ${enum}. A printer that has none may print a sign instead."`

	Overlay Overlay `kong:"-" toml:"overlay" help:"What is drawn over the picture. In the file only."`
	Press   Press   `kong:"-" toml:"press" help:"What the buttons do. In the file only."`
	Scanner Scanner `kong:"-" toml:"scanner" help:"The scanner at the counter. In the file only."`
	Push    Push    `kong:"-" toml:"push" help:"A server that viewers elsewhere watch by. In the file, or by flags of their own."`
	Pay     Pay     `kong:"-" toml:"pay" help:"A checkout elsewhere, where tickets can be paid. In the file only."`
	Wifi    Wifi    `kong:"-" toml:"wifi" help:"The kit's Wi-Fi. In the file only: a password is no flag."`
}

// Push is the section [push]: a WHIP server (RFC 9725) that the stream goes to. Its address may hold a key, and is as secret as the token.
type Push struct {
	URL   string `toml:"url" secret:"yes" max:"2000" pattern:"^(https?://[^ @/?#]+([/?][^ ]*)?)?$" expect:"a server's address such as https://example.org/whip/stall, without name and password" help:"Address of a WHIP server, for viewers elsewhere. Default: none."`
	Token string `toml:"token" secret:"yes" max:"4000" pattern:"^[!-~]*$" expect:"letters, digits and signs without spaces" help:"The token by which it knows the kit."`
}

// Pay is the section [pay]: a hosted checkout, see package payment.
type Pay struct {
	URL    string `toml:"url" max:"2000" pattern:"^(https://[^ @]+)?$" expect:"a checkout's address such as https://pay.example/checkout?ref={ref}&amount={amount}&currency={currency}" help:"Address of a hosted checkout, with {ref} and, as it needs them, {amount}, {decimal}, {currency}, {lower}, {expires} and {sig} in it. Default: none, tickets are paid at the stall."`
	Secret string `toml:"secret" secret:"yes" max:"500" pattern:"^([!-~]{16,})?$" expect:"at least 16 letters, digits and signs without spaces" help:"The secret that the kit shares with it: of its webhooks' signatures, and of {sig}."`
	Hold   int    `toml:"hold" default:"0" min:"0" max:"1440" help:"Minutes for which a visitor's ticket waits to be paid; then it is void, and others can buy. 0: it waits for good."`
}

// Import is what a catalogue that comes as CSV does not say.
func (s Settings) Import() catalog.Options {
	taxes, err := catalog.ParseTaxes(s.Taxes)
	if err != nil {
		taxes = nil // a flag's, and edgekit does not start by it; rules.go keeps others out
	}
	return catalog.Options{Currency: s.Currency, Taxes: taxes, Rules: pipeline.TaxRules{Added: s.Tax == "added", Rounding: pipeline.Rounding(s.Rounding)}, Language: s.Language}
}

// Default is what holds where nothing is said.
func Default() (s Settings) {
	for _, f := range fields() {
		if err := f.set(&s, f.standard()); err != nil {
			panic("settings: default of " + f.key + ": " + err.Error()) // the tags above
		}
	}
	return s
}

// Name is the file's name, on the boot partition and in the data folder.
const Name = "edgekit.toml"

// Load reads the settings that count from a kit's data folder. Without the file they are Default.
func Load(data string) (Settings, error) {
	text, err := os.ReadFile(filepath.Join(data, Name))
	if errors.Is(err, os.ErrNotExist) {
		return Default(), nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("settings: %w", err)
	}
	f, problems := Parse(text)
	if len(problems) > 0 {
		return Settings{}, fmt.Errorf("settings: %w", problems.In(Name))
	}
	return f.Settings, nil
}

// Largest is the picture that auto stands for until the board was measured.
const Largest = "1280x720@30"

// PictureSize is the large picture's size in pixels and its rate a second, within what the camera program takes.
func (s Settings) PictureSize() (size image.Point, rate int, err error) {
	if s.Picture == "auto" {
		s.Picture = Largest
	}
	n, ok := numbers(`^(\d{1,5})x(\d{1,5})@(\d{1,3})$`, s.Picture)
	if !ok {
		return size, 0, errors.New("expected auto or WIDTHxHEIGHT@RATE, such as 1280x720@30")
	}
	if n[0] < 160 || n[1] < 90 || n[0] > 4096 || n[1] > 4096 || n[0]%2+n[1]%2 != 0 || n[2] < 1 || n[2] > 120 {
		return size, 0, errors.New("expected even sides from 160x90 to 4096x4096, and a rate from 1 to 120")
	}
	return image.Pt(n[0], n[1]), n[2], nil
}

// Encodings are the layers as edgecam's flag wants them: the picture at 1.8 Mbit/s a 720p picture's worth, half of it, and a
// quarter at half its rate for who has next to nothing, where nothing else is said. PictureSize must have had no error.
func (s Settings) Encodings() (string, error) {
	size, fps, err := s.PictureSize()
	if err != nil {
		return "", err
	}
	if s.Layers == "" {
		kbps := max(200, 1800*size.X*size.Y*fps/(1280*720*30))
		layers := fmt.Sprintf("%dx%d@%d:%d,%dx%d@%d:%d", size.X, size.Y, fps, kbps, size.X/4*2, size.Y/4*2, fps, max(120, kbps/3))
		if size.X < 640 {
			return layers, nil // a quarter shows nothing
		}
		return layers + fmt.Sprintf(",%dx%d@%d:%d", size.X/8*2, size.Y/8*2, (fps+1)/2, max(100, kbps/12)), nil
	}
	for layer := range strings.SplitSeq(s.Layers, ",") {
		n, ok := numbers(`^(\d{1,5})x(\d{1,5})@(\d{1,3}):(\d{1,6})$`, layer)
		if !ok {
			return "", errors.New("expected WIDTHxHEIGHT@RATE:KBPS, separated by commas, such as 1280x720@30:1800,640x360@30:600")
		}
		if n[0] < 16 || n[1] < 16 || n[0]%2+n[1]%2 != 0 || n[0] > size.X || n[1] > size.Y || n[2] < 1 || n[2] > fps || n[3] < 1 || n[3] > 100_000 {
			return "", fmt.Errorf("%q: expected even sides within the picture's %s, no higher a rate, and 1 to 100000 kbit/s", layer, s.Picture)
		}
	}
	return s.Layers, nil
}

// numbers are a form's, all of few digits.
func numbers(form, s string) (ns []int, ok bool) {
	m := regexp.MustCompile(form).FindStringSubmatch(s)
	if m == nil {
		return nil, false
	}
	for _, digits := range m[1:] {
		n, err := strconv.Atoi(digits)
		if err != nil {
			return nil, false
		}
		ns = append(ns, n)
	}
	return ns, true
}
