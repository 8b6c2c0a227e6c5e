// Package licence finds the licences of the image's parts, names the common ones, and writes the notices that have to go
// with the image.
package licence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Unknown is what SPDX 2.3 has for a licence that nothing is said about.
const Unknown = "NOASSERTION"

// phrases are what a common licence's text has, in small letters with single spaces, and what tells it from its kin.
var phrases = []struct {
	id          string
	has, hasNot []string
}{
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining a copy", "the above copyright notice and this permission notice shall be included"}, nil},
	{"ISC", []string{"permission to use, copy, modify, and", "distribute this software for any purpose with or without fee is hereby granted", "copyright notice and this permission notice appear in all copies"}, nil},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "neither the name"}, []string{"all advertising materials"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms", "in binary form must reproduce the above copyright notice"}, []string{"neither the name", "all advertising materials", "names of its contributors may not", "may not be used to endorse"}},
	{"Apache-2.0", []string{"apache license", "version 2.0, january 2004"}, nil},
	{"MPL-2.0", []string{"mozilla public license version 2.0"}, nil},
}

// strange are phrases of licences that are not told apart here: with one, nothing is said.
var strange = []string{"this is free and unencumbered software", "gnu general public license", "gnu lesser general public license", "creative commons", "all advertising materials"}

// Detect names the licences in a text as an SPDX expression, MIT AND Apache-2.0, or Unknown. It knows MIT, ISC, BSD with
// two and three clauses, Apache 2.0 and MPL 2.0 by their wording.
func Detect(text string) string {
	t := strings.ToLower(strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n*#/", r) }), " "))
	var found []string
	for _, p := range phrases {
		has := func(s string) bool { return strings.Contains(t, s) }
		if !slices.ContainsFunc(p.has, func(s string) bool { return !has(s) }) && !slices.ContainsFunc(p.hasNot, has) {
			found = append(found, p.id)
		}
	}
	mpl := slices.Contains(found, "MPL-2.0") // it names the GNU licences, as those it may be combined with
	if len(found) == 0 || !mpl && slices.ContainsFunc(strange, func(s string) bool { return strings.Contains(t, s) }) {
		return Unknown
	}
	return strings.Join(found, " AND ")
}

// name is what licence files are called.
var name = regexp.MustCompile(`(?i)^(licen[cs]es?|copying|copyright|notice|patents|unlicense)([._-].*)?$`)

// declares are those among them that a module's own licence is declared in.
var declares = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|unlicense)([._-].*)?$`)

// Text is a licence file.
type Text struct {
	Name string // below the part's folder
	Text string
}

// Part is a part of the image.
type Part struct {
	Name, Version string
	SPDX          string // an expression, or Unknown
	Source        string // of a GPL program: where its source is
	Texts         []Text
}

// maxText is the largest licence file that is taken, in bytes: gcc's has 70 kB.
const maxText = 1 << 20

// ErrNone is when a part has no licence file.
var ErrNone = errors.New("no licence file")

// OfModule is a module's part, from the licence files in its folder and below. A module without one at its top cannot be
// passed on.
func OfModule(module, version, dir string) (Part, error) {
	p := Part{Name: module, Version: version}
	var declared []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); path != dir && (base == "testdata" || base == "LICENSES" || strings.HasPrefix(base, ".")) {
				return filepath.SkipDir // LICENSES has, by REUSE's rules, what the top has too
			}
			return nil
		}
		if !name.MatchString(d.Name()) || strings.HasSuffix(d.Name(), ".go") || strings.HasSuffix(d.Name(), ".tmpl") || !d.Type().IsRegular() {
			return nil
		}
		text, err := readText(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if !strings.Contains(rel, "/") && declares.MatchString(rel) {
			declared = append(declared, Detect(text))
		}
		p.Texts = append(p.Texts, Text{rel, text})
		return nil
	})
	if err != nil {
		return p, fmt.Errorf("licence: %s: %w", module, err)
	}
	if declared == nil {
		return p, fmt.Errorf("licence: %s %s: %w: expected one at the module's top, so that the image may be passed on", module, version, ErrNone)
	}
	slices.Sort(declared)
	p.SPDX = strings.Join(slices.Compact(declared), " AND ")
	if slices.Contains(declared, Unknown) {
		p.SPDX = Unknown
	}
	return p, nil
}

// OfFile is a part whose licence is in one file, such as Debian's copyright files.
func OfFile(part, version, path string) (Part, error) {
	text, err := readText(path)
	if err != nil {
		return Part{}, fmt.Errorf("licence: %s: %w", part, err)
	}
	return Part{Name: part, Version: version, SPDX: Unknown, Texts: []Text{{filepath.Base(path), text}}}, nil
}

func readText(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if st.Size() > maxText {
		return "", fmt.Errorf("%s: larger than %d kB", path, maxText>>10)
	}
	text, err := os.ReadFile(path)
	return strings.ToValidUTF8(string(text), "?"), err
}
