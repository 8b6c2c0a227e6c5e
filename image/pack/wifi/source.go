package wifi

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Host is where Linux has its firmware, and hostLicence where Debian's and Raspberry Pi OS's package has its licence.
const (
	Host        = "/lib/firmware"
	hostLicence = "/usr/share/doc/firmware-brcm80211/copyright"
)

// Open reads the firmware from a source: "auto" is this machine's own, and anything else a folder (of the files, or one
// above it such as /lib/firmware) or a tar, compressed by gzip or not.
func Open(source string) (*Firmware, error) {
	s := newShelf()
	if source == "auto" {
		if err := s.readDir(Host); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if text, err := os.ReadFile(hostLicence); err == nil {
			if err := s.put("copyright", text); err != nil {
				return nil, err
			}
		}
		return s.firmware()
	}
	st, err := os.Stat(source)
	if err != nil {
		return nil, fmt.Errorf("wifi: %w", err)
	}
	if st.IsDir() {
		if err := s.readDir(source); err != nil {
			return nil, err
		}
		return s.firmware()
	}
	f, err := os.Open(source)
	if err != nil {
		return nil, fmt.Errorf("wifi: %w", err)
	}
	defer f.Close()
	if err := s.readTar(f); err != nil {
		return nil, fmt.Errorf("%w (%s: expected a tar, or one compressed by gzip)", err, source)
	}
	return s.firmware()
}

// readDir reads dir, and its folders brcm and cypress. What a link leads to outside of dir is not read.
func (s *shelf) readDir(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("wifi: %w", err)
	}
	defer root.Close()
	under := ""
	if base := filepath.Base(dir); base == "brcm" || base == "cypress" {
		under = base + "/"
	}
	for _, sub := range []string{".", "brcm", "cypress"} {
		entries, err := fs.ReadDir(root.FS(), sub)
		if sub != "." && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("wifi: %w", err)
		}
		for _, e := range entries {
			if err := s.entry(root, path.Join(sub, e.Name()), under); err != nil {
				return err
			}
		}
	}
	return nil
}

// entry reads a file or notes a link. under is what the names in root lack.
func (s *shelf) entry(root *os.Root, name, under string) error {
	_, most, ok := wanted(under + name)
	if !ok {
		return nil
	}
	st, err := root.Lstat(name)
	if err != nil {
		return fmt.Errorf("wifi: %w", err)
	}
	switch {
	case st.Mode()&fs.ModeSymlink != 0:
		to, err := root.Readlink(name)
		if err != nil {
			return fmt.Errorf("wifi: %w", err)
		}
		return s.link(under+name, to)
	case !st.Mode().IsRegular():
		return nil
	}
	f, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("wifi: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return fmt.Errorf("wifi: %s: %w", name, err)
	}
	return s.put(under+name, data)
}

// link notes a link between files that are taken.
func (s *shelf) link(name, to string) error {
	p, _, ok := wanted(name)
	if !ok || !known.MatchString(p) {
		return nil
	}
	if len(s.links) >= maxFiles {
		return fmt.Errorf("wifi: more than %d links", maxFiles)
	}
	if !path.IsAbs(to) {
		to = path.Join(path.Dir(p), to)
	}
	s.links[p] = place(to)
	return nil
}

// readTar reads a tar, whole or below any folders. A name that leads out of it is an error.
func (s *shelf) readTar(r io.Reader) error {
	b := bufio.NewReader(r)
	r = b
	if magic, err := b.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b { // RFC 1952, 2.3.1
		z, err := gzip.NewReader(b)
		if err != nil {
			return fmt.Errorf("wifi: %w", err)
		}
		defer z.Close()
		r = z
	}
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wifi: %w", err)
		}
		if name := path.Clean(h.Name); name == ".." || strings.HasPrefix(name, "../") {
			return fmt.Errorf("wifi: %q leads out of the tar", h.Name)
		}
		_, most, ok := wanted(h.Name)
		if !ok {
			continue
		}
		switch h.Typeflag {
		case tar.TypeSymlink:
			err = s.link(h.Name, h.Linkname)
		case tar.TypeLink:
			err = s.link(h.Name, "/"+h.Linkname)
		case tar.TypeReg:
			var data []byte
			if data, err = io.ReadAll(io.LimitReader(t, most+1)); err == nil {
				err = s.put(h.Name, data)
			}
		}
		if err != nil {
			return err
		}
	}
}
