package settings

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"edgekit.internal/pipeline"
)

// schemaOf compiles what Schema publishes, as an editor would.
func schemaOf(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("edgekit.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("edgekit.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func accepts(t *testing.T, s *jsonschema.Schema, text string) bool {
	t.Helper()
	var v map[string]any
	if err := toml.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc) == nil
}

// TestSchemaAndKitAgree on what is good and what is not, but for what the schema says that it cannot say.
func TestSchemaAndKitAgree(t *testing.T) {
	s := schemaOf(t)
	for _, c := range []struct {
		text string
		want string // in the first problem; "": good
		lax  bool   // the schema cannot say it
	}{
		{text: ""},
		{text: "# nothing\n"},
		{text: "stall = \"Blue Door\"\ncamera = \"/dev/video2\"\nprinter = \"tcp:10.0.0.9:9100\"\npaper = \"58\"\npicture = \"640x360@15\"\nlayers = \"640x360@15:500\"\nbuttons = \"none\"\n"},
		{text: "paper = 80\n"},
		{text: "[wifi]\nmode = \"ap\"\nssid = \"Blau; \\\"Tür\\\"\"\npassword = \"correct horse\"\nsecurity = \"mixed\"\nband = 2.4\nchannel = 6\ncountry = \"DE\"\n"},
		{text: "wifi = { mode = \"venue\" }\n"},
		{text: "wifi = { mode = \"venue\", venue-ssid = \"Halle 3\" }\n"},
		{text: "[wifi]\nmode = \"ap\"\nvenue-ssid = \"Halle 3\"\nvenue-password = \"long enough\"\n"},
		{text: "[press]\nstart-drop.short = \"none\"\n[press.reprint]\nhold = \"none\"\n"},
		{text: "press = { sold-out = { long = \"none\", double = \"sold-out\" } }\nbuttons = \"gpio:/dev/gpiochip4:5,6,13,19\"\nlights = \"virtual\"\n"},
		{text: "wifi.mode = \"off\"\nwifi.band = 5\nwifi.channel = 36\n"},
		{text: "[wifi]\nmode = \"ap\"\nsecurity = \"open\"\n"},
		{text: "[wifi]\ninternet = true\n"},

		{text: "[press.reprint]\nrepeat = \"reprint-last\"\nhold = \"none\"\n[press.start-drop]\nrepeat = \"start-next-drop\"\n"},
		{text: "[press.reprint]\nrepeat = \"reprint-last\"\n", want: "line 2, column 1: press.reprint.repeat: a button that repeats while it is held cannot mean something else by that: expected long = \"none\" and hold = \"none\" below [press.reprint] too"},
		{text: "[press.start-drop]\nrepeat = \"start-next-drop\"\nlong = \"sold-out\"\n", want: "line 2, column 1: press.start-drop.repeat: a button that"},
		{text: "[press.reprint]\nhold = \"none\"\nrepeat = \"shut-down\"\n", want: "press.reprint.repeat: \"shut-down\": expected none, start-next-drop or reprint-last"},
		{text: "[press.call-help]\nhold = \"none\"\nrepeat = \"call-help\"\n", want: "expected none, start-next-drop or reprint-last"},
		{text: "[press.sold-out]\nlong = \"sell-out\"\n", want: "line 2, column 1: press.sold-out.long: \"sell-out\": expected none, start-next-drop, sold-out,"},
		{text: "[press.soldout]\nlong = \"sold-out\"\n", want: "unknown section \"press.soldout\": expected a known one; did you mean press.sold-out?"},
		{text: "[press]\nsold-out = \"none\"\n", want: "expected a section: a line [press.sold-out]"},
		{text: "[press]\nstart-drop.shrt = \"none\"\n", want: "did you mean press.start-drop.short?"},
		{text: "buttons = \"gpio:/dev/gpiochip0:5,6\"\n", want: "buttons: \"gpio:/dev/gpiochip0:5,6\": expected auto, virtual, none or gpio:CHIP:A,B,C,D"},
		{text: "[scanner]\ndevice = \"0c2e:0b61\"\nlayout = \"ch\"\n"},
		{text: "[scanner]\ndevice = \"keyboard\"\n", want: "scanner.device: \"keyboard\": expected auto, VENDOR:PRODUCT"},
		{text: "[scanner]\nlayout = \"dvorak\"\n", want: "expected auto, us, de, fr, es, it, gb or ch"},
		{text: "[push]\nurl = \"https://whip.example.org/in?key=k3y\"\ntoken = \"abc.def-ghi\"\n"},
		{text: "push = { url = \"http://192.0.2.7:8889/stall/whip\" }\n"},
		{text: "[push]\ntoken = \"abc\"\n", want: "line 2, column 1: push.url: expected the server's address, as there is a token"},
		{text: "[push]\nurl = \"example.org/whip\"\n", want: "line 2, column 1: push.url: expected a server's address such as"},
		{text: "[push]\nurl = \"https://me:k3y@example.org/\"\n", want: "line 2, column 1: push.url: expected a server's address such as"},
		{text: "[push]\nurl = \"https://example.org/\"\ntoken = \"a b\"\n", want: "line 3, column 1: push.token: expected letters, digits and signs"},
		{text: "camra = \"auto\"\n", want: "line 1, column 1: unknown key \"camra\": expected a known one; did you mean camera?"},
		{text: "stall = \"a\"\n  [wfii]\nmode = \"ap\"\n", want: "line 2, column 4: unknown section \"wfii\": expected a known one; did you mean wifi?"},
		{text: "ssid = \"x\"\n", want: "expected ssid below a line [wifi]"},
		{text: "[wifi]\nmode = \"on\"\n", want: "line 2, column 1: wifi.mode: \"on\": expected auto, ap, venue or off"},
		{text: "[[wifi]]\nmode = \"ap\"\n", want: "expected [wifi], with one pair"},
		{text: "wifi = \"ap\"\n", want: "expected a section"},
		{text: "listen = 8080\n", want: "listen: a number: expected an address and port such as :8080, in quotes"},
		{text: "listen = \"8080\"\n", want: "\"8080\": expected an address and port"},
		{text: "paper = \"70\"\n", want: "paper: \"70\": expected 58 or 80"},
		{text: "paper = 70\n", want: "paper: a number: expected 58 or 80"},
		{text: "printer = \"parallel:1\"\n", want: "expected auto, virtual, none, usb:PATH"},
		{text: "camera = true\n", want: "camera: true or false: expected auto, synthetic"},
		{text: "camera = [\"auto\"]\n", want: "camera: a list"},
		{text: "camera = 2026-01-01\n", want: "camera: a date or time"},
		{text: "stall = \"" + strings.Repeat("é", 101) + "\"\n", want: "stall: "},
		{text: "stall = \"\"\n", want: "line 1, column 1: stall: \"\": expected a name of 1 to 100 characters"},
		{text: "paper = \"58\"\nstall = \" \\t\"\n", want: "line 2, column 1: stall: "},
		{text: "data = \"\"\n", want: "line 1, column 1: data: \"\": expected a folder's path"},
		{text: "[wifi]\nssid = \" \"\n", want: "line 2, column 1: wifi.ssid: \" \": expected a name of at most 32 bytes that can be seen, or none"},
		{text: "[wifi]\nssid = \"\"\nvenue-ssid = \"\"\n"},
		{text: "[wifi]\nvenue-ssid = \"  \"\n", want: "line 2, column 1: wifi.venue-ssid: "},
		{text: "slip-text = \"\"\nlogo = \"\"\ncatalog = \"\"\nfonts = \"\"\nedgecam = \"\"\nlayers = \"\"\n"},
		{text: "camera = \"\"\n", want: "camera: \"\": expected auto"},
		{text: "printer = \"\"\n", want: "printer: \"\": expected auto"},
		{text: "buttons = \"\"\n", want: "buttons: \"\": expected auto"},
		{text: "[scanner]\ndevice = \"serial:@9600\"\n", want: "line 2, column 1: scanner.device: \"serial:@9600\": expected auto"},
		{text: "[scanner]\ndevice = \"serial:/dev/ttyACM0@115200\"\n"},
		{text: "picture = \"big\"\n", want: "WIDTHxHEIGHT@RATE"},
		{text: "[wifi]\nmode = \"venue\"\nvenue-password = \"long enough\"\n", want: "line 2, column 1: wifi.venue-ssid: expected the name of the venue's network"},
		{text: "[wifi]\nvenue-ssid = \"Halle\"\nvenue-password = \"kürzer\"\n", want: "line 3, column 1: wifi.venue-password: expected 8 to 63"},
		{text: "[wifi]\nvenue-ssid = \"ÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄÄ\"\n", want: "has 34 bytes", lax: true},
		{text: "[wifi]\nssid = \"Halle\"\nvenue-ssid = \"Halle\"\n", want: "expected another name than ssid", lax: true},
		{text: "[wifi]\nfirmware = \"minimal\"\nsecurity = \"mixed\"\n"},
		{text: "[wifi]\nfirmware = \"minimal\"\nsecurity = \"wpa3\"\n", want: "line 2, column 1: wifi.firmware: the minimal firmware speaks no WPA3"},
		{text: "[wifi]\nfirmware = \"small\"\n", want: "expected standard or minimal"},
		{text: "[wifi]\npassword = \"short\"\n", want: "line 2, column 1: wifi.password: expected 8 to 63 letters"},
		{text: "[wifi]\nsecurity = \"open\"\npassword = \"secret sauce\"\n", want: "line 3, column 1: wifi.password: an open network has no password"},
		{text: "[wifi]\ncountry = \"UK\"\n", want: "expected GB"},
		{text: "[wifi]\ncountry = \"de\"\n", want: "two letters in capitals"},
		{text: "[wifi]\ninternet = \"yes\"\n", want: "expected true or false without quotes"},
		{text: "[wifi]\ninternet = 1\n", want: "wifi.internet: a number: expected true or false"},
		{text: "[wifi]\nchannel = 14\n", want: "wifi.channel: 14"},
		{text: "[wifi]\nchannel = \"6\"\n", want: "without quotes"},
		{text: "[wifi]\nband = \"5\"\nchannel = 6\n", want: "wifi.channel: 6"},
		{text: "[wifi]\nband = 2.4\nchannel = 36\n", want: "wifi.channel: 36"},
		{text: "[wifi]\nchannel = 999\n", want: "0 to 177"},

		{text: "picture = \"1281x720@30\"\n", want: "even sides", lax: true},
		{text: "layers = \"1920x1080@30:1800\"\n", want: "within the picture's", lax: true},
		{text: "[wifi]\nssid = \"" + strings.Repeat("é", 20) + "\"\n", want: "40 bytes", lax: true},
	} {
		f, problems := Parse([]byte(c.text))
		if good := len(problems) == 0; good != (c.want == "") || good != (f != nil) {
			t.Errorf("%s\n%v", c.text, problems)
			continue
		}
		if c.want != "" && !strings.Contains(problems[0].String(), c.want) {
			t.Errorf("%s\n%v\nwant %s", c.text, problems, c.want)
		}
		if got := accepts(t, s, c.text); got != (c.want == "" || c.lax) {
			t.Errorf("the schema takes it: %v\n%s", got, c.text)
		}
	}
}

func TestSchemaSaysWhatFlagsSay(t *testing.T) {
	var doc struct {
		Properties map[string]struct {
			Description string
			Default     any
			Properties  map[string]struct{ Default any }
		}
	}
	if err := json.Unmarshal(Schema(), &doc); err != nil {
		t.Fatal(err)
	}
	if c := doc.Properties["camera"]; c.Default != "auto" || !strings.Contains(c.Description, "/dev/videoN") {
		t.Errorf("camera: %+v", c)
	}
	if w := doc.Properties["wifi"].Properties; w["mode"].Default != "auto" || w["channel"].Default != 0.0 || w["internet"].Default != false {
		t.Errorf("wifi: %+v", w)
	}
	if got := len(doc.Properties); got != reflect.TypeFor[Settings]().NumField() {
		t.Errorf("%d properties of %d", got, reflect.TypeFor[Settings]().NumField())
	}
}

// TestAllProblemsAtOnce: who mends a file on a laptop should not have to walk back for each mistake.
func TestAllProblemsAtOnce(t *testing.T) {
	_, got := Parse([]byte("stall = \"Tür\"\ncamra = \"auto\"\npaper = 70\nß = 1\n[wifi]\n  mod = \"ap\"\nchannel = 15\npassword = \"geheim1\"\n"))
	want := []string{
		"line 2, column 1: unknown key",
		"line 3, column 1: paper",
	}
	if len(got) == 0 || !strings.Contains(got[0].What, "KEY = ") { // ß is no key of TOML: then that alone is said
		t.Errorf("%v", got)
	}
	_, got = Parse([]byte("stall = \"Tür\"\ncamra = \"auto\"\npaper = 70\n[wifi]\n  mod = \"ap\"\nchannel = 188\npassword = \"geheim1\"\n"))
	want = append(want, "line 5, column 3: unknown key \"wifi.mod\": expected a known one; did you mean wifi.mode?", "line 6, column 1: wifi.channel", "line 7, column 1: wifi.password")
	if len(got) != len(want) {
		t.Fatalf("%d problems, want %d: %v", len(got), len(want), got)
	}
	for i, p := range got {
		if !strings.HasPrefix(p.String(), want[i]) {
			t.Errorf("%s, want %s", p, want[i])
		}
		if strings.Contains(p.String(), "geheim") {
			t.Errorf("a password is said: %s", p)
		}
	}
	if s := got.In("edgekit.toml").Error(); strings.Count(s, "edgekit.toml:") != len(want) || strings.Contains(s, "\n") {
		t.Errorf("%s", s)
	}
}

// TestWhateverNotepadSaves: with a mark, as UTF-16, with Windows' line ends; and what is no text says so.
func TestWhateverNotepadSaves(t *testing.T) {
	const text = "stall = \"Tür 4\"\r\npaper = \"58\"\r\n"
	wide := func(mark string, low, high int) string {
		b := []byte(mark)
		for _, r := range text {
			two := []byte{0, 0}
			two[low], two[high] = byte(r), byte(r>>8)
			b = append(b, two...)
		}
		return string(b)
	}
	for name, raw := range map[string]string{"plain": text, "mark": "\xef\xbb\xbf" + text, "UTF-16": wide("\xff\xfe", 0, 1), "UTF-16, high byte first": wide("\xfe\xff", 1, 0)} {
		f, problems := Parse([]byte(raw))
		if len(problems) > 0 || f.Settings.Stall != "Tür 4" || f.Settings.Paper != "58" || string(f.Text) != text {
			t.Errorf("%s: %+v %v", name, f, problems)
		}
	}
	for raw, want := range map[string]string{
		"stall = \"a\"\nstall2 = \"T\xfcr\"\n":   "line 2, column 12: this letter is not UTF-8",
		"stall = \x00":                           "line 1, column 9: this is no plain text",
		strings.Repeat("# much\n", MaxBytes/7+1): "larger than 1 MB",
		"stall = “Blue Door”\n":                  "straight quotes",
		"stall = \"Blue":                         "line 1",
		"stall = \"a\"\nstall = \"b\"\n":         "line 2",
		"stall \"a\"\n":                          "expected KEY = \"VALUE\"",
		strings.Repeat("[", 5000):                "line 1",
	} {
		if _, got := Parse([]byte(raw)); len(got) != 1 || !strings.Contains(got[0].String(), want) {
			t.Errorf("%.40q: %v, want %s", raw, got, want)
		}
	}
}

func TestWhatButtonsDo(t *testing.T) {
	want := map[string]map[string]pipeline.Action{"start-drop": {"short": "start-next-drop"}, "sold-out": {"long": "sold-out"},
		"reprint": {"short": "reprint-last", "hold": "shut-down"}, "call-help": {"short": "call-help", "hold": "setup-slip"}}
	if d := cmp.Diff(want, Default().Press.Bindings()); d != "" {
		t.Error(d)
	}
	f, problems := Parse([]byte("press.reprint.hold = \"none\"\npress.start-drop.double = \"sold-out\"\n"))
	if problems != nil {
		t.Fatal(problems)
	}
	delete(want["reprint"], "hold")
	want["start-drop"]["double"] = pipeline.MarkSoldOut
	if d := cmp.Diff(want, f.Settings.Press.Bindings()); d != "" {
		t.Error(d)
	}
}

func TestOtherProgramsReadWhatIsKept(t *testing.T) {
	dir := t.TempDir()
	if s, err := Load(dir); err != nil || s != Default() {
		t.Errorf("none: %+v %v", s, err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, Name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[wifi]\nmode = \"ap\"\nband = 5\n")
	want := Default()
	want.Wifi.Mode, want.Wifi.Band = "ap", "5"
	if s, err := Load(dir); err != nil || s != want {
		t.Errorf("%s %v", cmp.Diff(want, s), err)
	}
	write("[wifi]\nmode = \"a")
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "edgekit.toml:2:") {
		t.Errorf("torn: %v", err)
	}
}

func TestWhatAPhoneJoinsWith(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 32)
	for _, c := range []struct {
		stall string
		wifi  Wifi
		want  string
	}{
		{"Blue Door", Wifi{Mode: "ap", SSID: `a;b,c:d\e"f`, Password: `p;w\12345`, Security: "wpa2"}, `WIFI:T:WPA;S:a\;b\,c\:d\\e\"f;P:p\;w\\12345;;`},
		{"Blue Door", Wifi{Mode: "ap", Security: "wpa3", Password: "12345678"}, `WIFI:T:WPA;S:Blue Door;P:12345678;;`},
		{"Blue Door", Wifi{Mode: "ap", Security: "open"}, `WIFI:T:nopass;S:Blue Door;;`},
		{"edgekit", Wifi{Mode: "ap", Security: "open"}, `WIFI:T:nopass;S:edgekit-abcd;;`},
		{strings.Repeat("ü", 17), Wifi{Mode: "ap", Security: "open"}, "WIFI:T:nopass;S:" + strings.Repeat("ü", 16) + ";;"},
		{"\x00\x1b\xff", Wifi{Mode: "ap", Security: "open"}, `WIFI:T:nopass;S:edgekit-abcd;;`},
	} {
		j, ok := Settings{Stall: c.stall, Wifi: c.wifi}.Join("abcdefgh", secret)
		if got := j.QR(); got != c.want || !ok {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	j, ok := Settings{Wifi: Wifi{Mode: "off", Security: "wpa2"}}.Join("abcdefgh", secret)
	if again, _ := (Settings{Wifi: Wifi{Security: "wpa2"}}).Join("abcdefgh", secret); ok || len(j.Password) != 14 || again != j {
		t.Errorf("%+v, %+v, %v", j, again, ok)
	}
	if other, _ := (Settings{Wifi: Wifi{Security: "wpa2"}}).Join("abcdefgh", bytes.Repeat([]byte{8}, 32)); other.Password == j.Password {
		t.Error("two kits have one password")
	}
}

// FuzzParse: whatever is in the file, there are settings or problems with a place, and none is more than a line. What
// holds still does when it is read again.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "listen = \":80\"", "[a]\nb=1", "stall = \"\\u0000\"", "paper = 58", "x = {a = [1, {}]}", "wifi = {mode=\"ap\", ssid=\"a\"}", "wifi.\"mode\" = 'ap'",
		"\xff\xfes\x00", "\xef\xbb\xbfpaper=80", "[[wifi]]", "wifi=[{}]", "a.b.c.d=1\n[a.b]\n", "camera = 1979-05-27", "“"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		file, problems := Parse(raw)
		if (file == nil) == (len(problems) == 0) {
			t.Fatalf("%v, %v", file, problems)
		}
		for _, p := range problems {
			if s := p.In("f"); strings.ContainsAny(s, "\n\r\x1b\x00") || p.Line < 0 || len(raw) < MaxBytes && p.Line == 0 && p.Key == "" {
				t.Errorf("%q", s)
			}
		}
		if file != nil {
			again, problems := Parse(file.Text)
			if problems != nil || again.Settings != file.Settings {
				t.Errorf("%v, %+v", problems, again)
			}
		}
	})
}

