package catalog

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a table.
const (
	maxRows    = 100_000
	maxColumns = 1_000
)

// sheet is a table with names for its columns: CSV (RFC 4180), with whatever character between the fields.
type sheet struct {
	file     string
	text     string
	lines    []int // where each begins in text
	columns  map[string]int
	names    []string // of the columns, as they are written
	heads    []place  // where those are
	rows     []row
	problems Problems
}

// row is a line of the table, or several, where a field has line breaks in it.
type row struct {
	sheet  *sheet
	fields []string
	places []place
}

// place is where a field begins: its line, and its column in bytes, both from 1.
type place struct{ line, column int }

// readSheet reads a table whole. What is wrong with it as a table ends it at the first problem.
func readSheet(file, text string) *sheet {
	s := &sheet{file: file, text: text, lines: []int{0}, columns: map[string]int{}}
	for i := range len(text) {
		if text[i] == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = separator(text), -1
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.broken(err)
			return s
		}
		if s.names == nil {
			s.head(fields, r.FieldPos)
			if len(s.problems) > 0 {
				return s
			}
			continue
		}
		s.add(fields, r.FieldPos)
		if len(s.rows) > maxRows {
			s.problem(s.rows[maxRows].places[0], "more than %d lines: expected fewer", maxRows)
			return s
		}
	}
	if s.names == nil {
		s.problem(place{1, 1}, "the file is empty: expected a line with the columns' names, and one for each thing for sale")
	}
	return s
}

// separator is what stands between fields: of those that spreadsheets write, the one that the first line has most of outside of quotes.
func separator(text string) rune {
	line, _, _ := strings.Cut(text, "\n")
	count, quoted := map[rune]int{}, false
	for _, c := range line {
		if c == '"' {
			quoted = !quoted
		}
		if !quoted {
			count[c]++
		}
	}
	best := ','
	for _, c := range ";\t|" {
		if count[c] > count[best] {
			best = c
		}
	}
	return best
}

func (s *sheet) broken(err error) {
	var at *csv.ParseError
	if !errors.As(err, &at) {
		s.problem(place{1, 1}, "%v", err)
		return
	}
	what := at.Err.Error()
	switch {
	case errors.Is(at.Err, csv.ErrQuote) && at.StartLine < at.Line:
		what = fmt.Sprintf("the quotes of a field on line %d are not closed, or there is one of them in it: expected two for it", at.StartLine)
	case errors.Is(at.Err, csv.ErrQuote), errors.Is(at.Err, csv.ErrBareQuote):
		what = `a quote where none may be: expected the field in quotes, and two for each one in it, as in "3"" pipe"`
	}
	s.problem(place{at.Line, at.Column}, "%s", what)
}

// head reads the columns' names. Those without one are passed over, as spreadsheets add them.
func (s *sheet) head(fields []string, at func(int) (line, column int)) {
	s.names = fields
	if len(fields) > maxColumns {
		s.problem(place{1, 1}, "%d columns: expected at most %d", len(fields), maxColumns)
		return
	}
	for i, name := range fields {
		line, column := at(i)
		s.heads = append(s.heads, place{line, column})
		key := folded(name)
		if _, twice := s.columns[key]; twice {
			s.problem(s.heads[i], "the column %q is there twice", strings.TrimSpace(name))
		} else if key != "" {
			s.columns[key] = i
		}
	}
}

// folded is a column's name without what people and programs write differently.
func folded(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

func (s *sheet) add(fields []string, at func(int) (line, column int)) {
	r := row{sheet: s, fields: fields, places: make([]place, len(fields))}
	empty := true
	for i := range fields {
		r.places[i].line, r.places[i].column = at(i)
		empty = empty && strings.TrimSpace(fields[i]) == ""
	}
	if empty {
		return // as spreadsheets leave them at the end
	}
	if len(fields) != len(s.names) {
		s.problem(r.places[0], "%d fields: expected %d, one for each column", len(fields), len(s.names))
		return
	}
	s.rows = append(s.rows, r)
}

// has tells whether there are columns of all these names.
func (s *sheet) has(names ...string) bool {
	for _, n := range names {
		if _, ok := s.columns[folded(n)]; !ok {
			return false
		}
	}
	return true
}

// get is what a row has in the first of these columns that is there, without space around it.
func (r row) get(names ...string) string {
	for _, n := range names {
		if i, ok := r.sheet.columns[folded(n)]; ok {
			return strings.TrimSpace(r.fields[i])
		}
	}
	return ""
}

// headOf is where a column's name is.
func (s *sheet) headOf(column string) place {
	if i, ok := s.columns[folded(column)]; ok {
		return s.heads[i]
	}
	return place{1, 1}
}

// problem notes what is wrong with what a row has in the first of these columns that is there; with the row, if none is.
func (r row) problem(format string, args []any, names ...string) {
	at := r.places[0]
	for _, n := range names {
		if i, ok := r.sheet.columns[folded(n)]; ok {
			at = r.places[i]
			break
		}
	}
	r.sheet.problem(at, format, args...)
}

// problem notes what is wrong at a place.
func (s *sheet) problem(at place, format string, args ...any) {
	if len(s.problems) >= maxProblems {
		return
	}
	column := at.column
	if at.line >= 1 && at.line <= len(s.lines) {
		begin := s.lines[at.line-1]
		column = 1 + utf8.RuneCountInString(s.text[begin:min(len(s.text), begin+max(0, at.column-1))])
	}
	s.problems = append(s.problems, Problem{s.file, at.line, column, fmt.Sprintf(format, args...)})
}
