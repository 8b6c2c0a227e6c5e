package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"edgekit.internal/cmd/edgectl/internal/flash"
	"edgekit.internal/cmd/internal/settings"
)

// maxSettings is the size of the largest settings file that a kit reads, in bytes.
const maxSettings = 1 << 20

// cardSettings is what is put on a flashed card's boot partition, as a person would drop it there. mtools writes it: nothing is
// mounted, so this works without a desktop.
type cardSettings struct {
	path  string
	mcopy string
}

// newCardSettings checks them as the kit will, before the card is written to.
func newCardSettings(path string) (*cardSettings, error) {
	mcopy, err := exec.LookPath("mcopy")
	if err != nil {
		return nil, fault{errors.New("--settings needs mcopy, Debian's package mtools; or put the file on the card's partition EDGEKIT by hand, as edgekit.toml")}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault{err}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSettings+1))
	if err != nil {
		return nil, fault{err}
	}
	if len(text) > maxSettings {
		return nil, fault{fmt.Errorf("%s: larger than 1 MB", path)}
	}
	if _, problems := settings.Parse(text); len(problems) > 0 {
		return nil, fault{problems.In(path)}
	}
	return &cardSettings{path, mcopy}, nil
}

// put writes them onto a card, and reads them back.
func (s *cardSettings) put(card flash.Card) error {
	at, err := bootPartition(card.Device)
	if err != nil {
		return err
	}
	fat := fmt.Sprintf("%s@@%d", card.Device, at)
	if _, err := s.run("-o", "-i", fat, s.path, "::edgekit.toml"); err != nil {
		return err
	}
	f, err := os.OpenFile(card.Device, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	got, err := s.run("-i", fat, "::edgekit.toml", "-")
	if err != nil {
		return err
	}
	if want, err := os.ReadFile(s.path); err != nil || !bytes.Equal(got, want) {
		return errors.Join(errors.New("the card does not give the settings back as they were written: put them there by hand, as edgekit.toml"), err)
	}
	return nil
}

func (s *cardSettings) run(args ...string) ([]byte, error) {
	c := exec.Command(s.mcopy, args...)
	c.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "MTOOLSRC="+os.DevNull)
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		return nil, fmt.Errorf("the card is flashed, but has no settings: mcopy: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return out.Bytes(), nil
}

// bootPartition is where the first FAT in a card's MBR begins, in bytes.
func bootPartition(device string) (int64, error) {
	f, err := os.Open(device)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	mbr := make([]byte, 512)
	if _, err := f.ReadAt(mbr, 0); err != nil {
		return 0, fmt.Errorf("settings: %w", err)
	}
	for i := range 4 {
		e := mbr[446+16*i:][:16]
		if kind := e[4]; kind == 0x0b || kind == 0x0c || kind == 0x0e {
			return int64(binary.LittleEndian.Uint32(e[8:])) * 512, nil
		}
	}
	return 0, errors.New("the card is flashed, but has no boot partition for the settings: is this edgekit's image?")
}