func TestMainsGoByTheCountryUnlessTheyAreSet(t *testing.T) {
	for _, c := range []struct {
		mains, country string
		want           int
	}{{"auto", "DE", 50}, {"auto", "US", 60}, {"auto", "VI", 60}, {"auto", "GB", 50}, {"auto", "JP", 0}, {"auto", "", 0}, {"50", "US", 50}, {"60", "", 60}, {"none", "US", 0}} {
		if got := (Settings{Mains: c.mains, Wifi: Wifi{Country: c.country}}).MainsHz(); got != c.want {
			t.Errorf("%s in %q: %d, want %d", c.mains, c.country, got, c.want)
		}
	}
}

func TestAnAccentIsAColour(t *testing.T) {
	for text, want := range map[string]uint32{"": 0, "#FFC93C": 0xFFC93C, "#ffc93c": 0xFFC93C, "#000000": 1} {
		if got := (Overlay{Accent: text}).Colour(); got != want {
			t.Errorf("%s: %#x, want %#x", text, got, want)
		}
	}
	for _, bad := range []string{"red", "#fff", "#12345g", "#1234567"} {
		if _, problems := Parse([]byte("[overlay]\naccent = \"" + bad + "\"\n")); len(problems) != 1 || problems[0].Line != 2 || !strings.Contains(problems[0].String(), "#FFC93C") {
			t.Errorf("%s: %v", bad, problems)
		}
	}
}
