package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// Kernels in Debian are packages whose names have the version, linux-image-6.1.0-56-arm64; newestKernel needs the newest.
const (
	newestKernel = "linux-image-arm64"
	kernelPrefix = "linux-image-"
)

// Kernel fetches the pinned kernel package. What is in the image of it is the caller's choice: Files is empty. It is too
// large to be read as a whole, so deb is the file.
func Kernel(ctx context.Context, cache string) (p Package, deb string, err error) {
	pins, err := Pins()
	if err != nil {
		return p, "", err
	}
	_, kernels := split(pins)
	if len(kernels) != 1 {
		return p, "", fmt.Errorf("debian: pins: %d kernels, expected one", len(kernels))
	}
	debs, err := Fetch(ctx, cache, kernels)
	if err != nil {
		return p, "", err
	}
	deb = debs[kernels[0]]
	p = Package{Pin: kernels[0], Arch: "arm64"}
	// The signed package was made from another, which Built-Using names: linux (= 6.1.192-2).
	from, err := exec.CommandContext(ctx, "dpkg-deb", "-f", deb, "Built-Using").Output()
	if err != nil {
		return p, "", fmt.Errorf("debian: dpkg-deb: %w", err)
	}
	source, version, ok := strings.Cut(strings.TrimSpace(string(from)), " (= ")
	if !ok {
		return p, "", fmt.Errorf("debian: %s says it was built using %q: expected a source package and its version", p.Name, from)
	}
	p.Source, p.SourceVersion = source, strings.TrimSuffix(version, ")")
	p.Copyright, err = fileOf(ctx, deb, "/usr/share/doc/"+p.Name+"/copyright")
	return p, deb, err
}

// split tells programs' packages from kernels.
func split(pins []Pin) (programs, kernels []Pin) {
	for _, p := range pins {
		if strings.HasPrefix(p.Name, kernelPrefix) {
			kernels = append(kernels, p)
		} else {
			programs = append(programs, p)
		}
	}
	return programs, kernels
}

// maxText bounds a text that is read from a package.
const maxText = 1 << 20

// fileOf reads one text of a package, without the rest of it in memory.
func fileOf(ctx context.Context, deb, path string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends dpkg-deb, of which the rest is not read
	c := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", deb)
	out, err := c.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := c.Start(); err != nil {
		return "", fmt.Errorf("debian: dpkg-deb: %w", err)
	}
	defer c.Wait() // it was stopped
	defer cancel()
	for t := tar.NewReader(out); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return "", fmt.Errorf("debian: %s is not in its package", path)
		}
		if err != nil {
			return "", fmt.Errorf("debian: read %s: %w", path, err)
		}
		if merged(h.Name) != path || h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(t, maxText))
		if err != nil {
			return "", fmt.Errorf("debian: read %s: %w", path, err)
		}
		return string(text), nil
	}
}

// repinKernel finds Debian's newest kernel.
func (a *apt) repinKernel() (Pin, error) {
	said, err := a.output("apt-cache", "show", newestKernel)
	if err != nil {
		return Pin{}, err
	}
	name := kernelIn(said)
	if name == "" {
		return Pin{}, fmt.Errorf("debian: %s needs no kernel by name", newestKernel)
	}
	said, err = a.output("apt-cache", "show", "--no-all-versions", name)
	if err != nil {
		return Pin{}, err
	}
	p := Pin{Name: name}
	for line := range bytes.Lines(said) {
		if v, ok := bytes.CutPrefix(line, []byte("Version: ")); ok {
			p.Version = string(bytes.TrimSpace(v))
		}
		if v, ok := bytes.CutPrefix(line, []byte("SHA256: ")); ok {
			p.SHA256 = string(bytes.TrimSpace(v))
		}
	}
	if p.Version == "" || len(p.SHA256) != 64 {
		return Pin{}, fmt.Errorf("debian: apt knows no version or SHA-256 of %s", name)
	}
	return p, nil
}

// kernelIn is the kernel that the newest version of newestKernel depends on, from what apt-cache shows of it.
func kernelIn(shown []byte) string {
	for line := range bytes.Lines(shown) {
		needs, ok := bytes.CutPrefix(line, []byte("Depends: "))
		if !ok {
			continue
		}
		for need := range bytes.SplitSeq(needs, []byte(",")) {
			name, _, _ := bytes.Cut(bytes.TrimSpace(need), []byte(" "))
			if bytes.HasPrefix(name, []byte(kernelPrefix)) {
				return string(name)
			}
		}
	}
	return ""
}
