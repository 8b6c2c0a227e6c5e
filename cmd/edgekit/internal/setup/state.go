// Package setup is what a kit knows of being set up: which settings count, the code that the next operator's device pairs
// with, and which slips about it were printed. All of it is in the data folder and outlives restarts and power cuts.
package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"edgekit.internal/hardware/whole"
)

// stateFile is in the data folder, mode 0600: it has the pairing code. State alone writes it, replaced as a whole, a few
// times a day: a crash leaves the old one or the new one. Damaged or lost, it is begun anew: the set-up slip is printed once
// more, with a code that no older slip has.
const stateFile = "setup.json"

// State is the file's content and its owner. Safe for concurrent use.
type State struct {
	path string
	log  *slog.Logger

	mu sync.Mutex
	is content
}

type content struct {
	Card   string          `json:"card,omitempty"`   // SHA-256 of the card's settings as this kit last read or wrote them, in hex
	Code   string          `json:"code"`             // that the next device pairs with
	Paired bool            `json:"paired,omitempty"` // a device ever was
	Slips  map[string]slip `json:"slips,omitempty"`
	Staff  []string        `json:"staff,omitempty"`  // see Staff
	Taught []taught        `json:"taught,omitempty"` // see Scanner

	PushOff bool `json:"push_off,omitempty"` // see PushOff
}

// OpenState reads the state in a data folder.
func OpenState(dir string, log *slog.Logger) *State {
	s := &State{path: filepath.Join(dir, stateFile), log: log}
	b, err := os.ReadFile(s.path)
	if err == nil {
		err = json.Unmarshal(b, &s.is)
	}
	if err != nil {
		s.is = content{}
		if !errors.Is(err, fs.ErrNotExist) {
			log.Warn("what the kit knew of its set-up is lost: its slip is printed again, with a new pairing code", "err", err)
		}
	}
	if s.is.Slips == nil {
		s.is.Slips = map[string]slip{}
	}
	return s
}

// change changes the state and keeps it. What could not be kept holds until the next start all the same.
func (s *State) change(f func(*content)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.is)
	b, err := json.Marshal(s.is)
	if err != nil {
		return fmt.Errorf("setup: %w", err)
	}
	return replace(s.path, b)
}

// read looks at the state.
func (s *State) read(f func(content)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.is)
}

// replace is whole.Replace, unless the text is there already.
func replace(path string, text []byte) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(text) {
		return nil
	}
	return whole.Replace(path, text)
}
