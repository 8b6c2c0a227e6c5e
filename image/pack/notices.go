package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgekit.internal/image/pack/debian"
	"edgekit.internal/image/pack/kernel"
	"edgekit.internal/image/pack/licence"
)

// noticesAt is where the image has its licence notices.
const noticesAt = "/usr/share/doc/licences.txt.gz"

// linked are the Debian packages whose static libraries are in edgecam.
var linked = []struct{ lib, pkg string }{{"libc.a", "libc6-dev-arm64-cross"}, {"libstdc++.a", "libstdc++-12-dev-arm64-cross"}, {"libgcc.a", "libgcc-12-dev-arm64-cross"}}

// addNotices gathers the licences of all that is in the image and puts them into it. A part without one is an error.
func (b *build) addNotices() error {
	b.licences = nil
	for _, gather := range []func() error{b.moduleLicences, b.toolLicences, b.debianLicences} {
		if err := gather(); err != nil {
			return err
		}
	}
	if b.wifi != nil {
		b.licences = append(b.licences, licence.Part{Name: "Wi-Fi firmware", SPDX: licence.Unknown, Texts: []licence.Text{{Name: "licence", Text: b.wifi.Licence}}})
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(licence.Notices(b.licences)); err != nil {
		return err
	}
	return errors.Join(z.Close(), b.addFile(noticesAt, out.Bytes(), false))
}

// moduleLicences are those of the modules in all programs, and of kernel and firmware.
func (b *build) moduleLicences() error {
	list := b.modList
	for _, p := range extraPrograms {
		env := []string{"GOOS=linux", "GOARCH=arm64"}
		if p.cgo {
			env = append(env, "CGO_ENABLED=1", "CC=aarch64-linux-gnu-gcc", "CXX=aarch64-linux-gnu-g++")
		}
		more, err := b.outputWith(env, b.root, "go", "list", "-tags", "netgo,osusergo", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}} {{.Dir}}{{end}}", "./"+p.path)
		if err != nil {
			return err
		}
		list += "\n" + more
	}
	dirs := map[string]string{}
	for line := range strings.Lines(list) {
		if f := strings.Fields(line); len(f) == 3 && f[0] != "edgekit.internal" && f[0] != kernel.Package { // the kernel is among Debian's

			dirs[f[0]+" "+f[1]] = f[2]
		}
	}
	for _, m := range slices.Sorted(maps.Keys(dirs)) {
		path, version, _ := strings.Cut(m, " ")
		p, err := licence.OfModule(path, version, dirs[m])
		if err != nil {
			return err
		}
		if p.Source, err = kernelSource(m, dirs[m]); err != nil {
			return err
		}
		b.licences = append(b.licences, p)
	}
	return nil
}

// kernelSource says where a kernel's source is, if the module is one: it notes the release it was built from.
func kernelSource(m, dir string) (string, error) {
	if _, err := os.Stat(filepath.Join(dir, "vmlinuz")); err != nil {
		return "", nil // it has no kernel
	}
	from, err := os.ReadFile(filepath.Join(dir, "_build/upstream-url.txt"))
	if err != nil {
		return "", fmt.Errorf("the kernel's source: %w", err)
	}
	release, _, _ := strings.Cut(filepath.Base(strings.TrimSpace(string(from))), ".tar")
	return "Linux as the Raspberry Pi project releases it, tag " + release + ", with the patches, configuration and build instructions in the folder _build of the Go module " +
		m + ", which the Go module proxy has", nil
}

// toolLicences are those of Go's library, of what gok puts on the boot partition, of the C libraries in edgecam, and of
// the fonts.
func (b *build) toolLicences() error {
	root, err := b.output("", "go", "env", "GOROOT")
	if err != nil {
		return err
	}
	version, err := b.output("", "go", "env", "GOVERSION")
	if err != nil {
		return err
	}
	p, err := licence.OfFile("Go's standard library", version, filepath.Join(root, "LICENSE"))
	if err != nil {
		return err
	}
	p.SPDX = licence.Detect(p.Texts[0].Text)
	b.licences = append(b.licences, p)
	for _, l := range linked {
		from, err := b.output("", "dpkg-query", "-W", "-f", "${source:Package} ${source:Version}", l.pkg)
		if err != nil {
			return fmt.Errorf("%s in edgecam: %w", l.lib, err)
		}
		if err := b.hostLicence(l.pkg, "Debian's source package "+from+"; "+l.lib+" is linked into edgecam, which can be linked anew from edgekit's source"); err != nil {
			return fmt.Errorf("%s in edgecam: %w", l.lib, err)
		}
	}
	return b.hostLicence("fonts-noto-core", "")
}

// hostLicence is that of a package of the host of which something is in the image.
func (b *build) hostLicence(pkg, source string) error {
	version, err := b.output("", "dpkg-query", "-W", "-f", "${Version}", pkg)
	if err != nil {
		return err
	}
	p, err := licence.OfFile(pkg, version, "/usr/share/doc/"+pkg+"/copyright")
	p.Source = source
	b.licences = append(b.licences, p)
	return err
}

// debianLicences are Debian's copyright files, the texts they refer to, and where the source of each is.
func (b *build) debianLicences() error {
	texts, err := debian.Common(b.ctx, b.debCache(), b.debs)
	if err != nil {
		return err
	}
	for _, d := range b.debs {
		b.licences = append(b.licences, licence.Part{Name: d.Name, Version: d.Version, SPDX: licence.Unknown,
			Source: "Debian's source package " + d.Source + " " + d.SourceVersion,
			Texts:  []licence.Text{{Name: "copyright", Text: d.Copyright}}})
	}
	boot := licence.Part{Name: "systemd-boot", Version: "250.5", SPDX: "LGPL-2.1-or-later", Source: "systemd's release 250.5; only QEMU starts it",
		Texts: []licence.Text{{Name: "LGPL-2.1", Text: texts["LGPL-2.1"]}}}
	if texts["LGPL-2.1"] == "" {
		return errors.New("no text of the LGPL 2.1 for systemd-boot")
	}
	b.licences = append(b.licences, boot)
	common := licence.Part{Name: "Texts that Debian's copyright files refer to", SPDX: licence.Unknown}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		common.Texts = append(common.Texts, licence.Text{Name: "/usr/share/common-licenses/" + name, Text: texts[name]})
	}
	b.licences = append(b.licences, common)
	return nil
}

// licenceOf is the SPDX expression of a part, which must be among the notices.
func (b *build) licenceOf(name, version string) (string, error) {
	for _, p := range b.licences {
		if p.Name == name && p.Version == version {
			return p.SPDX, nil
		}
	}
	return "", fmt.Errorf("%s %s is in the image, and not in its licence notices", name, version)
}
