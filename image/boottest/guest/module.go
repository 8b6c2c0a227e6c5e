package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// insert loads a module with these settings, and what it needs (modules.dep(5)). The kit's own loader gives none settings.
func insert(module, settings string) error {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return err
	}
	dir := "/lib/modules/" + unix.ByteSliceToString(u.Release[:])
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		path, needs, _ := strings.Cut(strings.TrimSpace(line), ":")
		name, _, _ := strings.Cut(filepath.Base(path), ".ko")
		if strings.ReplaceAll(name, "-", "_") != module {
			continue
		}
		for _, need := range slices.Backward(strings.Fields(needs)) {
			if err := put(filepath.Join(dir, need), ""); err != nil {
				return err
			}
		}
		return put(filepath.Join(dir, path), settings)
	}
	return fmt.Errorf("no module %s in this image", module)
}

func put(path, settings string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), settings, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("load %s: %w", filepath.Base(path), err)
	}
	return nil
}

// camera makes one that is like a webcam: one input, no television, radio or touch screen beside it.
func camera(ctx context.Context) error {
	if err := insert("vivid", "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0"); err != nil {
		return err
	}
	return until(ctx, "/dev/video0", func() bool { _, err := os.Stat("/dev/video0"); return err == nil })
}
