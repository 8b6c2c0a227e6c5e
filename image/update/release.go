// Package update replaces a kit's system by a newer, signed one, beside the old one, and never instead of it.
//
// The card has two slots, a and b. A slot is a root file system (partitions 2 and 3) and a folder of the boot partition
// with the kernel, device trees and command line that belong to it. An update goes into the slot that is not running, is
// read back from the card and held against its signed manifest, and is started once. The new system's guard (program
// image/update/guard) keeps it when it becomes healthy; whatever else happens, the next start is the old one's.
//
// What no part of this covers: the board's own firmware on the boot partition (bootcode.bin, start*.elf) and config.txt
// have one copy and are never replaced.
package update

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// Where a system says what it is, and whose updates it takes. Both are made with the image and lie in its root.
const (
	ReleaseFile = "/etc/edgekit/release.json"
	KeysFile    = "/etc/edgekit/update.pub"
)

// boardFile lists what the board is, from the most exact word on, each ended by a zero byte (Devicetree Specification
// 0.4, section 2.3.1, "compatible").
const boardFile = "/proc/device-tree/compatible"

// Release names a system.
type Release struct {
	Version string   `json:"version"` // for people: a date and a commit
	Serial  int64    `json:"serial"`  // higher is newer: the commit's time in seconds since 1970
	Boards  []string `json:"boards"`  // it runs on these: words of a device tree's "compatible", such as raspberrypi,4-model-b
}

// ReadRelease reads ReleaseFile.
func ReadRelease(path string) (r Release, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return r, fmt.Errorf("update: %w", err)
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, fmt.Errorf("update: %s: %w", path, err)
	}
	return r, nil
}

// ReadKeys reads KeysFile: public keys in base64, one a line.
func ReadKeys(path string) (keys []ed25519.PublicKey, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("update: %w", err)
	}
	for n, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("update: %s:%d: expected an Ed25519 public key, 44 characters of base64", path, n+1)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// Board reads what the board is, the most exact word first.
func Board() ([]string, error) {
	text, err := os.ReadFile(boardFile)
	if err != nil {
		return nil, fmt.Errorf("update: what board this is: %w", err)
	}
	return words(text), nil
}

func words(text []byte) (list []string) {
	for w := range bytes.SplitSeq(text, []byte{0}) {
		if len(w) > 0 {
			list = append(list, string(w))
		}
	}
	return list
}

// fits says whether a release runs on a board.
func (r Release) fits(board []string) bool {
	return slices.ContainsFunc(board, func(w string) bool { return slices.Contains(r.Boards, w) })
}

// Refusal is an update that a kit does not take. The running system is untouched.
type Refusal struct {
	Reason string // stable: not-a-bundle, signature, board, downgrade, same, failed-before, damaged, busy, card
	Detail string // for people: what happened, what it means, what to do
}

func (r Refusal) Error() string { return r.Detail }

func refuse(reason, format string, args ...any) error {
	return Refusal{reason, fmt.Sprintf(format, args...)}
}

// Reason is a Refusal's, or "unavailable": the kit could not, for a reason of its own.
func Reason(err error) string {
	var r Refusal
	if errors.As(err, &r) {
		return r.Reason
	}
	return "unavailable"
}
