package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// needs are the host's programs and the Debian packages that have them.
var needs = [][2]string{
	{"go", "golang"}, {"git", "git"}, {"aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"}, {"aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu"},
	{"mkfs.fat", "dosfstools"}, {"mcopy", "mtools"}, {"mkfs.ext4", "e2fsprogs"}, {"dumpe2fs", "e2fsprogs"}, {"unsquashfs", "squashfs-tools"}, {"xz", "xz-utils"},
	{"apt-get", "apt"}, {"dpkg-deb", "dpkg"}, {"depmod", "kmod"},
}

// open finds the project and the host's programs. Nothing is written.
func open(ctx context.Context, instance, kernel, out, key string) (*build, error) {
	if err := os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin"); err != nil { // mkfs's place, which a Debian user's PATH lacks
		return nil, err
	}
	if kernel != piKernel && kernel != debianKernel {
		return nil, fmt.Errorf("-kernel %s: expected %s or %s", kernel, piKernel, debianKernel)
	}
	var missing []string
	for _, n := range needs {
		if _, err := exec.LookPath(n[0]); err != nil {
			missing = append(missing, fmt.Sprintf("%s (Debian package %s)", n[0], n[1]))
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("not found: %s; `make deps-image` installs what is missing", strings.Join(missing, ", "))
	}
	b := &build{ctx: ctx, instance: instance, kernel: kernel, out: out, key: key, env: os.Environ()}
	mod, err := b.output("", "go", "env", "GOMOD")
	if err != nil {
		return nil, err
	}
	if b.root = filepath.Dir(mod); mod == "" || mod == os.DevNull {
		return nil, errors.New("started outside of the project's folder")
	}
	if _, err := os.Stat(b.src("gokrazy/" + instance + "/config.json")); err != nil {
		return nil, fmt.Errorf("no instance %q: %w", instance, err)
	}
	b.cache = b.src(".cache/image")
	b.work = filepath.Join(b.cache, "instances", b.name())
	if b.stamp, err = b.commitTime(); err != nil {
		return nil, err
	}
	if err := b.ownKey(); err != nil {
		return nil, err
	}
	return b, b.setEnv()
}

// commitTime is SOURCE_DATE_EPOCH, or when the checked-out commit was made.
func (b *build) commitTime() (int64, error) {
	s := os.Getenv("SOURCE_DATE_EPOCH")
	if s == "" {
		var err error
		if s, err = b.output(b.root, "git", "log", "-1", "--format=%ct"); err != nil {
			return 0, fmt.Errorf("time of the last commit (set SOURCE_DATE_EPOCH outside of a git checkout): %w", err)
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return n, nil
}

// setEnv makes builds independent of the person who builds: no settings of theirs for gok, mkfs or mtools.
func (b *build) setEnv() error {
	home := filepath.Join(b.cache, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	mke2fs := filepath.Join(b.cache, "mke2fs.conf")
	if err := os.WriteFile(mke2fs, []byte(mke2fsConf), 0o644); err != nil {
		return err
	}
	set := []string{"HOME=" + home, "TZ=UTC", "LC_ALL=C", "SOURCE_DATE_EPOCH=" + strconv.FormatInt(b.stamp, 10), "E2FSPROGS_FAKE_TIME=" + strconv.FormatInt(b.stamp, 10),
		"MKE2FS_CONFIG=" + mke2fs, "MTOOLSRC=" + os.DevNull, "MTOOLS_SKIP_CHECK=1", "GOFLAGS=-trimpath -buildvcs=false", "GOWORK=off", "CGO_ENABLED=0"}
	for _, name := range []string{"GOMODCACHE", "GOCACHE", "GOPATH", "GOENV"} { // these would move with HOME
		v, err := b.output("", "go", "env", name)
		if err != nil {
			return err
		}
		set = append(set, name+"="+v)
	}
	b.env = append(b.env, set...)
	return nil
}

// run starts a program of the host. Its output is shown, shortened, only in the error.
func (b *build) run(dir string, args ...string) error {
	_, err := b.output(dir, args...)
	return err
}

func (b *build) output(dir string, args ...string) (string, error) {
	return b.outputWith(nil, dir, args...)
}

func (b *build) outputWith(env []string, dir string, args ...string) (string, error) {
	c := exec.CommandContext(b.ctx, args[0], args[1:]...)
	c.Dir, c.Env = dir, append(b.env[:len(b.env):len(b.env)], env...)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		said := strings.TrimSpace(errs.String())
		if said == "" {
			said = strings.TrimSpace(out.String())
		}
		return "", fmt.Errorf("%s: %w: %s", strings.Join(args[:min(3, len(args))], " "), err, last(said, 600))
	}
	return strings.TrimSpace(out.String()), nil
}

// last is the end of a text, where the reason usually is.
func last(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return "…" + s[len(s)-n:]
}
