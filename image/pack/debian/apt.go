package debian

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// apt is the host's apt with a state of its own, in dir, that knows arm64 and no installed package.
type apt struct {
	ctx context.Context
	dir string
}

// newApt makes the state and reads the sources' lists; apt checks their signatures.
func newApt(ctx context.Context, dir string) (*apt, error) {
	for _, d := range []string{"lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "status"), nil, 0o644); err != nil {
		return nil, err
	}
	a := &apt{ctx, dir}
	if err := a.run("apt-get", "update"); err != nil {
		return nil, err
	}
	// A source that does not answer is no error to apt: the host may have some that are not Debian's.
	lists, err := filepath.Glob(filepath.Join(dir, "lists/*_binary-arm64_Packages*"))
	if err == nil && len(lists) == 0 {
		err = errors.New("debian: none of this machine's apt sources gave a list of arm64 packages: is there a network, and Debian 12's main, with its security updates, among the sources?")
	}
	return a, err
}

func (a *apt) run(program string, args ...string) error {
	_, err := a.output(program, args...)
	return err
}

func (a *apt) output(program string, args ...string) ([]byte, error) {
	set := []string{"-qq"}
	for _, o := range []string{"APT::Architecture=arm64", "APT::Architectures=arm64", "APT::Sandbox::User=root", "APT::Get::AllowUnauthenticated=false",
		"Dir::State=" + a.dir, "Dir::State::lists=" + a.dir + "/lists", "Dir::State::status=" + a.dir + "/status",
		"Dir::Cache=" + a.dir + "/cache", "Dir::Log=" + a.dir, "Debug::NoLocking=1", "Acquire::Retries=3", "Acquire::http::Timeout=30"} {
		set = append(set, "-o", o)
	}
	c := exec.CommandContext(a.ctx, program, append(set, args...)...)
	c.Dir = filepath.Join(a.dir, "cache/archives")
	c.Env = append(os.Environ(), "LC_ALL=C")
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		text := strings.TrimSpace(said.String() + out.String())
		return nil, fmt.Errorf("debian: %s %s: %w: %s", program, args[0], err, text[max(0, len(text)-600):])
	}
	return out.Bytes(), nil
}

// archives are the packages that apt has downloaded.
func (a *apt) archives() ([]string, error) {
	return filepath.Glob(filepath.Join(a.dir, "cache/archives/*.deb"))
}

// Fetch gives each pinned package's .deb in cache, by its SHA-256. What is there is not downloaded again.
func Fetch(ctx context.Context, cache string, pins []Pin) (debs map[Pin]string, err error) {
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	debs = map[Pin]string{}
	var missing []Pin
	for _, p := range pins {
		path := filepath.Join(cache, p.SHA256+".deb")
		if sum, err := sumOf(path); err == nil && sum == p.SHA256 {
			debs[p] = path
		} else {
			missing = append(missing, p)
		}
	}
	if len(missing) == 0 {
		return debs, nil
	}
	dir, err := os.MkdirTemp("", "debian-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	a, err := newApt(ctx, dir)
	if err != nil {
		return nil, err
	}
	ask := []string{"download"}
	for _, p := range missing {
		ask = append(ask, p.Name+"="+p.Version)
	}
	if err := a.run("apt-get", ask...); err != nil {
		return nil, fmt.Errorf("%w\nIf they were not found, Debian has other versions of these packages by now, as after a security update. "+
			"`go run ./image/pack -repin` takes its newest and rewrites image/pack/debian/pins: look at what changes, build, commit", err)
	}
	got, err := a.archives()
	if err != nil {
		return nil, err
	}
	for _, from := range got {
		text, err := os.ReadFile(from)
		if err != nil {
			return nil, err
		}
		sum := fmt.Sprintf("%x", sha256.Sum256(text))
		for _, p := range missing {
			if p.SHA256 == sum {
				debs[p] = filepath.Join(cache, sum+".deb")
				if err := errors.Join(os.WriteFile(debs[p]+".part", text, 0o644), os.Rename(debs[p]+".part", debs[p])); err != nil {
					return nil, err
				}
			}
		}
	}
	for _, p := range missing {
		if debs[p] == "" {
			return nil, fmt.Errorf("debian: %s %s was downloaded and has another SHA-256 than %s in image/pack/debian/pins: it is not what was pinned", p.Name, p.Version, p.SHA256)
		}
	}
	return debs, nil
}

func sumOf(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sha256.Sum256(text)), nil
}

// Repin resolves the programs' packages as Debian has them now and gives the text of a new file pins: of all that apt
// would install, the packages of which the image needs something.
func Repin(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "debian-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	a, err := newApt(ctx, dir)
	if err != nil {
		return nil, err
	}
	if err := a.run("apt-get", append([]string{"install", "--download-only", "-y", "--no-install-recommends"}, roots()...)...); err != nil {
		return nil, err
	}
	debs, err := a.archives()
	if err != nil {
		return nil, err
	}
	var all []*unpacked
	for _, path := range debs {
		sum, err := sumOf(path)
		if err != nil {
			return nil, err
		}
		u, err := unpack(ctx, path)
		if err != nil {
			return nil, err
		}
		u.pin.SHA256 = sum
		all = append(all, u)
	}
	used, err := pick(all)
	if err != nil {
		return nil, err
	}
	kernel, err := a.repinKernel()
	if err != nil {
		return nil, err
	}
	pins := []Pin{kernel}
	for _, u := range all {
		if u.pin.Name == licences || used[u] {
			pins = append(pins, u.pin)
		}
	}
	return formatPins(pins), nil
}
