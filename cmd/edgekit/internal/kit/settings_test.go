package kit

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/edgekit/internal/logs"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/cmd/internal/settings"
)

// card is a boot partition in memory.
type card struct {
	files  map[string]string
	broken error // of every read and write
	writes int
}

func (c *card) access() setup.Card {
	return setup.Card{
		Read: func(name string) ([]byte, error) {
			text, ok := c.files[name]
			if c.broken != nil {
				return nil, c.broken
			}
			if !ok {
				return nil, fs.ErrNotExist
			}
			return []byte(text), nil
		},
		Write: func(name string, text []byte) error {
			if c.broken == nil {
				c.files[name] = string(text)
				c.writes++
			}
			return c.broken
		},
		Remove: func(name string) error {
			if _, ok := c.files[name]; ok && c.broken == nil {
				delete(c.files, name)
				c.writes++
			}
			return c.broken
		},
	}
}

// kitOn starts kits in one data folder, with one card.
func kitOn(t *testing.T, c *card) (data string, start func() (k *Kit, said string)) {
	t.Helper()
	data = t.TempDir()
	cam := filepath.Join(t.TempDir(), "edgecam")
	if err := os.WriteFile(cam, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	args := []string{"-listen", "127.0.0.1:0", "-operator", "127.0.0.1:0", "-data", data, "-edgecam", cam, "-boot-settings", settings.Name}
	return data, func() (*Kit, string) {
		t.Helper()
		var log bytes.Buffer
		k, _, err := openArgs(args, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})), logs.New(), io.Discard, c.access())
		if err != nil {
			t.Fatal(err)
		}
		k.Close()
		return k, log.String()
	}
}

// TestBadSettingsOnTheCardLeaveTheLastGoodOnes goes through a card's life, start by start. What was refused is on the card
// too, for as long as it is there, and nothing is written to the card twice.
func TestBadSettingsOnTheCardLeaveTheLastGoodOnes(t *testing.T) {
	c := &card{}
	data, start := kitOn(t, c)
	for _, step := range []struct {
		name, text  string // "": no file
		broken      error
		stall, said string
		report      string // in edgekit-error.txt; "": there is none
		writes      int
	}{
		{name: "a new card", stall: "edgekit"},
		{name: "a bad one first", text: "stall = \"A\"\ncolour = 3\n", stall: "edgekit", said: "edgekit.toml:2:1: unknown key", report: "line 2, column 1: unknown key", writes: 1},
		{name: "the same again", text: "stall = \"A\"\ncolour = 3\n", stall: "edgekit", said: "edgekit.toml:2:1: unknown key", report: "line 2, column 1: unknown key"},
		{name: "a good one", text: "stall = \"Blue Door\"\npaper = \"58\"\n", stall: "Blue Door", writes: 1},
		{name: "the same again", text: "stall = \"Blue Door\"\npaper = \"58\"\n", stall: "Blue Door"},
		{name: "a bad key", text: "stall = \"B\"\ncolour = 3\n", stall: "Blue Door", said: "edgekit.toml:2:1: unknown key", report: "unknown key", writes: 1},
		{name: "a torn one", text: "stall = \"C", stall: "Blue Door", said: "edgekit.toml:1:", report: "line 1", writes: 1},
		{name: "a value that opens nothing", text: "stall = \"D\"\nprinter = \"parallel:1\"\n", stall: "Blue Door", said: "parallel:1", report: "line 2, column 1: printer", writes: 1},
		{name: "a catalogue that is not there", text: "stall = \"E\"\ncatalog = \"/none.json\"\n", stall: "Blue Door", said: "/none.json", report: "line 2, column 1: catalog", writes: 1},
		{name: "a card that cannot be read", broken: errors.New("input/output error"), stall: "Blue Door", said: "input/output error", report: "catalog"},
		{name: "none any more", stall: "Blue Door", writes: 1},
		{name: "another good one", text: "stall = \"Red Door\"\n", stall: "Red Door"},
		{name: "an empty one", text: " \r\n", stall: "Red Door", said: "is empty", report: "is empty", writes: 1},
		{name: "binary", text: "\x00\x01\xff", stall: "Red Door", said: "no plain text", report: "no plain text", writes: 1},
		{name: "from Notepad", text: "\xef\xbb\xbfstall = \"Green Door\"\r\n", stall: "Green Door", writes: 1},
	} {
		if c.broken = step.broken; step.broken == nil {
			report := c.files[setup.ErrorFile]
			c.files = map[string]string{}
			if step.text != "" {
				c.files[settings.Name] = step.text
			}
			if report != "" {
				c.files[setup.ErrorFile] = report
			}
		}
		c.writes = 0
		k, said := start()
		if k.config.Stall != step.stall || (k.config.Paper == "58") != (step.stall == "Blue Door") {
			t.Errorf("%s: the stall is %q, paper %s", step.name, k.config.Stall, k.config.Paper)
		}
		if (step.said == "") != (said == "") || !strings.Contains(said, step.said) {
			t.Errorf("%s: the log has %q, want %q", step.name, said, step.said)
		}
		report := c.files[setup.ErrorFile]
		if (step.report == "") != (report == "") || !strings.Contains(report, step.report) || strings.Count(report, "\n") != strings.Count(report, "\r\n") {
			t.Errorf("%s: the card says %q, want %q", step.name, report, step.report)
		}
		if c.writes != step.writes {
			t.Errorf("%s: %d writes to the card, want %d", step.name, c.writes, step.writes)
		}
	}
	if st, err := os.Stat(filepath.Join(data, settings.Name)); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: expected nobody else to read it", st, err)
	}
}

