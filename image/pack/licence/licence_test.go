package licence

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLicencesAreNamedByTheirWording reads the licences of modules that this project builds from.
func TestLicencesAreNamedByTheirWording(t *testing.T) {
	for module, want := range map[string]string{
		"github.com/alecthomas/kong":         "MIT",
		"github.com/pion/webrtc/v4":          "MIT",
		"golang.org/x/sys":                   "BSD-3-Clause",
		"github.com/prometheus/procfs":       "Apache-2.0",
		"zombiezen.com/go/sqlite":            "ISC",
		"pgregory.net/rapid":                 "MPL-2.0",
		"github.com/go-text/typesetting":     Unknown, // one of two, at one's choice
		"github.com/munnerz/goautoneg":       "BSD-3-Clause",
		"github.com/pion/mediadevices":       "MIT",
		"github.com/remyoudompheng/bigfft":   "BSD-3-Clause",
		"github.com/prometheus/client_model": "Apache-2.0",
	} {
		out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", module).Output()
		if err != nil {
			t.Fatalf("%s: %v", module, err)
		}
		dir := strings.TrimSpace(string(out))
		if dir == "" {
			t.Fatalf("%s is not in the module cache", module)
		}
		p, err := OfModule(module, "v1", dir)
		if err != nil || p.SPDX != want {
			t.Errorf("%s: %s, expected %s (%v)", module, p.SPDX, want, err)
		}
	}
}

func TestWhatIsNotKnownIsNotNamed(t *testing.T) {
	const bsd = "Redistribution and use in source and binary forms are permitted; in binary form must reproduce the above copyright notice. "
	for text, want := range map[string]string{
		"":                                Unknown,
		"All rights reserved.":            Unknown,
		bsd:                               "BSD-2-Clause",
		bsd + "Neither the name of x may": "BSD-3-Clause",
		bsd + "All advertising materials mentioning features": Unknown,
		bsd + "Or under the GNU General Public License.":      Unknown,
	} {
		if got := Detect(text); got != want {
			t.Errorf("%q: %s, expected %s", text, got, want)
		}
	}
}

func TestAModuleWithoutLicenceIsRefused(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"PATENTS": "none", "license.go": "package license", "inner/LICENSE": "of something inside"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := OfModule("example.com/m", "v1.0.0", dir); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "example.com/m v1.0.0") {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "COPYING"), []byte("Do as you like."), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := OfModule("example.com/m", "v1.0.0", dir)
	if err != nil || p.SPDX != Unknown || len(p.Texts) != 3 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestNoticesHaveEveryPartAndEachTextOnce(t *testing.T) {
	parts := []Part{
		{Name: "b", Version: "2", SPDX: "MIT", Texts: []Text{{"LICENSE", "the one text"}}},
		{Name: "a", Version: "1", SPDX: "MIT", Texts: []Text{{"COPYING", "the one text"}}},
		{Name: "hostapd", Version: "2:2.10", SPDX: Unknown, Source: "Debian's source wpa 2:2.10", Texts: []Text{{"copyright", "another"}}},
	}
	got := string(Notices(parts))
	for _, want := range []string{"  a 1: MIT\n", "  hostapd 2:2.10: see its text\n", "  hostapd 2:2.10: Debian's source wpa 2:2.10\n", "  a 1, COPYING\n  b 2, LICENSE\n\nthe one text\n"} {
		if strings.Count(got, want) != 1 {
			t.Errorf("%q is not in it once:\n%s", want, got)
		}
	}
	parts[0], parts[1] = parts[1], parts[0]
	if string(Notices(parts)) != got {
		t.Error("another order gives other bytes")
	}
}
