package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"edgekit.internal/image/pack/kernel"
)

// fontsFrom is where Debian's fonts-noto-core puts its faces; fontFaces are those that slips and prompts are drawn with.
const fontsFrom = "/usr/share/fonts/truetype/noto"

var fontFaces = []string{"NotoSans*-Regular.ttf", "NotoSans*-Bold.ttf"}

// leftOut are faces that no stall needs, by the start of their names: Latin again, notations, and scripts that nobody
// writes any more. They would be a twentieth of the image.
var leftOut = []string{"Mono", "Display", "SignWriting", "Duployan", "Math", "MayanNumerals", "IndicSiyaqNumbers", "AnatolianHieroglyphs", "Avestan",
	"Bhaiksuki", "Brahmi", "Carian", "CaucasianAlbanian", "Cuneiform", "Cypriot", "Deseret", "EgyptianHieroglyphs", "Elbasan", "Elymaic", "Glagolitic",
	"Gothic", "Grantha", "Hatran", "ImperialAramaic", "Inscriptional", "Kharoshthi", "Khudawadi", "Linear", "Lycian", "Lydian", "Mahajani", "Manichaean",
	"Marchen", "Meroitic", "Modi", "Multani", "Nabataean", "Ogham", "Old", "Palmyrene", "PhagsPa", "Phoenician", "PsalterPahlavi", "Runic", "Sharada",
	"Shavian", "Siddham", "Sogdian", "Soyombo", "Takri", "Tirhuta", "Ugaritic", "ZanabazarSquare"}

// extraPrograms go into the image beside the daemon, and are not started by init; first is started by the kernel.
var extraPrograms = []struct {
	path string
	cgo  bool
}{{"cmd/edgectl", false}, {"cmd/edgecam", true}, {"image/perm/first", false}}

// fillInstance makes the copy of the instance that gok works on. It lies at a fixed depth below the project, so that the
// relative path to it, which Go notes in the daemon, is the same in every checkout.
func (b *build) fillInstance() error {
	if err := copyTree(b.work, b.src("gokrazy/"+b.instance)); err != nil {
		return err
	}
	if err := b.layKernel(); err != nil {
		return err
	}
	if err := b.composeModules(); err != nil {
		return err
	}
	if err := b.writeRelease(); err != nil {
		return err
	}
	user := b.at("extra/user")
	if err := os.MkdirAll(filepath.Join(user, "fonts"), 0o755); err != nil {
		return err
	}
	for _, p := range extraPrograms {
		args, env := []string{"go", "build", "-tags", "netgo,osusergo", "-o", user + "/"}, []string{"GOOS=linux", "GOARCH=arm64"}
		if p.cgo {
			env = append(env, "CGO_ENABLED=1", "CC=aarch64-linux-gnu-gcc", "CXX=aarch64-linux-gnu-g++")
			args = append(args, "-ldflags", `-s -w -linkmode external -extldflags "-static"`)
		} else {
			args = append(args, "-ldflags", "-s -w")
		}
		if _, err := b.outputWith(env, b.root, append(args, "./"+p.path)...); err != nil {
			return err
		}
	}
	n := 0
	for _, pattern := range fontFaces {
		faces, err := filepath.Glob(filepath.Join(fontsFrom, pattern))
		if err != nil {
			return err
		}
		for _, f := range faces {
			name := filepath.Base(f)
			if slices.ContainsFunc(leftOut, func(s string) bool { return strings.HasPrefix(name, "NotoSans"+s) }) {
				continue
			}
			if err := copyFile(filepath.Join(user, "fonts", name), f, 0o644); err != nil {
				return err
			}
			n++
		}
	}
	if n == 0 {
		return fmt.Errorf("no Noto faces in %s: expected Debian's package fonts-noto-core", fontsFrom)
	}
	return nil
}

// composeModules puts the project's pins and the instance's into one go.mod and go.sum, so that neither has to follow
// the other by hand, and holds the whole against the sums: what is not pinned is refused.
func (b *build) composeModules() error {
	dir := b.at("builddir")
	ours, err := os.ReadFile(b.src("go.mod"))
	if err != nil {
		return err
	}
	theirs, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return err
	}
	_, project, ok := strings.Cut(string(ours), "module edgekit.internal\n")
	if !ok {
		return fmt.Errorf("go.mod does not start with the module's name")
	}
	head, pins, ok := strings.Cut(string(theirs), "\nrequire (")
	if !ok {
		return fmt.Errorf("%s/builddir/go.mod has no block of requirements", b.instance)
	}
	up, err := filepath.Rel(dir, b.root)
	if err != nil {
		return err
	}
	head, _, _ = strings.Cut(head, "\ngo ") // the project's line counts
	text := head + project + "\nrequire (" + pins + "\nrequire edgekit.internal v0.0.0\n\nreplace edgekit.internal => " + up + "\n"
	if b.kernel == debianKernel {
		text += "\nrequire " + kernel.Package + " v0.0.0\n\nreplace " + kernel.Package + " => ../" + kernelDir + "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(text), 0o644); err != nil {
		return err
	}
	sums, err := os.ReadFile(b.src("go.sum"))
	if err != nil {
		return err
	}
	more, err := os.ReadFile(filepath.Join(dir, "go.sum"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "go.sum"), append(sums, more...), 0o644); err != nil {
		return err
	}
	c, err := b.config()
	if err != nil {
		return err
	}
	list, err := b.outputWith([]string{"GOOS=linux", "GOARCH=arm64", "GOFLAGS=-mod=readonly"}, dir,
		append([]string{"go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}} {{.Dir}}{{end}}"}, c.all()...)...)
	if err != nil {
		return fmt.Errorf("%w (a missing sum is added in gokrazy/%s/builddir/go.sum)", err, b.instance)
	}
	b.modList = list
	return b.noteModules(c, list, string(append(sums, more...)))
}

// copyTree makes to a writable copy of from, and nothing else.
func copyTree(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		return copyFile(filepath.Join(to, rel), path, 0o644)
	})
}

func copyFile(to, from string, mode fs.FileMode) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
