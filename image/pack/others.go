package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"edgekit.internal/image/pack/debian"
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
	b, err := open(ctx, instance, "")
	if err != nil {
		return err
	}
	text, err := debian.Repin(ctx)
	if err != nil {
		return err
	}
	return os.WriteFile(b.src("image/pack/debian/pins"), text, 0o644)
}
