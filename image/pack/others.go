package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"edgekit.internal/image/pack/debian"
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
	b.wifi, err = wifi.Open(b.firmware)
	if err != nil && b.firmware == "auto" {
		fmt.Printf(noFirmware, err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, f := range b.wifi.Files {
		if err := b.addFile("/lib/firmware/"+f.Path, f.Data, false); err != nil {
			return err
		}
	}
	for _, boards := range b.wifi.Missing() {
		fmt.Printf("image: WARNING: there is no Wi-Fi firmware for these boards in %s: %s. Their kits have no access point.\n", b.firmware, boards)
	}
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

func rewritePins(ctx context.Context, instance string) error {
	b, err := open(ctx, instance, "", "")
	if err != nil {
		return err
	}
	text, err := debian.Repin(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(b.src("image/pack/debian/pins"), text, 0o644)
}
