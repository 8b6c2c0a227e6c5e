package settings

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Problem is one thing that is wrong with a settings file. Line and Column count from 1, columns in characters; they are 0
// where the file has no such place. What says what is there, unless it is secret, and what was expected.
type Problem struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Key    string `json:"key,omitempty"`
	What   string `json:"what"`
}

// String is the problem in a line without the file's name.
func (p Problem) String() string {
	s := p.What
	if p.Key != "" && !strings.Contains(s, fmt.Sprintf("%q", p.Key)) {
		s = p.Key + ": " + s
	}
	if p.Line > 0 {
		return fmt.Sprintf("line %d, column %d: %s", p.Line, p.Column, s)
	}
	return s
}

// In is String with the file's name in front, as compilers write it.
func (p Problem) In(file string) string {
	s := p
	s.Line = 0
	if p.Line == 0 {
		return file + ": " + s.String()
	}
	return fmt.Sprintf("%s:%d:%d: %s", file, p.Line, p.Column, s)
}

// Problems are all of a file's.
type Problems []Problem

// maxProblems bounds them: who has more has another problem.
const maxProblems = 50

func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Or(a.Line-b.Line, a.Column-b.Column) })
	return ps[:min(len(ps), maxProblems)]
}

// In is an error of one line with all of them.
func (ps Problems) In(file string) error {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.In(file)
	}
	return fmt.Errorf("%s", strings.Join(lines, "; "))
}

// printable is a text in one line, for messages: what it was made of comes from outside.
func printable(s string) string {
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != '\u00a0' {
			return '?'
		}
		return r
	}, s)
}
