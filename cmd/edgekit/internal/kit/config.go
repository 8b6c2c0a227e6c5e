package kit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/pelletier/go-toml/v2"
)

// Config is all that can be set: by flags, or in edgekit.toml under the same names. Flags win.
type Config struct {
	Listen   string `default:":8080" help:"Visitors' address: HTTP, and the same UDP port for pictures." toml:"listen"`
	Operator string `default:"127.0.0.1:8081" help:"Operators' address. HTTPS unless it is loopback." toml:"operator"`
	Data     string `default:"edgekit-data" help:"Folder for everything that must outlive a restart." toml:"data"`
	Config   string `help:"Settings file (TOML)." toml:"-"`
	Boot     string `name:"boot-settings" placeholder:"NAME" help:"Settings file on an SD card's boot partition; the last good one is kept in the data folder." toml:"-"`
	Camera   string `default:"auto" help:"auto, synthetic, file:PATH or /dev/videoN." toml:"camera"`
	Printer  string `default:"auto" help:"auto, virtual, none, usb:PATH, serial:PATH or tcp:HOST:PORT." toml:"printer"`
	Paper    string `default:"80" enum:"58,80" help:"Width of the printer's paper in mm: ${enum}." toml:"paper"`
	Buttons  string `default:"auto" enum:"auto,virtual,none" help:"Buttons: ${enum}." toml:"buttons"`
	Catalog  string `help:"Catalogue (JSON) to sell from; imported when it changed." toml:"catalog"`
	Picture  string `default:"1280x720@30" help:"Size and rate of the large picture." toml:"picture"`
	Layers   string `help:"Encodings, such as 1280x720@30:1800,640x360@30:600 (kbit/s). Default: the picture and half of it." toml:"layers"`
	Fonts    string `help:"Folders with Noto fonts, separated by commas. Default: fonts beside the program, then the system's." toml:"fonts"`
	Edgecam  string `help:"The camera program. Default: edgecam beside this program." toml:"edgecam"`
	Screen   string `placeholder:"DEVICE,…" help:"Screens of the kit's own that show the addresses and the pairing code too, such as /dev/tty1." toml:"-"`
	Modules  string `default:"auto" enum:"auto,none" help:"Kernel modules: auto loads what devices need where no udev does, none leaves them alone." toml:"modules"`
	Stall    string `default:"edgekit" help:"Name of the stall, printed on slips." toml:"stall"`
}

// Fault is something the person who started the program can mend: a flag, a file, a port. Its text is one line that
// says where, and what was expected.
type Fault struct{ Text string }

// Error is the line.
func (f Fault) Error() string { return f.Text }

func fault(format string, args ...any) error {
	return Fault{strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", "; ")}
}

// Parse reads flags, and the settings file if one is named. An error is a Fault, or from -h, whose text is on its way
// to standard output already.
func Parse(args []string) (c Config, help bool, err error) {
	parser, err := kong.New(&c, kong.Name("edgekit"), kong.Description("The kit's daemon: pictures, taps, slips."),
		kong.Exit(func(int) { help = true }), kong.Writers(os.Stdout, os.Stderr))
	if err != nil {
		return c, false, err
	}
	var file string
	args = twoDashes(args)
	for i, a := range args {
		if v, ok := strings.CutPrefix(a, "--config="); ok {
			file = v
		} else if a == "--config" && i+1 < len(args) {
			file = args[i+1]
		}
	}
	var set []kong.Option
	if file != "" {
		values, err := readTOML(file)
		if err != nil {
			return c, false, err
		}
		set = append(set, kong.Resolvers(values))
		if parser, err = kong.New(&c, append(set, kong.Name("edgekit"), kong.Exit(func(int) { help = true }))...); err != nil {
			return c, false, err
		}
	}
	if _, err := parser.Parse(args); err != nil && !help {
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

// readTOML reads a settings file, strictly: a key that means nothing is an error with its line.
func readTOML(path string) (kong.Resolver, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fault("edgekit: settings: %v", err)
	}
	var known Config
	d := toml.NewDecoder(strings.NewReader(string(b))).DisallowUnknownFields()
	if err := d.Decode(&known); err != nil {
		var at *toml.DecodeError
		var unknown *toml.StrictMissingError
		switch {
		case errors.As(err, &unknown) && len(unknown.Errors) > 0:
			line, column := unknown.Errors[0].Position()
			return nil, fault("%s:%d:%d: unknown key %q: expected a flag's name, see edgekit -help", path, line, column, strings.Join(unknown.Errors[0].Key(), "."))
		case errors.As(err, &at):
			line, column := at.Position()
			return nil, fault("%s:%d:%d: %s: %s", path, line, column, strings.Join(at.Key(), "."), strings.TrimPrefix(at.Error(), "toml: "))
		}
		return nil, fault("%s: %v", path, err)
	}
	var values map[string]any
	if err := toml.Unmarshal(b, &values); err != nil {
		return nil, fault("%s: %v", path, err)
	}
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) { return values[f.Name], nil }), nil
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
