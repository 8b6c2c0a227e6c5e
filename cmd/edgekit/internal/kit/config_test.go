package kit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func settings(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "edgekit.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFlagsWinOverTheFile(t *testing.T) {
	file := settings(t, "camera = \"synthetic\"\nstall = \"Blue Door\"\nlisten = \":9000\"\n")
	for _, dashes := range []string{"-", "--"} {
		c, help, err := Parse([]string{dashes + "config", file, dashes + "listen", ":9001"})
		if err != nil || help {
			t.Fatal(err)
		}
		if c.Camera != "synthetic" || c.Stall != "Blue Door" || c.Listen != ":9001" || c.Printer != "auto" {
			t.Errorf("%+v", c)
		}
	}
}

func TestABadFileSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"listen = 8080\n":             ":1:",
		"stall = \"a\"\ncolour = 3\n": ":2:1",
		"stall = \n":                  ":1:",
		"paper = \"70\"\n":            "58",
	} {
		_, _, err := Parse([]string{"--config", settings(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want one line with %q", text, err, want)
		}
	}
}

func TestLayersFollowThePicture(t *testing.T) {
	for picture, want := range map[string]string{
		"1280x720@30": "1280x720@30:1800,640x360@30:600",
		"320x180@5":   "320x180@5:200,160x90@5:120",
	} {
		if got, err := (Config{Picture: picture}).layers(); got != want || err != nil {
			t.Errorf("%s: %s, %v, want %s", picture, got, err, want)
		}
	}
}

// FuzzSettings: whatever is in the file, there are settings or one line that says what is wrong with it.
func FuzzSettings(f *testing.F) {
	for _, s := range []string{"", "listen = \":80\"", "[a]\nb=1", "stall = \"\\u0000\"", "paper = 58", "x = {a = [1, {}]}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, help, err := Parse([]string{"--config=" + settings(t, text)})
		if help || err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("help %v, %v", help, err)
		}
	})
}

// TestWhatTheCameraProgramWouldNotTake is a fault of whoever typed it, and not a picture that never comes.
func TestWhatTheCameraProgramWouldNotTake(t *testing.T) {
	good := Config{Picture: "1280x720@30", Camera: "auto"}
	for flag, cs := range map[string][]Config{
		"--picture": {{Picture: "0x0@0"}, {Picture: "1280x720@30junk"}, {Picture: "1281x720@30"}, {Picture: "9999x9999@30"}, {Picture: "1280x720@500"}, {Picture: "-4x4@1"}, {Picture: ""}},
		"--layers": {{Picture: good.Picture, Layers: "small"}, {Picture: good.Picture, Layers: "1280x720@30:1800,"}, {Picture: good.Picture, Layers: "1920x1080@30:1800"},
			{Picture: good.Picture, Layers: "640x360@60:600"}, {Picture: good.Picture, Layers: "640x360@30:0"}},
	} {
		for _, c := range cs {
			if got, err := c.layers(); err == nil || !strings.Contains(err.Error(), flag) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%+v: %q, %v", c, got, err)
			}
		}
	}
	for camera, ok := range map[string]bool{"auto": true, "synthetic": true, "/dev/video7": true, "file:" + settings(t, ""): true, "webcam": false, "file:/none/such.y4m": false, "": false} {
		c := good
		c.Camera = camera
		if err := c.camera(); (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "--camera") {
			t.Errorf("%q: %v", camera, err)
		}
	}
}
