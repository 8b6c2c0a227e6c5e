package wifi

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// ErrNoAdapters is when there is no firmware of an adapter where it was looked for.
var ErrNoAdapters = errors.New("no firmware of a Wi-Fi adapter on USB")

// hostLicences are where Debian's firmware packages have their licences.
const hostLicences = "/usr/share/doc/firmware-*/copyright"

// anyLicence are the names under which texts lie beside firmware of several makers, such as LICENCE.mediatek.
var anyLicence = regexp.MustCompile(`(?i)^(licen[cs]e|copyright)([._-].{1,64})?$`)

// maxAdapter is the size of the largest file, in bytes; in use are up to 1.1 MB.
const maxAdapter = 4 << 20

// Adapters reads the firmware of Wi-Fi adapters on USB: those of the files that their drivers ask for, by names below
// /lib/firmware, which the source has. It is "auto" or a folder, as for Open; there is none in a tar. The licences of all
// makers go along. An error is ErrNoAdapters when the source has none of the files.
func Adapters(source string, names []string) (*Firmware, error) {
	dir := source
	if source == "auto" {
		dir = Host
	}
	if st, failed := os.Stat(dir); failed == nil && !st.IsDir() {
		return nil, fmt.Errorf("wifi: adapters on USB, whose firmware is only taken from a folder, and %s is none: %w", source, ErrNoAdapters)
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) && source == "auto" {
		return nil, fmt.Errorf("wifi: adapters on USB: %w", ErrNoAdapters)
	}
	if err != nil {
		return nil, fmt.Errorf("wifi: adapters on USB: %w", err)
	}
	defer root.Close()
	f := &Firmware{}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		data, err := readAt(root, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // an adapter of another kind
		}
		if err != nil {
			return nil, err
		}
		f.Files = append(f.Files, File{name, data})
	}
	if len(f.Files) == 0 {
		return nil, fmt.Errorf("wifi: adapters on USB: %w", ErrNoAdapters)
	}
	if f.Licence, err = licencesOf(root, source == "auto"); err != nil {
		return nil, err
	}
	if f.Licence == "" {
		return nil, fmt.Errorf("wifi: no licence text beside the adapters' firmware in %s, so it may not be passed on: put the files LICENCE… or copyright there", dir)
	}
	return f, nil
}

// readAt reads a file, through links that stay inside of the folder.
func readAt(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(filepath.FromSlash(name))
	if err != nil {
		return nil, fmt.Errorf("wifi: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxAdapter+1))
	if err != nil {
		return nil, fmt.Errorf("wifi: %s: %w", name, err)
	}
	if len(data) == 0 || len(data) > maxAdapter {
		return nil, fmt.Errorf("wifi: %s has %d bytes: it is not what its name says", name, len(data))
	}
	return data, nil
}

func licencesOf(root *os.Root, host bool) (string, error) {
	var text strings.Builder
	if host {
		paths, err := filepath.Glob(hostLicences)
		if err != nil {
			return "", err
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("wifi: %w", err)
			}
			fmt.Fprintf(&text, "%s\n", b)
		}
		return text.String(), nil
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return "", fmt.Errorf("wifi: %w", err)
	}
	for _, e := range entries {
		if !e.IsDir() && anyLicence.MatchString(e.Name()) {
			b, err := readAt(root, e.Name())
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&text, "%s\n", b)
		}
	}
	return text.String(), nil
}
