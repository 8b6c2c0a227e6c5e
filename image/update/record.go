package update

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"edgekit.internal/hardware/whole"
)

// A trial that is under way is noted in the folder of updates on the data partition, so that the old system knows what
// became of it. Files there, each replaced as a whole (a power cut leaves the old or the new):
//
//	trial.json      written by Install and by Judge as it moves on; taken away when it is decided
//	manifest.json   what is on trial, with manifest.sig, written by Install
//	history.json    what was decided, the last maxHistory; written by Judge alone
const (
	trialFile   = "trial.json"
	historyFile = "history.json"
	maxHistory  = 20
)

// phase is how far a trial got.
type phase string

const (
	phaseReady   phase = "ready"   // in its slot, not yet started
	phaseRestart phase = "restart" // the restart into it was asked for
	phaseRuns    phase = "runs"    // its guard runs
	phaseFailed  phase = "failed"  // its guard gave up, and says why
)

type trial struct {
	Release
	ID     string `json:"id"`     // of chance: its verdict has it too
	Digest string `json:"digest"` // SHA-256 of the manifest, hexadecimal
	From   string `json:"from"`   // the old system's version
	Slot   Slot   `json:"slot"`
	Phase  phase  `json:"phase"`
	Why    string `json:"why,omitempty"`
}

// Verdict is what became of an update.
type Verdict struct {
	Version string    `json:"version"`
	Digest  string    `json:"digest"`
	From    string    `json:"from"`
	Outcome string    `json:"outcome"` // kept, failed or interrupted
	Why     string    `json:"why"`     // for people
	At      time.Time `json:"at"`      // by a wall clock that may be wrong
	Trial   string    `json:"trial"`   // its id
}

// Outcomes of a trial. One that was interrupted ended without a word: the power went, or the system was too sick to say
// so. It may be tried once more.
const (
	Kept        = "kept"
	Failed      = "failed"
	Interrupted = "interrupted"
)

// History is what became of the last updates, the latest last.
func History(dir string) (list []Verdict, err error) {
	err = readJSON(filepath.Join(dir, historyFile), &list)
	return list, err
}

func remember(dir string, v Verdict) error {
	list, err := History(dir)
	if err != nil {
		list = nil // an unreadable history is no reason to keep no new one
	}
	list = append(list, v)
	return writeJSON(filepath.Join(dir, historyFile), list[max(0, len(list)-maxHistory):])
}

// decided tells whether a trial has its verdict already: the power may go before its note is taken away.
func decided(list []Verdict, t *trial) bool {
	return t.ID != "" && slices.ContainsFunc(list, func(v Verdict) bool { return v.Trial == t.ID })
}

// before is how often what has this digest failed, and was interrupted.
func before(list []Verdict, digest string) (failed, interrupted int) {
	for _, v := range list {
		switch {
		case v.Digest != digest:
		case v.Outcome == Failed:
			failed++
		case v.Outcome == Interrupted:
			interrupted++
		}
	}
	return failed, interrupted
}

func readTrial(dir string) (t *trial, err error) {
	t = new(trial)
	err = readJSON(filepath.Join(dir, trialFile), t)
	if err != nil || t.Slot == 0 {
		return nil, err
	}
	return t, nil
}

func (t *trial) write(dir string) error { return writeJSON(filepath.Join(dir, trialFile), t) }

// readJSON leaves v as it is when there is no file.
func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return fmt.Errorf("update: %s: %w", filepath.Base(path), err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return whole.Replace(path, text)
}

// digestOf is a manifest's name in the history.
func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
