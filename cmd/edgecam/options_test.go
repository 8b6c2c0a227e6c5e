package main

import (
	"image"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgekit.internal/capture"
	"edgekit.internal/cmd/edgecam/internal/source"
)

func TestFlagsHaveUsableDefaults(t *testing.T) {
	o, err := parse(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []capture.Layer{{ID: 0, Width: 1280, Height: 720, FPS: 30, Kbps: 1797}, {ID: 1, Width: 640, Height: 360, FPS: 30, Kbps: 601}}
	if d := cmp.Diff(want, o.layers); d != "" || o.want.Camera != "auto" || o.link != 3 {
		t.Errorf("%+v %s", o, d)
	}
	o, err = parse([]string{"-fonts", "a,b", "-layers", "1280x720@30:1800,640x360@15:500", "-camera", "/dev/video2"})
	if err != nil || len(o.fonts) != 2 || o.layers[1] != (capture.Layer{ID: 1, Width: 640, Height: 360, FPS: 15, Kbps: 500}) {
		t.Errorf("%+v, %v", o, err)
	}
}

func TestBadFlagsAreRefusedInOneLine(t *testing.T) {
	for args, want := range map[string]string{
		"-width 1281":                        "-width 1281",
		"-width 64":                          "expected even numbers",
		"-fps 0":                             "-fps 0",
		"-framing cat":                       "expected face, product or none",
		"-mains 55":                          "expected 50, 60 or 0",
		"-link 1":                            "-link 1",
		"-camera webcam":                     "expected auto, synthetic",
		"-camera file:":                      "expected auto, synthetic",
		"-look 101":                          "0 to 100 percent",
		"-microphone default":                "expected auto, none, synthetic",
		"-microphone hw:x":                   "expected hw:CARD,DEVICE",
		"-nope":                              "-nope",
		"stray":                              `"stray"`,
		"-layers 640x360":                    "WIDTHxHEIGHT@FPS:KBPS",
		"-layers 640x360@30:x":               "expected numbers",
		"-layers 641x360@30:1":               "even sides",
		"-layers 1920x1080@30:1":             "no more than the picture's 1280x720",
		"-layers 640x360@60:1":               "camera's 30",
		"-layers 640x360@30:0":               "kbit/s",
		"-layers 320x180@30:1,640x360@30:1":  "largest first",
		"-layers " + strings.Repeat("x,", 9): "at most 8",
	} {
		if _, err := parse(strings.Fields(args)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, expected a line with %q", args, err, want)
		}
	}
}

func FuzzParseLayers(f *testing.F) {
	f.Add("1280x720@30:1800,640x360@30:600")
	f.Add("@:x,,")
	f.Fuzz(func(t *testing.T, s string) {
		layers, err := parseLayers(s, source.Want{Size: image.Pt(1280, 720), FPS: 30})
		if err != nil {
			return
		}
		for i, l := range layers {
			if int(l.ID) != i || l.Width < 16 || l.Width > 1280 || l.Height < 16 || l.Height > 720 || l.FPS < 1 || l.FPS > 30 || l.Kbps < 1 {
				t.Fatalf("%q: %+v", s, l)
			}
		}
	})
}
