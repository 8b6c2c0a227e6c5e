package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// loadModules loads the modules in dir in the order that its file "order" has. A driver that finds nothing to drive, or
// that is there, is no error; another that cannot be loaded is said and passed over: whether it mattered shows when the
// root is looked for.
func loadModules(dir string) error {
	list, err := os.ReadFile(filepath.Join(dir, "order"))
	if err != nil {
		return fmt.Errorf("read which modules to load: %w", err)
	}
	for _, name := range strings.Fields(string(list)) {
		if err := load(filepath.Join(dir, name)); err != nil {
			say(4, fmt.Sprintf("kernel module %s cannot be loaded: %v", name, err))
		}
	}
	return nil
}

func load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return err
}
