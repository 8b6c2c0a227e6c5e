package setup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"edgekit.internal/cmd/internal/settings"
)

// Card is the boot partition, on which people drop settings and find out what is wrong with them.
type Card struct {
	Read   func(name string) ([]byte, error) // fs.ErrNotExist: no such file
	Write  func(name string, text []byte) error
	Remove func(name string) error // no error when there is none
}

// Two files in the data folder are written by Book alone, each replaced as a whole. settings.Name has the settings that the kit last
// started with: they have been good. nextFile has what an operator saved in the console since: it becomes the former once the
// kit has started with it, and is dropped if that fails.
const nextFile = "edgekit.next.toml"

// ErrorFile is what the boot partition is told of settings that were refused.
const ErrorFile = "edgekit-error.txt"

// Where settings come from.
const (
	FromCard    = "card"
	FromConsole = "console"
	FromKept    = "kept"
	FromFile    = "file"
)

// Candidate is a text that the kit may start with.
type Candidate struct {
	From string
	Name string // of its file, for messages
	Text []byte
}

// Refusal is a file that was refused whole, and why.
type Refusal struct {
	From     string            `json:"from"`
	File     string            `json:"file"`
	Problems settings.Problems `json:"problems"`
	digest   string
}

// Digest names what was refused: the same text again is the same refusal.
func (r *Refusal) Digest() string { return r.digest }

// Book knows which settings count. The boot partition's file wins if it changed since this kit last read it, then what was
// saved in the console, then what the kit last started with. Safe for concurrent use.
type Book struct {
	dir   string
	name  string // on the card; empty: there is none
	file  string // the one file that counts, if a person named it
	card  Card
	state *State
	log   *slog.Logger

	mu       sync.Mutex
	used     Candidate
	onCard   []byte // as read at start; nil: none, or it could not be read
	refusal  *Refusal
	dropNext bool
	pending  bool
}

// NewBook opens the settings in a data folder. name is the boot partition's file; empty: there is no boot partition.
func NewBook(dir, name string, card Card, state *State, log *slog.Logger) *Book {
	return &Book{dir: dir, name: name, card: card, state: state, log: log}
}

// OneFile is a book of one file that a person named. It is what is edited.
func OneFile(path string, text []byte, state *State, log *slog.Logger) *Book {
	return &Book{file: path, state: state, log: log, used: Candidate{From: FromFile, Name: path, Text: text}}
}

// Candidates are what the kit may start with, the first that works.
func (b *Book) Candidates() (all []Candidate) {
	onCard := b.readCard()
	var kept []Candidate
	for _, c := range []Candidate{{From: FromConsole, Name: nextFile}, {From: FromKept, Name: settings.Name}} {
		text, err := os.ReadFile(filepath.Join(b.dir, c.Name))
		if err == nil {
			c.Text = text
			kept = append(kept, c)
		} else if !errors.Is(err, fs.ErrNotExist) {
			b.log.Error("settings cannot be read", "file", c.Name, "err", err)
		}
	}
	switch {
	case onCard == nil:
		return kept
	case b.known(onCard.Text), torn(onCard.Text, kept):
		return append(kept, *onCard) // if what is kept is damaged
	}
	return append([]Candidate{*onCard}, kept...)
}

// torn tells whether the card has the beginning of what was saved in the console: the power went as that was written to it.
func torn(onCard []byte, kept []Candidate) bool {
	return len(kept) > 0 && kept[0].From == FromConsole && bytes.HasPrefix(kept[0].Text, onCard)
}

func (b *Book) readCard() *Candidate {
	if b.name == "" {
		return nil
	}
	text, err := b.card.Read(b.name)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			b.log.Error("no settings from the boot partition, the last good ones stay", "err", err)
		}
		return nil
	}
	b.onCard = text
	return &Candidate{From: FromCard, Name: b.name, Text: text}
}

