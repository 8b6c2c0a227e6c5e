package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"edgekit.internal/image/pack/kernel"
)

// config is what pack has to know of an instance's config.json.
type config struct {
	Packages, GokrazyPackages      []string
	KernelPackage, FirmwarePackage string
}

func (b *build) config() (c config, err error) {
	path := "gokrazy/" + b.instance + "/config.json"
	text, err := os.ReadFile(b.src(path))
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if c.KernelPackage == "" {
		return c, fmt.Errorf("%s: KernelPackage: expected one by name", path)
	}
	if b.kernel == debianKernel {
		c.KernelPackage = kernel.Package
	}
	return c, nil
}

// all is every Go package that gok asks for.
func (c config) all() []string {
	list := append([]string{"github.com/gokrazy/gokrazy"}, c.Packages...)
	return append(list, append(c.GokrazyPackages, c.blobs()...)...)
}

// blobs are the modules that are in the image as files, not as programs.
func (c config) blobs() []string {
	list := []string{c.KernelPackage}
	if c.FirmwarePackage != "" {
		list = append(list, c.FirmwarePackage)
	}
	return list
}

// noteModules keeps version and checksum of the modules that are no programs, for the parts list. list has a line
// "path version folder" for each package.
func (b *build) noteModules(c config, list, sums string) error {
	b.mods = nil
	for _, path := range c.blobs() {
		if path == kernel.Package {
			continue // it is Debian's, and pinned there
		}
		m := module{path: path}
		for line := range strings.Lines(list) {
			if f := strings.Fields(line); len(f) > 1 && f[0] == path {
				m.version = f[1]
			}
		}
		for line := range strings.Lines(sums) {
			if f := strings.Fields(line); len(f) == 3 && f[0] == path && f[1] == m.version {
				m.sum = f[2]
			}
		}
		if m.version == "" || m.sum == "" {
			return fmt.Errorf("%s is not pinned in gokrazy/%s/builddir", path, b.instance)
		}
		b.mods = append(b.mods, m)
	}
	return nil
}
