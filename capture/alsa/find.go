// Package alsa runs microphones through the kernel's own sound interface (include/uapi/sound/asound.h, the kernel's
// sound/designs/timestamping documentation), without C: it finds them, picks a mode, and turns what they send into even 20 ms pieces of
// sound on the machine's clock, whatever rate a card has and however far its crystal is off.
package alsa

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// maxCards bounds what is looked at: the kernel has 32 at most.
const maxCards = 32

// Info is a microphone that was found.
type Info struct {
	Path   string // "/dev/snd/pcmC1D0c"
	Name   string // as the device calls itself
	Driver string // such as "USB-Audio"
	Camera bool   // it is part of a USB camera
}

// Find lists what records sound among /dev/snd/pcm*, the likeliest first: a USB microphone, which somebody has plugged in for it, then the one in
// a USB camera, then what is built in or on a board, and last the kernel's own cards that hear nothing. Devices that just went are left out.
func Find() (found []Info) {
	for _, path := range Nodes() {
		if info, err := inspect(path); err == nil {
			found = append(found, info)
		}
	}
	slices.SortStableFunc(found, func(a, b Info) int { return cmp.Compare(rank(a), rank(b)) })
	return found
}

func rank(i Info) int {
	switch {
	case i.Driver == "USB-Audio" && !i.Camera:
		return 0
	case i.Camera:
		return 1
	case i.Driver == "Loopback", i.Driver == "Dummy":
		return 3
	}
	return 2
}

// Nodes are the names of what Find looks at, in the order of their numbers.
func Nodes() (paths []string) {
	all, err := filepath.Glob("/dev/snd/pcmC*D*c")
	if err != nil {
		return nil // the pattern is none that can be wrong
	}
	for _, p := range all {
		if _, _, err := numbers(p); err == nil {
			paths = append(paths, p)
		}
	}
	slices.SortFunc(paths, func(a, b string) int {
		c1, d1, _ := numbers(a)
		c2, d2, _ := numbers(b)
		return cmp.Or(cmp.Compare(c1, c2), cmp.Compare(d1, d2))
	})
	return paths
}

// Path is the device of a name as ALSA's users write it: hw:CARD,DEVICE, or hw:CARD for its first.
func Path(name string) (string, error) {
	rest, ok := strings.CutPrefix(name, "hw:")
	card, device := 0, 0
	if n, err := fmt.Sscanf(rest+",", "%d,%d,", &card, &device); n == 0 || !ok || n == 1 && strings.Contains(rest, ",") || err != nil && n == 2 {
		return "", fmt.Errorf("microphone %.40q, expected hw:CARD,DEVICE, such as hw:1,0", name)
	}
	path := fmt.Sprintf("/dev/snd/pcmC%dD%dc", card, device)
	if _, _, err := numbers(path); err != nil || name != fmt.Sprintf("hw:%d,%d", card, device) && name != fmt.Sprintf("hw:%d", card) {
		return "", fmt.Errorf("microphone %.40q, expected hw:CARD,DEVICE, such as hw:1,0", name)
	}
	return path, nil
}

// numbers are those of card and device in a path.
func numbers(path string) (card, device int, err error) {
	name := filepath.Base(path)
	if _, err = fmt.Sscanf(name, "pcmC%dD%dc", &card, &device); err != nil {
		return 0, 0, err
	}
	if card < 0 || card >= maxCards || device < 0 || device > 255 || name != fmt.Sprintf("pcmC%dD%dc", card, device) {
		return 0, 0, fmt.Errorf("%s is no recording device", path)
	}
	return card, device, nil
}

// inspect asks the card what it is. The recording device itself is not opened: that takes it from whoever uses it.
func inspect(path string) (Info, error) {
	card, _, err := numbers(path)
	if err != nil {
		return Info{}, err
	}
	fd, err := unix.Open(fmt.Sprintf("/dev/snd/controlC%d", card), unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return Info{}, err
	}
	var c cardInfo
	err = errors.Join(ioctl(fd, ctlCardInfo, &c), unix.Close(fd))
	if err != nil {
		return Info{}, fmt.Errorf("ask what it is (SNDRV_CTL_IOCTL_CARD_INFO): %w", err)
	}
	return Info{Path: path, Name: text(c.name[:]), Driver: text(c.driver[:]), Camera: ofCamera(fmt.Sprintf("/sys/class/sound/card%d/device", card))}, nil
}

// ofCamera tells whether one of the interfaces beside a card's, in the same USB device, is for video (class 0x0e, USB's defined class codes).
func ofCamera(device string) bool {
	at, err := filepath.EvalSymlinks(device)
	if err != nil {
		return false
	}
	classes, err := filepath.Glob(filepath.Join(filepath.Dir(at), "*:*", "bInterfaceClass"))
	if err != nil {
		return false
	}
	return slices.ContainsFunc(classes, func(f string) bool {
		b, err := os.ReadFile(f)
		return err == nil && strings.TrimSpace(string(b)) == "0e"
	})
}

// text is a string of the kernel's, which a USB device may have chosen: up to the first NUL, printable.
func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), "?")))
}
