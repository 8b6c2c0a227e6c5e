package main

import (
	"errors"
	"flag"
	"fmt"
	"image"
	"io"
	"strconv"
	"strings"
	"sync"

	"edgekit.internal/capture"
	"edgekit.internal/capture/camlink"
	"edgekit.internal/capture/v4l2"
	"edgekit.internal/cmd/edgecam/internal/hear"
	"edgekit.internal/cmd/edgecam/internal/openh264"
	"edgekit.internal/cmd/edgecam/internal/source"
)

// options are what the flags say.
type options struct {
	want   source.Want
	open   func() (source.Camera, error)
	choice source.Choice
	layers []capture.Layer
	fonts  []string
	link   int
	look   int // percent of a core
	crash  string

	microphone func() (hear.Microphone, error) // nil: none is wanted
	better     func() bool
}

// parse reads the flags. An error is one line that says which flag, and what was expected.
func parse(args []string) (options, error) {
	h264 := &v4l2.H264{New: func() v4l2.Decoder { return openh264.NewDecoder() }, Takes: sync.OnceValue(openh264.Takes)}
	o := options{want: source.Want{Pace: new(capture.Pace), H264: h264}}
	var layers, fonts, preset, microphone string
	f := flag.NewFlagSet("edgecam", flag.ContinueOnError)
	f.SetOutput(io.Discard) // the error says it all
	f.StringVar(&o.want.Camera, "camera", "auto", "auto, synthetic, file:PATH or /dev/videoN")
	f.StringVar(&microphone, "microphone", "auto", "auto, none, synthetic or hw:CARD,DEVICE")
	f.IntVar(&o.want.Size.X, "width", 1280, "pixels, even")
	f.IntVar(&o.want.Size.Y, "height", 720, "pixels, even")
	f.IntVar(&o.want.FPS, "fps", 30, "pictures a second")
	f.StringVar(&preset, "framing", string(v4l2.PresetNone), "face, product or none: how the camera's own controls are set")
	f.IntVar(&o.want.Tuning.Mains, "mains", 0, "50 or 60 Hz: of the lamps; 0: as the camera likes")
	f.StringVar(&fonts, "fonts", "/usr/share/fonts/truetype/noto", "folders with Noto fonts, separated by commas")
	f.StringVar(&layers, "layers", "", "WIDTHxHEIGHT@FPS:KBPS, separated by commas, largest first; none: the full picture and half of it")
	f.IntVar(&o.look, "look", 0, "percent of one core, at most, for reading the codes of products in the picture; 0: none are read")
	f.IntVar(&o.link, "link", 3, "file descriptor of the socket to the daemon")
	f.StringVar(&o.crash, "crashes", "", "folder for a report, should this program crash; none: none")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			var help strings.Builder
			help.WriteString("usage, as started by edgekit:\n")
			f.SetOutput(&help)
			f.PrintDefaults()
			return o, errors.New(help.String())
		}
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("argument %q, expected only flags", f.Arg(0))
	}
	o.fonts = strings.FieldsFunc(fonts, func(r rune) bool { return r == ',' })
	if s := o.want.Size; s.X < 160 || s.Y < 90 || s.X > 4096 || s.Y > 4096 || s.X%2+s.Y%2 != 0 {
		return o, fmt.Errorf("-width %d -height %d, expected even numbers from 160x90 to 4096x4096", s.X, s.Y)
	}
	if o.want.FPS < 1 || o.want.FPS > 120 {
		return o, fmt.Errorf("-fps %d, expected 1 to 120", o.want.FPS)
	}
	switch o.want.Tuning.Preset = v4l2.Preset(preset); o.want.Tuning.Preset {
	case v4l2.PresetFace, v4l2.PresetProduct, v4l2.PresetNone:
	default:
		return o, fmt.Errorf("-framing %q, expected face, product or none", preset)
	}
	if m := o.want.Tuning.Mains; m != 0 && m != 50 && m != 60 {
		return o, fmt.Errorf("-mains %d, expected 50, 60 or 0", m)
	}
	if o.look < 0 || o.look > 100 {
		return o, fmt.Errorf("-look %d, expected 0 to 100 percent of one core", o.look)
	}
	if o.link < 3 {
		return o, fmt.Errorf("-link %d, expected the file descriptor of a socket, 3 or more", o.link)
	}
	var err error
	if o.open, o.choice, err = source.Opener(o.want); err != nil {
		return o, fmt.Errorf("-camera: %w", err)
	}
	if o.microphone, o.better, err = hear.Opener(microphone); err != nil {
		return o, fmt.Errorf("-microphone: %w", err)
	}
	if o.layers, err = parseLayers(layers, o.want); err != nil {
		return o, fmt.Errorf("-layers %w", err)
	}
	return o, nil
}

// parseLayers reads such as "1280x720@30:1800,640x360@30:600".
func parseLayers(s string, want source.Want) ([]capture.Layer, error) {
	if s == "" {
		return usualLayers(want), nil
	}
	parts := strings.Split(s, ",")
	if len(parts) > camlink.MaxLayers {
		return nil, fmt.Errorf("with %d layers, expected at most %d", len(parts), camlink.MaxLayers)
	}
	var out []capture.Layer
	for i, part := range parts {
		l, err := parseLayer(part)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		l.ID = uint8(i)
		switch {
		case l.Width < 16 || l.Height < 16 || l.Width%2+l.Height%2 != 0:
			err = errors.New("expected even sides of 16 or more")
		case l.Width > want.Size.X || l.Height > want.Size.Y:
			err = fmt.Errorf("expected no more than the picture's %dx%d", want.Size.X, want.Size.Y)
		case l.FPS < 1 || l.FPS > want.FPS:
			err = fmt.Errorf("expected 1 to the camera's %d pictures a second", want.FPS)
		case l.Kbps < 1 || l.Kbps > 100_000:
			err = errors.New("expected 1 to 100000 kbit/s")
		case i > 0 && l.Width > out[i-1].Width:
			err = errors.New("expected the largest first")
		}
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		out = append(out, l)
	}
	return out, nil
}

func parseLayer(s string) (l capture.Layer, err error) {
	size, rates, ok := strings.Cut(s, "@")
	w, h, ok2 := strings.Cut(size, "x")
	fps, kbps, ok3 := strings.Cut(rates, ":")
	if !ok || !ok2 || !ok3 {
		return l, errors.New("expected WIDTHxHEIGHT@FPS:KBPS")
	}
	for i, v := range []*int{&l.Width, &l.Height, &l.FPS, &l.Kbps} {
		n, e := strconv.ParseUint([]string{w, h, fps, kbps}[i], 10, 31)
		if e != nil {
			return l, errors.New("expected numbers in WIDTHxHEIGHT@FPS:KBPS")
		}
		*v = int(n)
	}
	return l, nil
}

// usualLayers are the full picture and one of half its sides, at bit rates that look alike: about 0.065 bit a pixel, more for the
// small one, whose pixels each show more.
func usualLayers(want source.Want) []capture.Layer {
	layer := func(id uint8, size image.Point, milliBits int) capture.Layer {
		kbps := size.X * size.Y * want.FPS / 1000 * milliBits / 1000
		return capture.Layer{ID: id, Width: size.X, Height: size.Y, FPS: want.FPS, Kbps: max(100, kbps)}
	}
	half := image.Pt(want.Size.X/4*2, want.Size.Y/4*2)
	return []capture.Layer{layer(0, want.Size, 65), layer(1, half, 87)}
}
