package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"edgekit.internal/image/pack/debian"
	"edgekit.internal/image/pack/kernel"
	"edgekit.internal/image/pack/wifi"
)

// e2fsckConf is for a board that starts in 1970: a file system from the future is none of a check's business.
const e2fsckConf = "[options]\n\tbroken_system_clock = true\n"

// addDebian puts Debian's programs, their libraries and the Wi-Fi regulatory database into the root, and what e2fsprogs
// reads there.
func (b *build) addDebian() (err error) {
	if b.debs, err = debian.Open(b.ctx, b.debCache()); err != nil {
		return err
	}
	if b.kernel == debianKernel {
		p, _, err := debian.Kernel(b.ctx, b.debCache())
		if err != nil {
			return err
		}
		b.debs = append(b.debs, p)
	}
	for _, p := range b.debs {
		for _, f := range p.Files {
			if err := b.addFile(f.Path, f.Data, f.Exec); err != nil {
				return err
			}
		}
	}
	return errors.Join(b.addFile("/etc/e2fsck.conf", []byte(e2fsckConf), false), b.addFile("/etc/mke2fs.conf", []byte(mke2fsConf), false))
}

// noFirmware says what a Pi without it can do, and where there is some.
const noFirmware = `image: WARNING: %v.
  The image is complete but for the Pi's own Wi-Fi: a kit from it has no access point, only its Ethernet.
  The firmware may be passed on, but is not Debian's main's to give. Any of these has it:
    a Raspberry Pi OS card's folder:    -wifi-firmware /media/…/rootfs/lib/firmware  (with LICENCE.cypress or copyright in it)
    Debian's non-free-firmware:         apt-get install firmware-brcm80211, then build again
`

// addFirmware puts the Wi-Fi chip's firmware into the root of an image for a Pi.
func (b *build) addFirmware() error {
	c, err := b.config()
	if err != nil {
		return err
	}
	if c.FirmwarePackage == "" || b.firmware == "none" {
		return nil
	}
	if err := b.adapterFirmware(); err != nil {
		return err
	}
	own, err := wifi.Open(b.firmware)
	if err != nil && b.firmware == "auto" {
		fmt.Printf(noFirmware, err)
		return nil
	}
	if err != nil {
		return err
	}
	if err := b.putFirmware(own); err != nil {
		return err
	}
	for _, boards := range own.Missing() {
		fmt.Printf("image: WARNING: there is no Wi-Fi firmware for these boards in %s: %s. Their kits have no access point.\n", b.firmware, boards)
	}
	return nil
}

// noAdapters says what an image with Debian's kernel lacks without adapters' firmware, and where there is some.
const noAdapters = `image: WARNING: %v.
  The image is complete, but a Wi-Fi adapter on USB starts only if it needs no firmware. Debian has it in non-free-firmware:
  apt-get install firmware-misc-nonfree firmware-realtek firmware-atheros, then build again; or -wifi-firmware DIR
`

// adapterFirmware puts the firmware of Wi-Fi adapters on USB into the root, if the image's kernel drives any.
func (b *build) adapterFirmware() error {
	if b.kernel != debianKernel {
		return nil
	}
	names, err := kernel.AdapterFirmware(b.at(kernelDir))
	if err != nil {
		return err
	}
	f, err := wifi.Adapters(b.firmware, names)
	if err != nil && (b.firmware == "auto" || errors.Is(err, wifi.ErrNoAdapters)) {
		fmt.Printf(noAdapters, err)
		return nil
	}
	if err != nil {
		return err
	}
	return b.putFirmware(f)
}

// putFirmware puts firmware into the root, and remembers it for the notices.
func (b *build) putFirmware(f *wifi.Firmware) error {
	for _, file := range f.Files {
		if err := b.addFile("/lib/firmware/"+file.Path, file.Data, false); err != nil {
			return err
		}
	}
	if b.wifi == nil {
		b.wifi = &wifi.Firmware{}
	}
	b.wifi.Files = append(b.wifi.Files, f.Files...)
	b.wifi.Licence += f.Licence
	return nil
}

func (b *build) debCache() string { return filepath.Join(b.cache, "debian") }

// addFile puts a file into the root. One that is there is somebody else's: an error.
func (b *build) addFile(path string, data []byte, exec bool) error {
	to, mode := filepath.Join(b.at("extra"), path), os.FileMode(0o644)
	if exec {
		mode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// The kernels that an image can have: the instance's own, of the Raspberry Pi project, and Debian's.
const (
	piKernel     = "rpi"
	debianKernel = "debian"
)

// kernelDir is where Debian's kernel lies in the instance's copy, as a Go package.
const kernelDir = "kernel"

// name is what the image is called.
func (b *build) name() string {
	if b.kernel == debianKernel {
		return b.instance + "-" + debianKernel
	}
	return b.instance
}

// layKernel makes Debian's kernel the instance's, if that is asked for.
func (b *build) layKernel() error {
	if b.kernel != debianKernel {
		return nil
	}
	p, deb, err := debian.Kernel(b.ctx, b.debCache())
	if err != nil {
		return err
	}
	tree := filepath.Join(b.cache, "kernel-"+p.SHA256[:12])
	if _, err := os.Stat(tree); err != nil {
		if err := kernel.Unpack(b.ctx, deb, tree); err != nil {
			return err
		}
	}
	program := b.at("initrd")
	if _, err := b.outputWith([]string{"GOOS=linux", "GOARCH=arm64"}, b.root, "go", "build", "-ldflags", "-s -w", "-o", program, "./image/initrd"); err != nil {
		return err
	}
	more, err := os.ReadFile(b.at("modules")) // what only this instance needs
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := kernel.Lay(b.ctx, kernel.Sources{Tree: tree, Init: program, Extra: string(more), Time: b.time()}, b.at(kernelDir)); err != nil {
		return err
	}
	c, err := os.ReadFile(b.at("config.json"))
	if err != nil {
		return err
	}
	own := regexp.MustCompile(`"KernelPackage": "[^"]*"`)
	if n := len(own.FindAll(c, -1)); n != 1 {
		return fmt.Errorf("gokrazy/%s/config.json names %d kernels, expected one", b.instance, n)
	}
	return os.WriteFile(b.at("config.json"), own.ReplaceAllLiteral(c, []byte(`"KernelPackage": "`+kernel.Package+`"`)), 0o644)
}

func rewritePins(ctx context.Context, instance string) error {
	b, err := open(ctx, instance, piKernel, "", "")
	if err != nil {
		return err
	}
	text, err := debian.Repin(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(b.src("image/pack/debian/pins"), text, 0o644)
}
