package slip

import (
	"bytes"
	"flag"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/drivers/scanner"
	"edgekit.internal/drivers/thermal"
)

var update = flag.Bool("update", false, "write the golden files anew")

var example = Setup{
	Stall: "Blue Door Pottery", Kit: "k3x2mq7aab5c", Join: &settings.Join{SSID: "Blue Door", Password: "h7ab-93xq-mk2p"},
	Console: []string{"https://10.42.0.1:8443/console", "https://edgekit:8443/console"}, Code: "031-442",
	Fingerprint: strings.TrimSpace(strings.Repeat("A1B2 ", 16)),
}

// TestSetupSlipLooksAsItDid on both widths of paper, in the printer's own letters.
func TestSetupSlipLooksAsItDid(t *testing.T) {
	refused := example
	refused.Join, refused.Again = nil, true
	refused.Refused = []string{`line 2, column 1: unknown key "camra": expected a known one; did you mean camera?`}
	venue := example
	venue.Join, venue.Venue = nil, &Venue{SSID: "Halle 3", Pages: []string{"http://192.168.7.20/", "http://edgekit.local/"}}
	venue.Console = []string{"https://192.168.7.20:8443/console", "https://edgekit.local:8443/console"}
	setup := func(s Setup) func(thermal.Profile) []byte {
		return func(p thermal.Profile) []byte { return ComposeSetup(s, p, nil) }
	}
	for name, compose := range map[string]func(thermal.Profile) []byte{"setup": setup(example), "setup-refused": setup(refused), "setup-venue": setup(venue),
		"roll":          func(p thermal.Profile) []byte { return ComposeRoll("Blue Door Pottery", day(), p, nil) },
		"scanner-sheet": func(p thermal.Profile) []byte { return ComposeSheet("Blue Door Pottery", scanner.Sheet(), p, nil) }} {
		for _, p := range []thermal.Profile{thermal.Paper58, thermal.Paper80} {
			got, warnings, err := thermal.Render(compose(p), p)
			if err != nil {
				t.Fatal(err, warnings)
			}
			path := filepath.Join("testdata", name+"-"+p.Name+".png")
			if *update {
				var b bytes.Buffer
				if err := png.Encode(&b, got); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			want, err := png.Decode(f)
			f.Close()
			if err != nil {
				t.Fatal(err)
			}
			if !same(got, want) {
				t.Errorf("%s is not what it was; look at it, and write it anew with -update", path)
			}
		}
	}
}

func same(a, b image.Image) bool {
	if a.Bounds() != b.Bounds() {
		return false
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			r, _, _, _ := a.At(x, y).RGBA()
			if q, _, _, _ := b.At(x, y).RGBA(); (r < 0x8000) != (q < 0x8000) {
				return false
			}
		}
	}
	return true
}

// TestTheScannersSheetIsOneCode on both widths of paper: longer text would be printed as letters.
func TestTheScannersSheetIsOneCode(t *testing.T) {
	for _, p := range []thermal.Profile{thermal.Paper58, thermal.Paper80} {
		if b := ComposeSheet("", scanner.Sheet(), p, nil); !bytes.Contains(b, []byte("1P0"+scanner.Sheet()+"\x1d(k")) {
			t.Errorf("%s: %q", p.Name, b)
		}
	}
}

// TestSetupSlipSaysAllThatIsNeeded, and nothing that is not there.
func TestSetupSlipSaysAllThatIsNeeded(t *testing.T) {
	has := func(s Setup) (got []string) {
		b := string(ComposeSetup(s, thermal.Paper80, nil))
		for _, what := range []string{"WIFI:T:WPA;S:Blue Door;P:h7ab-93xq-mk2p;;", "h7ab-93xq-mk2p", "031-442", "https://10.42.0.1:8443/console", "A1B2 A1B2", "SETTINGS NOT USED", "no network address",
			"Halle 3", "http://192.168.7.20/", "http://edgekit.local/", "wants a password"} {
			if strings.Contains(b, what) {
				got = append(got, what)
			}
		}
		return got
	}
	if d := cmp.Diff([]string{"WIFI:T:WPA;S:Blue Door;P:h7ab-93xq-mk2p;;", "h7ab-93xq-mk2p", "031-442", "https://10.42.0.1:8443/console", "A1B2 A1B2"}, has(example)); d != "" {
		t.Error(d)
	}
	bare := example
	bare.Join, bare.Console, bare.Fingerprint, bare.Refused = nil, nil, "", []string{"x"}
	if d := cmp.Diff([]string{"031-442", "SETTINGS NOT USED", "no network address"}, has(bare)); d != "" {
		t.Error(d)
	}
	guest := bare
	guest.Refused, guest.Venue = nil, &Venue{SSID: "Halle 3", Pages: []string{"http://192.168.7.20/", "http://edgekit.local/"}}
	if d := cmp.Diff([]string{"031-442", "no network address", "Halle 3", "http://192.168.7.20/", "http://edgekit.local/"}, has(guest)); d != "" {
		t.Error(d)
	}
	guest.Venue = &Venue{SSID: "Halle 3", Trouble: "It wants a password."}
	if d := cmp.Diff([]string{"031-442", "no network address", "Halle 3", "wants a password"}, has(guest)); d != "" {
		t.Error(d)
	}
	many := strings.Split(strings.TrimSpace(strings.Repeat("a very long complaint\n", 500)), "\n")
	if b := ComposeRefusal("\x1b@", many, thermal.Paper58, nil); strings.Count(string(b), "complaint") != maxRefused {
		t.Error("a long list of problems eats the roll")
	}
}
