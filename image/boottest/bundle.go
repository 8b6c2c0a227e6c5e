package boottest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"edgekit.internal/image/update"
)

// System is a system taken apart: what an update of it is made of, to be changed before it is signed.
type System struct {
	update.Release
	Files []update.Source
	dir   string // scratch
	n     int
}

// ReadKey reads a key that image/pack made.
func ReadKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("boottest: %s is no key", path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// ReadSystem reads an update that image/pack made. dir is for what is made of it.
func ReadSystem(path string, key ed25519.PublicKey, dir string) (*System, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := update.Open(f, []ed25519.PublicKey{key})
	if err != nil {
		return nil, err
	}
	s := &System{Release: b.Release, dir: dir}
	for {
		var text bytes.Buffer
		p, err := b.Next(&text)
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return nil, err
		}
		s.Files = append(s.Files, update.Source{Name: p.Name, Text: text.Bytes(), Gzip: p.Gzip})
	}
}

// Next is a newer system, with changes: to files of its root file system by path, and to boot files by name. A change to
// nil takes the file away.
func (s *System) Next(root map[string][]byte, boot map[string][]byte) (*System, error) {
	s.n++
	next := &System{Release: s.Release, dir: s.dir}
	next.Serial += int64(s.n)
	next.Version = fmt.Sprintf("%s.%d", s.Version, s.n)
	release, err := json.Marshal(next.Release)
	if err != nil {
		return nil, err
	}
	changes := map[string][]byte{update.ReleaseFile: release}
	for path, text := range root {
		changes[path] = text
	}
	for _, f := range s.Files {
		if f.Name == "root.squashfs" {
			if f.Text, err = s.changeRoot(f.Text, changes); err != nil {
				return nil, err
			}
		}
		if text, ok := boot[f.Name]; ok {
			f.Text = text
		}
		next.Files = append(next.Files, f)
	}
	return next, nil
}

func (s *System) changeRoot(image []byte, changes map[string][]byte) ([]byte, error) {
	path, tree, out := filepath.Join(s.dir, "root.in"), filepath.Join(s.dir, "root"), filepath.Join(s.dir, "root.out")
	defer os.RemoveAll(tree)
	if err := errors.Join(os.RemoveAll(tree), os.RemoveAll(out), os.WriteFile(path, image, 0o600)); err != nil {
		return nil, err
	}
	if said, err := exec.Command("unsquashfs", "-q", "-n", "-no-xattrs", "-d", tree, path).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("boottest: unsquashfs: %w: %s", err, said)
	}
	for name, text := range changes {
		at := filepath.Join(tree, name)
		if err := os.Remove(at); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if text == nil {
			continue
		}
		if err := os.WriteFile(at, text, 0o755); err != nil {
			return nil, err
		}
	}
	// The kernel of the Pi reads gzip only; -Xcompression-level 1 is for the test's time.
	if said, err := exec.Command("mksquashfs", tree, out, "-comp", "gzip", "-Xcompression-level", "1", "-no-xattrs", "-quiet", "-no-progress").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("boottest: mksquashfs: %w: %s", err, said)
	}
	return os.ReadFile(out)
}

// Bundle is the system as a signed update.
func (s *System) Bundle(key ed25519.PrivateKey) ([]byte, error) {
	var out bytes.Buffer
	err := update.Write(&out, s.Release, key, s.Files)
	return out.Bytes(), err
}