// TestATornCatalogueTakesNoWifiAway: the settings were good, and are, but for the file that they name.
func TestATornCatalogueTakesNoWifiAway(t *testing.T) {
	c := &card{}
	_, start := kitOn(t, c)
	whole, err := os.ReadFile("../../../internal/demo/catalogue.json")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "catalogue.json")
	c.files = map[string]string{settings.Name: "stall = \"Blue Door\"\ncatalog = \"" + path + "\"\n[wifi]\nssid = \"Blue\"\n"}
	for _, step := range []struct {
		catalogue []byte
		refused   bool
	}{{whole, false}, {whole[:100], true}, {nil, true}, {whole, false}} {
		if err := os.WriteFile(path, step.catalogue, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			k, said := start()
			if k.config.Stall != "Blue Door" || k.config.Wifi.SSID != "Blue" {
				t.Errorf("with %d bytes of catalogue the kit is %q with Wi-Fi %q\n%s", len(step.catalogue), k.config.Stall, k.config.Wifi.SSID, said)
			}
			if report := c.files[setup.ErrorFile]; (k.book.Refusal() != nil) != step.refused || strings.Contains(report, "line 2, column 1: catalog") != step.refused {
				t.Errorf("with %d bytes of catalogue the card says %q", len(step.catalogue), report)
			}
		}
	}
}

// TestWhatSettingsNameMayGo: fonts and a logo on a stick that was pulled out, and the Wi-Fi stays.
func TestWhatSettingsNameMayGo(t *testing.T) {
	c := &card{}
	_, start := kitOn(t, c)
	stick := filepath.Join(t.TempDir(), "stick")
	if err := os.Mkdir(stick, 0o700); err != nil {
		t.Fatal(err)
	}
	logo := filepath.Join(stick, "logo.png")
	f, err := os.Create(logo)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(png.Encode(f, image.NewGray(image.Rect(0, 0, 8, 8))), f.Close()); err != nil {
		t.Fatal(err)
	}
	c.files = map[string]string{settings.Name: fmt.Sprintf("stall = \"Blue Door\"\nfonts = %q\nlogo = %q\n[wifi]\nssid = \"Blue\"\n", stick, logo)}
	for _, there := range []bool{true, false, false} {
		if !there {
			if err := os.RemoveAll(stick); err != nil {
				t.Fatal(err)
			}
		}
		k, said := start()
		if k.config.Stall != "Blue Door" || k.config.Wifi.SSID != "Blue" || (k.config.Logo != "") != there || (k.book.Refusal() == nil) != there {
			t.Errorf("stick %v: %q with Wi-Fi %q and logo %q, refused %+v\n%s", there, k.config.Stall, k.config.Wifi.SSID, k.config.Logo, k.book.Refusal(), said)
		}
	}
}

