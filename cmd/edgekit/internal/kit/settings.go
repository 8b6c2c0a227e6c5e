package kit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"edgekit.internal/hardware/bootfs"
)

// lastGood is the copy in the data folder of the settings a kit last started with. Written by keep alone, replaced as a
// whole: a crash leaves the old one or the new one.
const lastGood = "edgekit.toml"

// OpenArgs is Parse and Open. Where settings come from the boot partition, a file that is no good is refused whole: the
// last good one stays, and the reason is logged.
func OpenArgs(args []string, log *slog.Logger, said io.Writer) (k *Kit, help bool, err error) {
	return openArgs(args, log, said, bootfs.Read)
}

func openArgs(args []string, log *slog.Logger, said io.Writer, read func(name string) ([]byte, error)) (k *Kit, help bool, err error) {
	c, help, err := Parse(args)
	if err != nil || help {
		return nil, help, err
	}
	if c.Boot == "" {
		k, err = Open(c, log, said)
		return k, false, err
	}
	good := filepath.Join(c.Data, lastGood)
	text, err := read(c.Boot)
	switch {
	case err == nil:
		if k, err = openWith(args, text, c.Boot, log, said); err == nil {
			if err := keep(good, text); err != nil {
				log.Warn("settings are used, and could not be kept", "err", err)
			}
			return k, false, nil
		}
		log.Error("settings on the boot partition are refused, the last good ones stay", "err", err)
	case !errors.Is(err, fs.ErrNotExist):
		log.Error("no settings from the boot partition, the last good ones stay", "err", err)
	}
	if text, err = os.ReadFile(good); err == nil {
		if k, err = openWith(args, text, lastGood, log, said); err == nil {
			return k, false, nil
		}
	}
	if !errors.Is(err, fs.ErrNotExist) {
		log.Error("the last good settings are of no use, going without", "err", err)
	}
	k, err = Open(c, log, said)
	return k, false, err
}

// openWith opens a kit with settings from a text, which its errors call name.
func openWith(args []string, text []byte, name string, log *slog.Logger, said io.Writer) (*Kit, error) {
	dir, err := os.MkdirTemp("", "settings")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // in memory, and read by now
	path := filepath.Join(dir, filepath.Base(name))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, err
	}
	c, _, err := Parse(append([]string{"--config", path}, args...))
	var k *Kit
	if err == nil {
		k, err = Open(c, log, said)
	}
	if f := (Fault{}); errors.As(err, &f) {
		err = Fault{strings.ReplaceAll(f.Text, path, name)}
	}
	return k, err
}

// keep replaces a file durably, unless it holds the text already.
func keep(path string, text []byte) (err error) {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("keep settings: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
