package kit

import (
	"bytes"
	"fmt"
	"image"
	_ "image/jpeg" // logos
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"edgekit.internal/capture/alsa"
	"edgekit.internal/cmd/edgekit/internal/remote"
	"edgekit.internal/cmd/internal/settings"
	"edgekit.internal/drivers/thermal"
	"edgekit.internal/pipeline/catalog"
)

// Config is all that can be set: by flags, or in edgekit.toml under the same names. Flags win.
type Config struct {
	settings.Settings
	Config  string `help:"Settings file (TOML)."`
	Boot    string `name:"boot-settings" placeholder:"NAME" help:"Settings file on an SD card's boot partition; the last good one is kept in the data folder."`
	Screen  string `placeholder:"DEVICE,…" help:"Screens of the kit's own that show the addresses and the pairing code too, such as /dev/tty1."`
	Modules string `default:"auto" enum:"auto,none" help:"Kernel modules: auto loads what devices need where no udev does, none leaves them alone."`
	PushTo  string `name:"push" placeholder:"URL" help:"A WHIP server that viewers elsewhere watch by; as url below [push]."`
	Token   string `name:"push-token-file" placeholder:"FILE" help:"File with the token by which it knows the kit: a token in a flag would be seen by others."`
	Schema  bool   `name:"settings-schema" help:"Print the settings file's JSON Schema, and end."`
}

// Fault is something the person who started the program can mend: a flag, a file, a port. Its text is one line that
// says where, and what was expected.
type Fault struct{ Text string }

// Error is the line.
func (f Fault) Error() string { return f.Text }

func fault(format string, args ...any) error {
	return Fault{strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")}
}

// Parse reads flags, and what they leave open from a settings file, which may be nil. An error is a Fault, or from -h, whose
// text is on its way to standard output already.
func Parse(args []string, file *settings.File) (c Config, help bool, err error) {
	options := []kong.Option{kong.Name("edgekit"), kong.Description("The kit's daemon: pictures, taps, slips."),
		kong.Exit(func(int) { help = true }), kong.Writers(os.Stdout, os.Stderr)}
	sections := settings.Default()
	if file != nil {
		sections = file.Settings
	}
	c.Overlay, c.Press, c.Scanner, c.Push, c.Pay, c.Wifi = sections.Overlay, sections.Press, sections.Scanner, sections.Push, sections.Pay, sections.Wifi
	if file != nil {
		options = append(options, kong.Resolvers(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
			if v := file.Values[f.Name]; v != nil {
				return fmt.Sprint(v), nil
			}
			return nil, nil
		})))
	}
	parser, err := kong.New(&c, options...)
	if err != nil {
		return c, false, err
	}
	if _, err := parser.Parse(twoDashes(args)); err != nil && !help {
		return c, false, fault("edgekit: %v", err)
	}
	return c, help, nil
}