func (b *Book) known(text []byte) (known bool) {
	b.state.read(func(c content) { known = c.Card == digest(text) })
	return known
}

// Refuse notes that a candidate is no good. The first refusal is the one that is shown.
func (b *Book) Refuse(c Candidate, problems settings.Problems) {
	b.log.Error("settings are refused, the last good ones stay", "from", c.From, "err", problems.In(c.Name))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refusal == nil {
		b.refusal = &Refusal{From: c.From, File: c.Name, Problems: problems, digest: digest(c.Text)}
	}
	if c.From == FromConsole {
		b.dropNext = true
	}
}

// Use notes that the kit has started with a candidate, or with none (its zero value), and brings files and boot partition
// in line with that. The card is written to only where it says something else. Trouble with files is logged: the kit has
// its settings.
func (b *Book) Use(c Candidate) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used = c
	if f, problems := settings.Parse(c.Text); problems == nil {
		b.used.Text = f.Text // as it is edited, whatever it was saved as
	}
	warn := func(what string, err error) {
		if err != nil {
			b.log.Warn(what, "err", err)
		}
	}
	if c.From != "" {
		warn("settings are used, and could not be kept", replace(filepath.Join(b.dir, settings.Name), c.Text))
	}
	if b.dropNext || c.From == FromConsole || c.From == FromCard {
		if err := os.Remove(filepath.Join(b.dir, nextFile)); !errors.Is(err, fs.ErrNotExist) {
			warn("settings from the console are still there", err)
		}
	}
	if b.name == "" {
		return
	}
	switch {
	case c.From == FromCard:
		warn("the card's settings are used, and will be read again", b.remember(c.Text))
	case b.refusal != nil && b.refusal.From == FromConsole:
		warn("the card's settings will not be read again", b.forget()) // they are those refused: so they are at the next start
	case b.refusal == nil && b.onCard != nil && c.Text != nil && string(c.Text) != string(b.onCard):
		warn("the card does not have the settings that are used", b.toCard(c.Text)) // it could not be written when they were saved
	}
	warn(ErrorFile+" on the card is not as it should be", b.report())
}

// report tells the boot partition of a refusal, or that there is none any more.
func (b *Book) report() error {
	if b.refusal == nil {
		return b.card.Remove(ErrorFile)
	}
	text := b.refusal.Report()
	if there, err := b.card.Read(ErrorFile); err == nil && string(there) == string(text) {
		return nil
	}
	return b.card.Write(ErrorFile, text)
}

func (b *Book) remember(text []byte) error {
	sum := digest(text)
	if b.known(text) {
		return nil
	}
	return b.state.change(func(c *content) { c.Card = sum })
}

func (b *Book) forget() error { return b.state.change(func(c *content) { c.Card = "" }) }

func (b *Book) toCard(text []byte) error {
	if there, err := b.card.Read(b.name); err != nil || string(there) != string(text) {
		if err := b.card.Write(b.name, text); err != nil {
			return err
		}
	}
	b.onCard = text
	return b.remember(text)
}

// Text is what the kit will start with next, and pending whether that is not what it runs with.
func (b *Book) Text() (text string, pending bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.used.Text), b.pending
}

// Refusal is what was refused, nil: nothing.
func (b *Book) Refusal() *Refusal {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refusal
}

// Save keeps a text that was checked as the settings of the next start, in the data folder and on the boot partition. An
// error from the latter alone is onCard: the settings hold all the same.
func (b *Book) Save(text []byte) (onCard, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	path := filepath.Join(b.dir, nextFile)
	if b.file != "" {
		path = b.file
	}
	if err := replace(path, text); err != nil {
		return nil, err
	}
	b.used.Text, b.refusal, b.pending = text, nil, true
	if b.name == "" {
		return nil, nil
	}
	if onCard = errors.Join(b.toCard(text), b.report()); onCard != nil {
		onCard = fmt.Errorf("setup: %w", onCard)
	}
	return onCard, nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
