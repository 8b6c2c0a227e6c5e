// Package wifi finds the firmware of a Pi's own Wi-Fi chip. It may be passed on complete and unmodified, with its licence,
// but is in none of the image's pinned inputs: it comes from the machine that builds, from a folder such as a Raspberry Pi
// OS card's /lib/firmware, or from a tar of one. Only files that a Pi's chip asks for are taken, and none without licence.
package wifi

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// File is a file below /lib/firmware.
type File struct {
	Path string // such as brcm/brcmfmac43455-sdio.bin
	Data []byte
}

// Firmware is what goes into an image.
type Firmware struct {
	Files   []File
	Licence string
}

// ErrNone is when there is no firmware where it was looked for.
var ErrNone = errors.New("no firmware of a Pi's Wi-Fi chip")

// Chips are the names that the driver asks by (brcmfmac's sdio.c and firmware.c), and the boards that have such a chip. A
// Zero 2 W has one of several.
var Chips = []struct {
	Boards string
	Names  []string
}{
	{"3B", []string{"43430-sdio"}}, {"Zero 2 W", []string{"43430b0-sdio", "43436-sdio", "43436s-sdio"}}, {"3B+, 4B, 400, 5", []string{"43455-sdio"}},
}

// known are the names that are taken: of a chip, of one as it is on one board of Raspberry Pi's, and the files that
// Raspberry Pi OS links those to.
var known = regexp.MustCompile(`^(brcm/brcmfmac434(30|30b0|36|36s|55|56)-sdio(\.raspberrypi,[a-z0-9-]+)?|cypress/cyfmac434(30|55)-sdio(-standard|-minimal)?)\.(bin|txt|clm_blob)$`)

// limits are the sizes, in bytes, that each kind of file may have. The largest in use are 640 kB, 3 kB and 14 kB.
var limits = map[string]struct{ least, most int64 }{
	".bin": {64 << 10, 2 << 20}, ".txt": {64, 32 << 10}, ".clm_blob": {64, 128 << 10},
}

const (
	maxLicence = 512 << 10
	maxFiles   = 256
	maxLinks   = 8
)

// licence are the names under which its text lies beside the firmware.
var licence = regexp.MustCompile(`(?i)^(licen[cs]e([._-](broadcom_bcm43xx|cypress|infineon|brcm|broadcom))?(\.txt)?|copyright)$`)

// shelf is what a folder or a tar has, by path below /lib/firmware.
type shelf struct {
	files    map[string][]byte
	links    map[string]string
	licences map[string]string // by name
}

func newShelf() *shelf {
	return &shelf{files: map[string][]byte{}, links: map[string]string{}, licences: map[string]string{}}
}

// place is where below /lib/firmware a path of a source belongs: it may start anywhere above or in that folder.
func place(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	dir, base := path.Split(name)
	switch last := path.Base(dir); {
	case last == "brcm" || last == "cypress":
		return last + "/" + base
	case strings.HasPrefix(base, "brcmfmac"):
		return "brcm/" + base
	case strings.HasPrefix(base, "cyfmac"):
		return "cypress/" + base
	}
	return name
}

// wanted says whether a file is taken, and how long it may be.
func wanted(name string) (at string, most int64, ok bool) {
	p := place(name)
	switch {
	case known.MatchString(p):
		return p, limits[path.Ext(p)].most, true
	case licence.MatchString(path.Base(name)):
		return path.Base(name), maxLicence, true
	}
	return "", 0, false
}

func (s *shelf) put(name string, data []byte) error {
	p, most, ok := wanted(name)
	if !ok {
		return nil
	}
	if int64(len(data)) > most {
		return fmt.Errorf("wifi: %s is larger than %d kB: it is not what its name says", name, most>>10)
	}
	if len(s.files)+len(s.licences) >= maxFiles {
		return fmt.Errorf("wifi: more than %d files", maxFiles)
	}
	if !known.MatchString(p) {
		s.licences[p] = string(data)
		return nil
	}
	if l := limits[path.Ext(p)]; int64(len(data)) < l.least {
		return fmt.Errorf("wifi: %s has %d bytes, expected %d or more: it is not what its name says", name, len(data), l.least)
	}
	if path.Ext(p) == ".txt" && (!utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 || !bytes.Contains(data, []byte("="))) {
		return fmt.Errorf("wifi: %s: expected lines NAME=VALUE", name)
	}
	s.files[p] = data
	return nil
}

// firmware resolves links, and holds the whole against what an image needs. It leaves out what the driver does not ask
// for, and a board's file that is the same as its chip's, which the driver takes then.
func (s *shelf) firmware() (*Firmware, error) {
	f := &Firmware{}
	bins := false
	for name := range s.names() {
		to, ok := s.follow(name)
		if !ok {
			continue // a link to a file that is not there: the driver says so, on the one board
		}
		chip, _, ofBoard := strings.Cut(strings.TrimSuffix(name, path.Ext(name)), ".raspberrypi,")
		if same, ok := s.follow(chip + path.Ext(name)); ofBoard && ok && bytes.Equal(s.files[same], s.files[to]) {
			continue
		}
		if strings.HasPrefix(name, "cypress/") && !strings.Contains(name, "-minimal") {
			continue
		}
		f.Files = append(f.Files, File{name, s.files[to]})
		bins = bins || path.Ext(name) == ".bin"
	}
	if !bins {
		return nil, fmt.Errorf("wifi: %w", ErrNone)
	}
	if len(s.licences) == 0 {
		return nil, errors.New("wifi: no licence text beside the firmware, so it may not be passed on: put the file LICENCE.broadcom_bcm43xx or " +
			"copyright there; Debian and Raspberry Pi OS have it in /usr/share/doc/firmware-brcm80211")
	}
	for _, name := range slices.Sorted(maps.Keys(s.licences)) {
		f.Licence += s.licences[name] + "\n"
	}
	slices.SortFunc(f.Files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return f, nil
}

// names are those of all files and links.
func (s *shelf) names() map[string]bool {
	all := map[string]bool{}
	for name := range s.files {
		all[name] = true
	}
	for name := range s.links {
		all[name] = true
	}
	return all
}

// follow gives the file that a link leads to. Raspberry Pi OS lets its administrator choose between two firmwares of the
// 43455 by a link out of /lib/firmware: that is the standard one here.
func (s *shelf) follow(name string) (string, bool) {
	for range maxLinks {
		if _, ok := s.files[name]; ok {
			return name, true
		}
		to, ok := s.links[name]
		if standard := strings.TrimSuffix(name, ".bin") + "-standard.bin"; !ok || to == name || s.links[to] == "" && s.files[to] == nil {
			_, ok := s.files[standard]
			return standard, ok
		}
		name = to
	}
	return "", false
}

// Missing are the boards whose chip would find no firmware.
func (f *Firmware) Missing() (boards []string) {
	for _, c := range Chips {
		has := slices.ContainsFunc(f.Files, func(x File) bool {
			chip, _, _ := strings.Cut(strings.TrimPrefix(x.Path, "brcm/brcmfmac"), ".")
			return path.Ext(x.Path) == ".bin" && slices.Contains(c.Names, chip)
		})
		if !has {
			boards = append(boards, c.Boards)
		}
	}
	return boards
}
