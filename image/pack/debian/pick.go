package debian

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// libraries are the folders that Debian's arm64 loader searches, in order.
var libraries = []string{"/usr/lib/aarch64-linux-gnu", "/usr/lib"}

// Open unpacks what the image has of the pinned packages, and gives them by name.
func Open(ctx context.Context, cache string) ([]Package, error) {
	pins, err := Pins()
	if err != nil {
		return nil, err
	}
	pins, _ = split(pins)
	debs, err := Fetch(ctx, cache, pins)
	if err != nil {
		return nil, err
	}
	var all []*unpacked
	for _, p := range pins {
		u, err := unpack(ctx, debs[p])
		if err != nil {
			return nil, err
		}
		if u.pin.Name != p.Name || u.pin.Version != p.Version {
			return nil, fmt.Errorf("debian: pins: %s %s is %s %s by its SHA-256", p.Name, p.Version, u.pin.Name, u.pin.Version)
		}
		u.pin = p
		all = append(all, u)
	}
	return packages(all)
}

// packages are the files that the image takes, by package.
func packages(all []*unpacked) ([]Package, error) {
	t := newTree(all)
	files := map[*unpacked][]File{}
	take := func(to string, f tarFile, u *unpacked) {
		files[u] = append(files[u], File{Path: to, Exec: f.exec || to == loader, Data: f.data})
	}
	needed, err := t.closure()
	if err != nil {
		return nil, err
	}
	for _, to := range slices.Sorted(maps.Keys(needed)) {
		f, u, err := t.open(needed[to])
		if err != nil {
			return nil, err
		}
		take(to, f, u)
	}
	for _, d := range Data {
		f, u, err := t.open(d.Path)
		if err != nil {
			return nil, err
		}
		take(d.To, f, u)
	}
	var list []Package
	for _, u := range all {
		if files[u] == nil {
			continue
		}
		text, err := t.copyright(u.pin.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, Package{Pin: u.pin, Arch: u.arch, Source: u.source, SourceVersion: u.sourceVersion, Copyright: text, Files: files[u]})
	}
	slices.SortFunc(list, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// closure is every program, its libraries, theirs, and the loader: where the image has it, and where it is in the packages.
func (t tree) closure() (map[string]string, error) {
	needed := map[string]string{loader: merged(loader)}
	var open func(to, from string) error
	open = func(to, from string) error {
		needed[to] = from
		f, _, err := t.open(from)
		if err != nil {
			return err
		}
		e, err := elf.NewFile(bytes.NewReader(f.data))
		if err != nil {
			return fmt.Errorf("debian: %s: %w", from, err)
		}
		defer e.Close()
		if e.Machine != elf.EM_AARCH64 {
			return fmt.Errorf("debian: %s is for %v, expected arm64", from, e.Machine)
		}
		libs, err := e.ImportedLibraries()
		if err != nil {
			return fmt.Errorf("debian: %s: %w", from, err)
		}
		for _, lib := range libs {
			if lib == path.Base(loader) {
				continue
			}
			found, err := t.library(lib)
			if err != nil {
				return fmt.Errorf("%w, which %s needs", err, from)
			}
			if needed[found] == "" {
				if err := open(found, found); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, p := range Programs {
		if err := open(p.Path, p.Path); err != nil {
			return nil, err
		}
	}
	return needed, nil
}

func (t tree) library(name string) (string, error) {
	for _, dir := range libraries {
		if _, _, err := t.open(path.Join(dir, name)); err == nil {
			return path.Join(dir, name), nil
		}
	}
	return "", fmt.Errorf("debian: no package has the library %s", name)
}

// common are the references of copyright files to texts that Debian has once on each system.
var common = regexp.MustCompile(`/usr/share/common-licenses/[A-Za-z][A-Za-z0-9]*(-[0-9]+(\.[0-9]+)?)?`)

func (t tree) copyright(name string) (string, error) {
	f, _, err := t.open("/usr/share/doc/" + name + "/copyright")
	return string(f.data), err
}

// Common gives the licence texts that the packages' copyright files refer to, by name, such as GPL-2. They are read from
// Debian's package base-files.
func Common(ctx context.Context, cache string, list []Package) (map[string]string, error) {
	pins, err := Pins()
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(pins, func(p Pin) bool { return p.Name == licences })
	if at < 0 {
		return nil, fmt.Errorf("debian: pins: no %s, which has the licence texts", licences)
	}
	debs, err := Fetch(ctx, cache, pins[at:at+1])
	if err != nil {
		return nil, err
	}
	u, err := unpack(ctx, debs[pins[at]])
	if err != nil {
		return nil, err
	}
	t := newTree([]*unpacked{u})
	texts := map[string]string{}
	for _, p := range list {
		for _, ref := range common.FindAllString(p.Copyright, -1) {
			f, _, err := t.open(ref)
			if err != nil {
				return nil, fmt.Errorf("%w: %s's copyright file refers to it", err, p.Name)
			}
			texts[path.Base(ref)] = string(f.data)
		}
	}
	return texts, nil
}

// pick says which packages the image needs something of: a file, or the copyright file of one that it has a file of.
func pick(all []*unpacked) (map[*unpacked]bool, error) {
	list, err := packages(all)
	if err != nil {
		return nil, err
	}
	t, used := newTree(all), map[*unpacked]bool{}
	for _, p := range list {
		_, whose, err := t.open("/usr/share/doc/" + p.Name + "/copyright")
		if err != nil {
			return nil, err
		}
		used[whose] = true
		for _, u := range all {
			if u.pin.Name == p.Name {
				used[u] = true
			}
		}
	}
	return used, nil
}
