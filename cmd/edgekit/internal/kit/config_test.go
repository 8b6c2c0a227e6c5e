package kit

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"edgekit.internal/cmd/edgekit/internal/logs"
	"edgekit.internal/cmd/edgekit/internal/setup"
	"edgekit.internal/cmd/internal/settings"
)

func written(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "edgekit.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsWinOverTheFile(t *testing.T) {
	file, problems := settings.Parse([]byte("camera = \"synthetic\"\nstall = \"Blue Door\"\nlisten = \":9000\"\npaper = 58\n[wifi]\nmode = \"ap\"\n"))
	if problems != nil {
		t.Fatal(problems)
	}
	for _, dashes := range []string{"-", "--"} {
		c, help, err := Parse([]string{dashes + "listen", ":9001"}, file)
		if err != nil || help {
			t.Fatal(err)
		}
		if c.Camera != "synthetic" || c.Stall != "Blue Door" || c.Listen != ":9001" || c.Printer != "auto" || c.Paper != "58" || c.Wifi.Mode != "ap" || c.Wifi.Security != "wpa2" {
			t.Errorf("%+v", c)
		}
	}
	if c, _, err := Parse(nil, nil); err != nil || c.Settings != settings.Default() {
		t.Errorf("without any: %+v, %v", c, err)
	}
}

// TestTheCameraProgramCanBeRun, or it is said what was expected.
func TestTheCameraProgramCanBeRun(t *testing.T) {
	for path, want := range map[string]string{"/nowhere": "no such file", t.TempDir(): "is a folder: expected the camera program", written(t, "text"): "is no program", "/bin/sh": ""} {
		c := Config{Settings: settings.Settings{Edgecam: path}}
		if err := c.program(); (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "edgekit: --edgecam: ")) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}

func TestABadFileSaysWhere(t *testing.T) {
	state := setup.OpenState(t.TempDir(), slog.New(slog.DiscardHandler))
	for text, want := range map[string]string{
		"listen = 8080\n":             ":1:1: listen",
		"stall = \"a\"\ncolour = 3\n": ":2:1",
		"stall = \n":                  ":1:",
		"paper = \"70\"\n":            "58",
		"[wifi]\npassword = \"kurz\"": ":2:1",
	} {
		path := written(t, text)
		_, err := openFile(nil, path, state, slog.New(slog.DiscardHandler), logs.New(), io.Discard)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "kurz") || !errors.As(err, new(Fault)) {
			t.Errorf("%q: %v, want one line with %q", text, err, want)
		}
	}
}

func TestLayersFollowThePicture(t *testing.T) {
	for picture, want := range map[string]string{
		"1280x720@30": "1280x720@30:1800,640x360@30:600,320x180@15:150",
		"640x360@25":  "640x360@25:375,320x180@25:125,160x90@13:100",
		"320x180@5":   "320x180@5:200,160x90@5:120",
	} {
		if got, err := (Config{Settings: settings.Settings{Picture: picture}}).layers(); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", picture, got, err, want)
		}
	}
}

// TestWhatTheCameraProgramWouldNotTake is a fault of whoever typed it, and not a picture that never comes.
func TestWhatTheCameraProgramWouldNotTake(t *testing.T) {
	good := settings.Settings{Picture: "1280x720@30", Camera: "auto"}
	for flag, cs := range map[string][]settings.Settings{
		"--picture": {{Picture: "0x0@0"}, {Picture: "1280x720@30junk"}, {Picture: "1281x720@30"}, {Picture: "9999x9999@30"}, {Picture: "1280x720@500"}, {Picture: "-4x4@1"}, {Picture: ""}},
		"--layers": {{Picture: good.Picture, Layers: "small"}, {Picture: good.Picture, Layers: "1280x720@30:1800,"}, {Picture: good.Picture, Layers: "1920x1080@30:1800"},
			{Picture: good.Picture, Layers: "640x360@60:600"}, {Picture: good.Picture, Layers: "640x360@30:0"}},
	} {
		for _, c := range cs {
			if got, err := (Config{Settings: c}).layers(); err == nil || !strings.Contains(err.Error(), flag) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%+v: %q, %v", c, got, err)
			}
		}
	}
	for camera, ok := range map[string]bool{"auto": true, "synthetic": true, "/dev/video7": true, "file:" + written(t, ""): true, "webcam": false, "file:/none/such.y4m": false, "": false} {
		c := good
		c.Camera = camera
		if err := (Config{Settings: c}).camera(); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "--camera") {
			t.Errorf("%q: %v", camera, err)
		}
	}
	for microphone, ok := range map[string]bool{"auto": true, "none": true, "synthetic": true, "hw:1": true, "hw:1,0": true, "default": false, "hw:": false, "": false} {
		c := good
		c.Microphone = microphone
		if err := (Config{Settings: c}).microphones(); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "--microphone") {
			t.Errorf("%q: %v", microphone, err)
		}
	}
	for want, c := range map[string]settings.Settings{"synthetic": {Camera: "synthetic", Microphone: "auto"}, "auto": {Camera: "auto", Microphone: "auto"}, "none": {Camera: "synthetic", Microphone: "none"}} {
		if got := (Config{Settings: c}).microphone(); got != want {
			t.Errorf("%+v: microphone %s, expected %s", c, got, want)
		}
	}
}
