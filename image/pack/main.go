// Pack makes the SD image of a gokrazy instance from pinned inputs:
//
//	go run ./image/pack -instance edgekit -out bin
//
// Two builds of one commit are the same bytes: every time in the image is the commit's, or SOURCE_DATE_EPOCH. What it
// needs in between is kept in .cache/image.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"edgekit.internal/image/pack/debian"
	"edgekit.internal/image/pack/licence"
	"edgekit.internal/image/pack/wifi"
)

// build is one run: an instance, and where everything is.
type build struct {
	ctx      context.Context
	root     string // the project
	cache    string // root/.cache/image
	instance string // folder name under gokrazy/
	kernel   string // rpi, the instance's own, or debian
	work     string // the instance's copy, which gok works on; always as deep below root, see instance.go
	out      string
	key      string   // file of the key that updates are signed with
	stamp    int64    // every time in the image
	env      []string // of every program that is started
	gok      string   // the built gok
	mods     []module // modules that end up in the image without being in a Go program
	modList  string   // a line "path version folder" for each package of gok's programs
	debs     []debian.Package
	licences []licence.Part
	firmware string         // where the Wi-Fi chip's comes from, see wifi.Open
	wifi     *wifi.Firmware // nil: none
}

func main() {
	instance := flag.String("instance", "edgekit", "folder under gokrazy/ that says what is in the image")
	out := flag.String("out", "bin", "where the image goes; empty: leave it, uncompressed, in .cache/image")
	key := flag.String("update-key", "", "file of the key that updates are signed with, made if there is none; empty: update.key in your own folder of settings for edgekit")
	kernel := flag.String("kernel", piKernel, "rpi: the Raspberry Pi project's, for all boards; debian: Debian's, which drives Wi-Fi adapters on USB, for all but the Pi 5")
	firmware := flag.String("wifi-firmware", "auto", "the Pi's Wi-Fi firmware: auto is this machine's own if it has one; a folder, such as a Raspberry Pi OS card's /lib/firmware, or a tar; none")
	repin := flag.Bool("repin", false, "take Debian's newest versions of the image's packages, rewrite image/pack/debian/pins, and build nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	do := func() error { return run(ctx, *instance, *kernel, *out, *key, *firmware) }
	if *repin {
		do = func() error { return rewritePins(ctx, *instance) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, instance, kernel, out, key, firmware string) error {
	b, err := open(ctx, instance, kernel, out, key)
	if err != nil {
		return err
	}
	b.firmware = firmware
	type step struct {
		name string
		do   func() error
	}
	steps := []step{
		{"gokrazy's packer", b.buildGok},
		{"programs and fonts", b.fillInstance},
		{"Debian's programs", b.addDebian},
		{"Wi-Fi firmware", b.addFirmware},
		{"licence notices", b.addNotices},
		{"root and boot files", b.makeDisk},
		{"boot partition with room for settings", b.remakeBoot},
		{"data partition", b.makePerm},
		{"signed update", b.makeUpdate},
	}
	if out != "" {
		steps = append(steps, step{"compressed, with map, parts list and checksums", b.ship})
	}
	for _, step := range steps {
		start := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		fmt.Printf("  %-48s %5.1f s\n", step.name, time.Since(start).Seconds())
	}
	return b.report()
}

func (b *build) disk() string           { return filepath.Join(b.work, "disk.img") }
func (b *build) at(name string) string  { return filepath.Join(b.work, name) }
func (b *build) src(name string) string { return filepath.Join(b.root, name) }