// twoDashes lets every flag be written with one dash, as this program's documents do, or with two.
func twoDashes(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if len(a) > 2 && a[0] == '-' && a[1] != '-' {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

// picture is the size and rate of the large picture, within what the camera program takes.
func (c Config) picture() (image.Point, int, error) {
	size, rate, err := c.PictureSize()
	if err != nil {
		return size, rate, fault("edgekit: --picture %q: %v", c.Picture, err)
	}
	return size, rate, nil
}

// layers are the encodings as edgecam's flag wants them.
func (c Config) layers() (string, error) {
	if _, _, err := c.picture(); err != nil {
		return "", err
	}
	layers, err := c.Encodings()
	if err != nil {
		return "", fault("edgekit: --layers: %v", err)
	}
	return layers, nil
}

// camera checks what can be known of a camera before it is there: one that is plugged in later is no fault.
func (c Config) camera() error {
	path, named := strings.CutPrefix(c.Camera, "file:")
	switch {
	case named:
		if err := isFile(path); err != nil {
			return fault("edgekit: --camera: %v: expected file:PATH of a film or picture", err)
		}
	case c.Camera != "auto" && c.Camera != "synthetic" && !strings.HasPrefix(c.Camera, "/dev/"):
		return fault("edgekit: --camera %q: expected auto, synthetic, file:PATH or /dev/videoN", c.Camera)
	}
	return nil
}

// microphones checks what can be known of a microphone before it is there.
func (c Config) microphones() error {
	if c.Microphone == "auto" || c.Microphone == "none" || c.Microphone == "synthetic" {
		return nil
	}
	if _, err := alsa.Path(c.Microphone); err != nil {
		return fault("edgekit: --microphone %q: expected auto, none, synthetic or hw:CARD,DEVICE", c.Microphone)
	}
	return nil
}

// isFile is why there is no file at a path; nil: there is.
func isFile(path string) error {
	is, err := os.Stat(path)
	if err == nil && is.IsDir() {
		err = fmt.Errorf("%s is a folder", path)
	}
	return err
}

// names checks the stall's name, which a flag may have left empty, and the rates of taxes.
func (c Config) names() error {
	if _, err := catalog.ParseTaxes(c.Taxes); err != nil {
		return prefixed("taxes", err)
	}
	if strings.TrimSpace(c.Stall) == "" {
		return fault("edgekit: --stall %q: expected a name of 1 to 100 characters", c.Stall)
	}
	return nil
}

// fonts checks that the folders that are named are there. Of those that are looked at by themselves none need be.
func (c Config) fonts() error {
	if c.Fonts == "" {
		return nil
	}
	for _, dir := range c.fontDirs() {
		is, err := os.Stat(dir)
		if err == nil && !is.IsDir() {
			err = fmt.Errorf("%s is a file", dir)
		}
		if err != nil {
			return fault("edgekit: --fonts %q: %v: expected folders with Noto fonts, separated by commas", c.Fonts, err)
		}
	}
	return nil
}

// program checks that the camera program can be run.
func (c Config) program() error {
	err := isFile(c.edgecam())
	if is, e := os.Stat(c.edgecam()); err == nil && e == nil && is.Mode()&0o111 == 0 {
		err = fmt.Errorf("%s is no program", c.edgecam())
	}
	if err != nil {
		return fault("edgekit: --edgecam: %v: expected the camera program, which `make build` puts beside this one", err)
	}
	return nil
}

// microphone is which one the camera program is to use. A stall that is made up is heard too.
func (c Config) microphone() string {
	if c.Microphone == "auto" && c.Camera == "synthetic" {
		return "synthetic"
	}
	return c.Microphone
}

// look is how much of a processor core the camera program may take to read products' codes, in percent.
func (c Config) look() string {
	if c.HeldUp == "off" {
		return "0"
	}
	return "10"
}

// server is where the stream goes to, and with which token; "": nowhere.
func (c Config) server() (url, token string, err error) {
	url, token = c.Push.URL, c.Push.Token
	if c.PushTo != "" && c.PushTo != url {
		url, token = c.PushTo, "" // another server is not told this one's
	}
	if c.Token != "" {
		if token, err = remote.ReadToken(c.Token); err != nil {
			return "", "", fault("edgekit: --push-token-file: %v", err)
		}
	}
	if url == "" && token != "" {
		return "", "", fault("edgekit: --push-token-file: expected --push URL too")
	}
	return url, token, nil
}

// mostLogo bounds a logo: bytes of its file, and dots of a side.
const (
	mostLogo     = 2 << 20
	mostLogoSide = 4096
)

// logo is the picture at the head of slips, nil where there is to be none.
func (c Config) logo(p thermal.Profile) (*thermal.Picture, error) {
	if c.Logo == "" {
		return nil, nil
	}
	const expected = "expected a picture, PNG or JPEG, of at most 2 MB and 4096 by 4096 dots"
	f, err := os.Open(c.Logo)
	if err != nil {
		return nil, fault("edgekit: --logo: %v: %s", err, expected)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostLogo+1))
	if err != nil || len(text) > mostLogo {
		return nil, fault("edgekit: --logo %s: %s (%v)", c.Logo, expected, err)
	}
	head, _, err := image.DecodeConfig(bytes.NewReader(text))
	if err != nil || head.Width > mostLogoSide || head.Height > mostLogoSide {
		return nil, fault("edgekit: --logo %s: %s (%v)", c.Logo, expected, err)
	}
	img, _, err := image.Decode(bytes.NewReader(text))
	if err != nil {
		return nil, fault("edgekit: --logo %s: %v: %s", c.Logo, err, expected)
	}
	return thermal.NewPicture(img, p.Dots), nil
}

// fontDirs are where fonts are looked for.
func (c Config) fontDirs() []string {
	if c.Fonts != "" {
		return strings.Split(c.Fonts, ",")
	}
	return []string{filepath.Join(besideMe(), "fonts"), "/usr/share/fonts/truetype/noto"}
}

func besideMe() string {
	exe, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(exe)
}

// edgecam is the camera program's path.
func (c Config) edgecam() string {
	if c.Edgecam != "" {
		return c.Edgecam
	}
	return filepath.Join(besideMe(), "edgecam")
}