// TestConsoleAndCardAgree: what is saved in the console is on the card too, and the file that was changed last wins.
func TestConsoleAndCardAgree(t *testing.T) {
	c := &card{files: map[string]string{settings.Name: "stall = \"Card\"\n"}}
	data, start := kitOn(t, c)
	stalls := func(want string) *Kit {
		t.Helper()
		k, said := start()
		if k.config.Stall != want {
			t.Errorf("the stall is %q, want %q\n%s", k.config.Stall, want, said)
		}
		return k
	}
	save := func(k *Kit, text string, wantProblem string, wantCard bool) {
		t.Helper()
		problems, onCard, err := k.saveSettings([]byte(text))
		if err != nil || (onCard == nil) != wantCard || (len(problems) > 0) != (wantProblem != "") || wantProblem != "" && !strings.Contains(problems.In("f").Error(), wantProblem) {
			t.Errorf("%q: %v, %v, %v", text, problems, onCard, err)
		}
	}
	k := stalls("Card")
	save(k, "stall = \"Console\"\n", "", true)
	if text, pending := k.book.Text(); !pending || text != "stall = \"Console\"\n" || c.files[settings.Name] != text {
		t.Errorf("%q, pending %v, the card has %q", text, pending, c.files[settings.Name])
	}
	if s, err := settings.Load(data); err != nil || s.Stall != "Card" {
		t.Errorf("other programs have %q already, %v", s.Stall, err)
	}
	k = stalls("Console")
	if s, err := settings.Load(data); err != nil || s.Stall != "Console" {
		t.Errorf("other programs have %q, %v", s.Stall, err)
	}
	for text, problem := range map[string]string{"stal = 1": "f:1:1", "camera = \"file:/none\"": "f:1:1: camera", "printer = \"usb:\"": "f:1:1", "x": "f:1:", "\ncatalog = \"/none\"": "f:2:1: catalog",
		"stall = \"\"": "f:1:1: stall", "\nfonts = \"/none\"": "f:2:1: fonts", "fonts = \"" + data + ",\"": "f:1:1: fonts", "fonts = \"/dev/null\"": "/dev/null is a file: expected folders with Noto fonts",
		"logo = \"/none\"": "f:1:1: logo", "catalog = \"" + data + "\"": "f:1:1: catalog", "camera = \"file:" + data + "\"": "f:1:1: camera"} {
		save(k, text, problem, true)
	}
	if c.files[settings.Name] != "stall = \"Console\"\n" {
		t.Errorf("a bad text came to the card: %q", c.files[settings.Name])
	}
	save(k, "stall = \"Console 2\"\n", "", true)
	c.files[settings.Name] = "stall = \"Laptop\"\n" // edited after it
	k = stalls("Laptop")
	stalls("Laptop")

	c.broken = errors.New("the card is worn out")
	save(k, "stall = \"Console 3\"\n", "", false)
	c.broken = nil
	stalls("Console 3") // the card still has what was read before
	if c.files[settings.Name] != "stall = \"Console 3\"\n" {
		t.Errorf("the card was not brought up to date: %q", c.files[settings.Name])
	}

	// The power goes as the card is written.
	k, _ = start()
	save(k, "stall = \"Console 3\"\npaper = \"58\"\n", "", true)
	c.files[settings.Name] = c.files[settings.Name][:9]
	if k = stalls("Console 3"); k.config.Paper != "58" || c.files[settings.Name] != "stall = \"Console 3\"\npaper = \"58\"\n" {
		t.Errorf("paper %s, and the card has %q", k.config.Paper, c.files[settings.Name])
	}
	k, _ = start()
	save(k, "stall = \"Console 3\"\n", "", true)
	c.files[settings.Name] = strings.Repeat("\x00", 20)
	if k = stalls("Console 3"); k.config.Paper != "80" || k.book.Refusal() == nil {
		t.Errorf("paper %s: what was saved is lost with the card's copy", k.config.Paper)
	}
	save(k, "stall = \"Console 3\"\n", "", true)

	// One that shows only at the start that it opens nothing, as its catalogue went away meanwhile.
	k, _ = start()
	if _, err := k.book.Save([]byte("catalog = \"/none.json\"\n")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		k = stalls("Console 3")
		if r := k.book.Refusal(); r == nil || r.Problems[0].Key != "catalog" || !strings.Contains(c.files[setup.ErrorFile], "/none.json") {
			t.Errorf("%+v, the card says %q", r, c.files[setup.ErrorFile])
		}
	}
	save(k, "stall = \"Console 4\"\n", "", true)
	if _, ok := c.files[setup.ErrorFile]; ok || k.book.Refusal() != nil {
		t.Error("good settings were saved, and the card still says what was wrong with the others")
	}
	stalls("Console 4")
}
