package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/internal/kittest"
	"edgekit.internal/cmd/internal/settings"
)

func TestMain(m *testing.M) {
	code := m.Run()
	kittest.Clean()
	os.Exit(code)
}

// TestWhatCanBeMendedIsOneLine: bad flags and files end the program with exit 2 and one line that says where and what
// was expected.
func TestWhatCanBeMendedIsOneLine(t *testing.T) {
	programs := kittest.Programs(t)
	busy := kittest.Start(t)
	taken := strings.TrimPrefix(busy.Viewer, "http://")
	bad := kittest.File(t, "bad.json", strings.Replace(kittest.Catalogue, "1250", "-1", 1))
	settings := kittest.File(t, "edgekit.toml", "listen = \"127.0.0.1:0\"\ncamra = \"auto\"\n")
	wrong := kittest.File(t, "edgekit.toml", "listen = 8080\n")
	file := kittest.File(t, "file", "")
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"unknown flag", []string{"-camra", "auto"}, []string{"camra"}},
		{"bad paper", []string{"-paper", "70"}, []string{"--paper", "58"}},
		{"bad picture", []string{"-picture", "big"}, []string{"--picture", "1280x720@30"}},
		{"bad printer", []string{"-printer", "parallel:1"}, []string{"--printer", "parallel:1", "usb:"}},
		{"bad buttons", []string{"-buttons", "gpio:/dev/gpiochip0:5"}, []string{"--buttons", "1 lines, expected 4"}},
		{"bad lights", []string{"-lights", "lamp"}, []string{"--lights", "lamp", "gpio:"}},
		{"port in use", []string{"-listen", taken}, []string{taken, "address already in use"}},
		{"operator's port in use", []string{"-operator", taken}, []string{"--operator", taken}},
		{"data is a file", []string{"-data", file}, []string{"--data", file, "folder"}},
		{"data cannot be made", []string{"-data", "/proc/none/such"}, []string{"--data", "/proc/none"}},
		{"no such catalogue", []string{"-catalog", file + "x"}, []string{"--catalog", file + "x"}},
		{"bad catalogue", []string{"-catalog", bad}, []string{bad + ":2:", "price: expected a whole number"}},
		{"unknown setting", []string{"-config", settings}, []string{settings + ":2:1", "camra"}},
		{"setting of the wrong kind", []string{"-config", wrong}, []string{wrong + ":1:"}},
		{"no fonts", []string{"-fonts", "/none/fonts"}, []string{"--fonts", "/none/fonts", "expected folders with Noto fonts"}},
		{"no name", []string{"-stall", " "}, []string{"--stall", "expected a name"}},
		{"no camera program", []string{"-edgecam", "/none/edgecam"}, []string{"--edgecam", "/none/edgecam"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := []string{"-listen", "127.0.0.1:0", "-operator", "127.0.0.1:0", "-data", t.TempDir(), "-camera", "synthetic", "-printer", "virtual"}
			for i := 0; i+1 < len(base); i += 2 {
				if base[i] == c.args[0] {
					base = append(base[:i], base[i+2:]...)
					break
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), kittest.Limit)
			defer cancel()
			cmd := exec.CommandContext(ctx, filepath.Join(programs, "edgekit"), append(base, c.args...)...)
			var out, errs strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &errs
			cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != 2 {
				t.Errorf("exit %d", code)
			}
			if strings.Count(strings.TrimSpace(errs.String()), "\n") != 0 {
				t.Errorf("more than a line:\n%s", errs.String())
			}
			for _, w := range c.want {
				if !strings.Contains(errs.String(), w) {
					t.Errorf("%q does not say %q", errs.String(), w)
				}
			}
			if strings.Contains(out.String(), "viewer") {
				t.Error("it said that it serves")
			}
		})
	}
}

func TestItStopsWhenAsked(t *testing.T) {
	k := kittest.Start(t)
	if code, took := k.Stop(); code != 0 {
		t.Errorf("exit %d after %v\n%s", code, took, k.Log())
	} else {
		t.Logf("stopped in %v (budget 3 s)", took)
	}
}

func TestTheSchemaIsPrinted(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), filepath.Join(kittest.Programs(t), "edgekit"), "-data", t.TempDir(), "-settings-schema").Output()
	if err != nil || string(out) != string(settings.Schema()) {
		t.Errorf("%v: %.80s", err, out)
	}
}
