package kit

import (
	"fmt"
	"image"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var (
	pictureForm = regexp.MustCompile(`^(\d{1,5})x(\d{1,5})@(\d{1,3})$`)
	layerForm   = regexp.MustCompile(`^(\d{1,5})x(\d{1,5})@(\d{1,3}):(\d{1,6})$`)
)

// numbers are a form's, all of few digits.
func numbers(form *regexp.Regexp, s string) (ns []int, ok bool) {
	m := form.FindStringSubmatch(s)
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

// picture is the size and rate of the large picture, within what the camera program takes.
func (c Config) picture() (size image.Point, rate int, err error) {
	n, ok := numbers(pictureForm, c.Picture)
	if !ok {
		return size, 0, fault("edgekit: --picture %q: expected WIDTHxHEIGHT@RATE, such as 1280x720@30", c.Picture)
	}
	if n[0] < 160 || n[1] < 90 || n[0] > 4096 || n[1] > 4096 || n[0]%2+n[1]%2 != 0 || n[2] < 1 || n[2] > 120 {
		return size, 0, fault("edgekit: --picture %q: expected even sides from 160x90 to 4096x4096, and a rate from 1 to 120", c.Picture)
	}
	return image.Pt(n[0], n[1]), n[2], nil
}

// layers are the encodings as edgecam's flag wants them: the picture at 1.8 Mbit/s a 720p picture's worth, and half of it.
func (c Config) layers() (string, error) {
	size, fps, err := c.picture()
	if err != nil {
		return "", err
	}
	if c.Layers == "" {
		kbps := max(200, 1800*size.X*size.Y*fps/(1280*720*30))
		return fmt.Sprintf("%dx%d@%d:%d,%dx%d@%d:%d", size.X, size.Y, fps, kbps, size.X/4*2, size.Y/4*2, fps, max(120, kbps/3)), nil
	}
	for _, layer := range strings.Split(c.Layers, ",") {
		n, ok := numbers(layerForm, layer)
		if !ok {
			return "", fault("edgekit: --layers %q: expected WIDTHxHEIGHT@RATE:KBPS, separated by commas, such as 1280x720@30:1800,640x360@30:600", c.Layers)
		}
		if n[0] < 16 || n[1] < 16 || n[0]%2+n[1]%2 != 0 || n[0] > size.X || n[1] > size.Y || n[2] < 1 || n[2] > fps || n[3] < 1 || n[3] > 100_000 {
			return "", fault("edgekit: --layers: %q: expected even sides within the picture's %s, no higher a rate, and 1 to 100000 kbit/s", layer, c.Picture)
		}
	}
	return c.Layers, nil
}

// camera checks what can be known of a camera before it is there: one that is plugged in later is no fault.
func (c Config) camera() error {
	path, isFile := strings.CutPrefix(c.Camera, "file:")
	switch {
	case isFile:
		if _, err := os.Stat(path); err != nil {
			return fault("edgekit: --camera: %v: expected file:PATH of a film or picture", err)
		}
	case c.Camera != "auto" && c.Camera != "synthetic" && !strings.HasPrefix(c.Camera, "/dev/"):
		return fault("edgekit: --camera %q: expected auto, synthetic, file:PATH or /dev/videoN", c.Camera)
	}
	return nil
}
