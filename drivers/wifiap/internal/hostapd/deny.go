package hostapd

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// ErrFull says that no more addresses can be kept out.
var ErrFull = errors.New("hostapd: 1000 addresses are kept out already")

const maxDenied = 1000

// Deny adds an address to a file of those that are not let in.
func Deny(path, mac string) error {
	all, err := Denied(path)
	if err != nil || slices.Contains(all, mac) {
		return err
	}
	if len(all) >= maxDenied {
		return ErrFull
	}
	return writeDenied(path, append(all, mac))
}

// Allow takes an address out of the file.
func Allow(path, mac string) error {
	all, err := Denied(path)
	if err != nil {
		return err
	}
	return writeDenied(path, slices.DeleteFunc(all, func(s string) bool { return s == mac }))
}

// Denied are the addresses in the file.
func Denied(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("hostapd: who is kept out: %w", err)
	}
	return strings.Fields(string(b)), nil
}

func writeDenied(path string, all []string) error {
	text := strings.Join(all, "\n") + "\n"
	err := os.WriteFile(path+".new", []byte(text), 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("hostapd: who is kept out: %w", err)
	}
	return nil
}
