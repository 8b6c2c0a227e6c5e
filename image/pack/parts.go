package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"edgekit.internal/image/pack/licence"
)

// SPDX 2.3, as much of it as names every part, its version and its checksum.
type (
	spdx struct {
		Version       string         `json:"spdxVersion"`
		License       string         `json:"dataLicense"`
		ID            string         `json:"SPDXID"`
		Name          string         `json:"name"`
		Namespace     string         `json:"documentNamespace"`
		Creation      spdxCreation   `json:"creationInfo"`
		Packages      []spdxPackage  `json:"packages"`
		Relationships []spdxRelation `json:"relationships"`
	}
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID        string         `json:"SPDXID"`
		Name      string         `json:"name"`
		Version   string         `json:"versionInfo,omitempty"`
		Location  string         `json:"downloadLocation"`
		Analyzed  bool           `json:"filesAnalyzed"`
		Declared  string         `json:"licenseDeclared,omitempty"`
		Checksums []spdxChecksum `json:"checksums,omitempty"`
		Refs      []spdxRef      `json:"externalRefs,omitempty"`
		Comment   string         `json:"comment,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxRelation struct {
		From string `json:"spdxElementId"`
		Type string `json:"relationshipType"`
		To   string `json:"relatedSpdxElement"`
	}
)

// parts is the parts list of the image: what its programs say they were built from, kernel and firmware, fonts.
func (b *build) parts(file, sum string) ([]byte, error) {
	unpacked := b.at("root")
	if err := os.RemoveAll(unpacked); err != nil {
		return nil, err
	}
	if err := b.run("", "unsquashfs", "-q", "-n", "-no-xattrs", "-o", fmt.Sprint(rootA), "-d", unpacked, b.disk(), "gokrazy", "user"); err != nil {
		return nil, err
	}
	used := map[module][]string{} // by what
	for _, m := range b.mods {
		used[m] = []string{"boot partition and /lib/modules"}
	}
	goVersion := ""
	for _, dir := range []string{"gokrazy", "user"} {
		programs, err := os.ReadDir(filepath.Join(unpacked, dir))
		if err != nil {
			return nil, err
		}
		for _, p := range programs {
			if p.IsDir() {
				continue
			}
			info, err := buildinfo.ReadFile(filepath.Join(unpacked, dir, p.Name()))
			if err != nil {
				return nil, err
			}
			goVersion = info.GoVersion
			for _, d := range append(info.Deps, &info.Main) {
				if m := (module{d.Path, d.Version, d.Sum}); d.Path != "" && d.Sum != "" {
					used[m] = append(used[m], "/"+dir+"/"+p.Name())
				}
			}
		}
	}
	fonts, err := b.output("", "dpkg-query", "-W", "-f", "${Version}", "fonts-noto-core")
	if err != nil {
		fonts = "" // not a Debian-family host: the version is not known
	}
	doc := spdx{Version: "SPDX-2.3", License: "CC0-1.0", ID: "SPDXRef-DOCUMENT", Name: file, Namespace: "urn:sha256:" + sum,
		Creation: spdxCreation{b.time().Format(time.RFC3339), []string{"Tool: edgekit-image-pack"}}}
	const image = "SPDXRef-image"
	add := func(p spdxPackage, from, kind string) {
		if p.Location == "" {
			p.Location = "NOASSERTION"
		}
		if p.Declared == "" {
			p.Declared = licence.Unknown
		}
		doc.Packages = append(doc.Packages, p)
		doc.Relationships = append(doc.Relationships, spdxRelation{from, kind, p.ID})
	}
	add(spdxPackage{ID: image, Name: file, Checksums: []spdxChecksum{{"SHA256", sum}}}, doc.ID, "DESCRIBES")
	add(spdxPackage{ID: "SPDXRef-go", Name: "Go standard library", Version: goVersion, Declared: "BSD-3-Clause"}, image, "CONTAINS")
	add(spdxPackage{ID: "SPDXRef-fonts", Name: "fonts-noto-core", Version: fonts, Comment: "NotoSans faces, /user/fonts"}, image, "CONTAINS")
	all := slices.SortedFunc(maps.Keys(used), func(a, b module) int { return strings.Compare(a.path+a.version, b.path+b.version) })
	for i, m := range all {
		declared, err := b.licenceOf(m.path, m.version)
		if err != nil {
			return nil, err
		}
		add(spdxPackage{ID: fmt.Sprintf("SPDXRef-module-%d", i), Name: m.path, Version: m.version, Declared: declared,
			Refs:    []spdxRef{{"PACKAGE-MANAGER", "purl", "pkg:golang/" + m.path + "@" + m.version}},
			Comment: "go.sum " + m.sum + "; in " + strings.Join(used[m], ", ")}, image, "CONTAINS")
	}
	for i, d := range b.debs {
		add(spdxPackage{ID: fmt.Sprintf("SPDXRef-debian-%d", i), Name: d.Name, Version: d.Version, Checksums: []spdxChecksum{{"SHA256", d.SHA256}},
			Refs:    []spdxRef{{"PACKAGE-MANAGER", "purl", "pkg:deb/debian/" + d.Name + "@" + url.QueryEscape(d.Version) + "?arch=" + d.Arch + "&distro=bookworm"}},
			Comment: "built from " + d.Source + " " + d.SourceVersion}, image, "CONTAINS")
	}
	if b.wifi != nil {
		for i, f := range b.wifi.Files {
			add(spdxPackage{ID: fmt.Sprintf("SPDXRef-wifi-%d", i), Name: f.Path, Checksums: []spdxChecksum{{"SHA256", fmt.Sprintf("%x", sha256.Sum256(f.Data))}},
				Comment: "Wi-Fi firmware, /lib/firmware/" + f.Path}, image, "CONTAINS")
		}
	}
	text, err := json.MarshalIndent(doc, "", "  ")
	return append(text, '\n'), err
}
