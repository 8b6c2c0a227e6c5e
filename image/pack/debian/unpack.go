package debian

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"strings"
)

// unpacked is a package in memory.
type unpacked struct {
	pin                         Pin // SHA256 is the caller's to fill in
	arch, source, sourceVersion string
	files                       map[string]tarFile // by path, see merged
}

type tarFile struct {
	exec bool
	link string // of a symbolic link, absolute; data is empty
	data []byte
}

// largest package, unpacked: perl, which -repin looks into, has 40 MB.
const maxUnpacked = 256 << 20

// unpack reads a .deb with dpkg-deb.
func unpack(ctx context.Context, deb string) (*unpacked, error) {
	var out bytes.Buffer
	for _, ask := range []string{"--show", "--fsys-tarfile"} {
		args := []string{ask, deb}
		if ask == "--show" {
			args = append([]string{"--showformat", "${Package}\n${Version}\n${Architecture}\n${source:Package}\n${source:Version}\n"}, args...)
		}
		var errs bytes.Buffer
		c := exec.CommandContext(ctx, "dpkg-deb", args...)
		c.Stdout, c.Stderr = &out, &errs
		if err := c.Run(); err != nil {
			return nil, fmt.Errorf("debian: dpkg-deb: %w: %s", err, bytes.TrimSpace(errs.Bytes()))
		}
	}
	u := &unpacked{files: map[string]tarFile{}}
	for _, field := range []*string{&u.pin.Name, &u.pin.Version, &u.arch, &u.source, &u.sourceVersion} {
		line, err := out.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("debian: %s: what dpkg-deb says of it ends early", path.Base(deb))
		}
		*field = strings.TrimSpace(line)
	}
	if err := u.read(&out); err != nil {
		return nil, fmt.Errorf("debian: %s %s: %w", u.pin.Name, u.pin.Version, err)
	}
	return u, nil
}

func (u *unpacked) read(r io.Reader) error {
	left := int64(maxUnpacked)
	for t := tar.NewReader(r); ; {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := merged(h.Name)
		switch h.Typeflag {
		case tar.TypeReg:
			if left -= h.Size; h.Size < 0 || left < 0 {
				return fmt.Errorf("larger than %d MB", maxUnpacked>>20)
			}
			data, err := io.ReadAll(t)
			if err != nil {
				return err
			}
			u.files[name] = tarFile{exec: h.Mode&0o111 != 0, data: data}
		case tar.TypeSymlink:
			to := h.Linkname
			if !path.IsAbs(to) {
				to = path.Join(path.Dir(name), to)
			}
			u.files[name] = tarFile{link: merged(to)}
		case tar.TypeLink:
			u.files[name] = tarFile{link: merged(h.Linkname)}
		}
	}
}

// tree is all packages as one file system.
type tree map[string]*unpacked

func newTree(all []*unpacked) tree {
	t := tree{}
	for _, u := range all {
		for name := range u.files {
			t[name] = u
		}
	}
	return t
}

// maxLinks ends a circle of links.
const maxLinks = 16

// open follows links, of folders too, and says whose file it is.
func (t tree) open(name string) (tarFile, *unpacked, error) {
	at := name
	for range maxLinks {
		if u := t[at]; u != nil {
			f := u.files[at]
			if f.link == "" {
				return f, u, nil
			}
			at = f.link
			continue
		}
		linked := ""
		for dir := path.Dir(at); dir != "/" && linked == ""; dir = path.Dir(dir) {
			if u := t[dir]; u != nil && u.files[dir].link != "" {
				linked = path.Join(u.files[dir].link, strings.TrimPrefix(at, dir))
			}
		}
		if linked == "" {
			return tarFile{}, nil, fmt.Errorf("debian: no package has %s: %w", name, fs.ErrNotExist)
		}
		at = linked
	}
	return tarFile{}, nil, fmt.Errorf("debian: %s: links go round in a circle", name)
}
