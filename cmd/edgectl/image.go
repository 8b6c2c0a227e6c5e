package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"edgekit.internal/cmd/edgectl/internal/flash"
)

type (
	imageVerb struct {
		Build buildVerb `cmd:"" help:"Make the image, in a checkout of edgekit: what make image does."`
		Flash flashVerb `cmd:"" help:"Write an image onto a card, and read it back. Everything on the card is lost."`
	}
	buildVerb struct {
		Instance     string `default:"edgekit" help:"Folder under gokrazy/ that says what is in the image."`
		Kernel       string `enum:"rpi,debian" default:"rpi" help:"rpi: the Raspberry Pi project's, for all boards. debian: Debian's, which drives Wi-Fi adapters on USB, for all but the Pi 5."`
		WifiFirmware string `default:"auto" placeholder:"auto|DIR|TAR" help:"Where the Pi's Wi-Fi firmware comes from: this machine, or a folder such as a Raspberry Pi OS card's /lib/firmware, or a tar."`
	}
	flashVerb struct {
		Image    string `arg:"" help:"The image, IMAGE.img.xz. With its .bmap beside it only what is in use is written."`
		Device   string `arg:"" help:"The card, such as /dev/sdX: a whole disk."`
		Yes      bool   `help:"Do not ask."`
		Settings string `placeholder:"FILE" help:"Put this edgekit.toml on the card's boot partition too."`

		in   io.Reader  // who confirms; nil: standard input
		host flash.Host // a test's
	}
)

// Run starts make in the checkout that the working folder is in.
func (v buildVerb) Run(_ *kit, p *printer) error {
	root, err := checkout()
	if err != nil {
		return err
	}
	firmware := v.WifiFirmware
	if firmware != "auto" && firmware != "none" {
		if firmware, err = filepath.Abs(firmware); err != nil {
			return err
		}
	}
	for _, name := range []string{v.Instance, firmware} {
		if strings.ContainsAny(name, "$'\"`\\ \t\n;&|<>()*?#") { // make and its shell would read it otherwise
			return fault{fmt.Errorf("%q: expected a name without spaces and signs", name)}
		}
	}
	c := exec.Command("make", "-C", root, "--no-print-directory", "image", "INSTANCE="+v.Instance, "KERNEL="+v.Kernel, "WIFI_FIRMWARE="+firmware)
	c.Stdout, c.Stderr = p.errs, p.errs
	if err := c.Run(); err != nil {
		return fmt.Errorf("the image was not built: %w", err)
	}
	name := v.Instance
	if v.Kernel == "debian" {
		name += "-debian"
	}
	image := filepath.Join(root, "bin", name+".img.xz")
	return p.table(map[string]string{"image": image}, nil, [][]string{{"image", image}})
}

// checkout is the project's folder around the working folder.
func checkout() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module edgekit.internal\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fault{fmt.Errorf("an image is built from edgekit's source, and %s is not in a checkout of it: change into one. A finished image is flashed from anywhere", start)}
		}
	}
}

func (v flashVerb) Run(_ *kit, p *printer) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	m, err := flash.MapBeside(v.Image)
	if err != nil {
		return fault{fmt.Errorf("%w: get the image's files again, or take the .bmap away to write the whole image", err)}
	}
	var also *cardSettings
	if v.Settings != "" {
		if also, err = newCardSettings(v.Settings); err != nil {
			return err
		}
	}
	image, closing, err := flash.Image(v.Image)
	if err != nil {
		return fault{err}
	}
	defer closing.Close()
	card, err := v.host.Inspect(v.Device)
	if err != nil {
		return err
	}
	if m != nil && m.Size > card.Size {
		return fault{fmt.Errorf("%s has %d MB, the image needs %d: use a larger card", card.Device, card.Size/1e6, m.Size/1e6)}
	}
	if err := v.confirm(p, card); err != nil {
		return err
	}
	if err := v.host.Still(card); err != nil {
		return err
	}
	if err := v.write(ctx, p, card, flash.Job{Image: image, Map: m, Size: card.Size}); err != nil {
		return err
	}
	if also != nil {
		if err := also.put(card); err != nil {
			return err
		}
	}
	return p.table(map[string]string{"card": card.Device, "state": "ready"}, nil, [][]string{{card.Device, "written and read back; take it out"}})
}

// write does the job on the card.
func (v flashVerb) write(ctx context.Context, p *printer, card flash.Card, job flash.Job) error {
	target, release, err := flash.Open(card)
	if err != nil {
		return err
	}
	defer release.Close()
	last := int64(-1)
	job.Card, job.Progress = target, func(step string, done, total int64) {
		if now := done >> 22; now != last || done == total { // every 4 MB
			last = now
			p.progress(step, done, total)
		}
	}
	if !p.json {
		defer fmt.Fprintln(p.errs)
	}
	if err := job.Run(ctx); err != nil {
		return err
	}
	flash.Settle(target)
	return nil
}

// confirm has a person type the card's name.
func (v flashVerb) confirm(p *printer, c flash.Card) error {
	model := c.Model
	if model == "" {
		model = "of unknown make"
	}
	if v.Yes {
		return nil
	}
	in := v.in
	if in == nil {
		in = os.Stdin
	}
	fmt.Fprintf(p.errs, "%s is %s, %.1f GB. Everything on it will be lost.\nType %s to go on: ", c.Device, model, float64(c.Size)/1e9, c.Name)
	line, err := bufio.NewReader(io.LimitReader(in, 256)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if got := strings.TrimSpace(line); got != c.Name && got != c.Device {
		return fault{errors.New("not confirmed: nothing was written. --yes does not ask")}
	}
	return nil
}

// progress is a line that writes over itself, or for programs one JSON object each.
func (p *printer) progress(step string, done, total int64) {
	if p.json {
		json.NewEncoder(p.errs).Encode(map[string]any{"step": step, "done": done, "total": total}) // a closed pipe ends nothing
		return
	}
	if total == 0 {
		fmt.Fprintf(p.errs, "\r%-6s %6d MB        ", step, done/1e6)
		return
	}
	fmt.Fprintf(p.errs, "\r%-6s %6d of %d MB, %3d %%", step, done/1e6, total/1e6, done*100/total)
}
