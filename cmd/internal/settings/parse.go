package settings

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// File is a settings file that holds.
type File struct {
	Settings Settings
	Text     []byte // as it is kept: UTF-8, without a byte order mark
	Values   map[string]any
	places   map[string]place
}

// place is a line and a column in characters, both from 1.
type place struct{ line, column int }

// Parse reads a settings file and checks all of it. Either there are problems, at most 50, in the order of the file, or
// the File is good. Values holds what the file says, by key, as its Go type.
func Parse(raw []byte) (*File, Problems) {
	text, at, err := decode(raw)
	if err != nil {
		return nil, Problems{{Line: at.line, Column: at.column, What: err.Error()}}
	}
	f := &File{Settings: Default(), Text: text, Values: map[string]any{}, places: map[string]place{}}
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return nil, Problems{syntax(text, err)}
	}
	w := &walk{File: f, tree: tree, known: map[string]field{}, sections: sections()}
	for _, field := range fields() {
		w.known[field.key] = field
	}
	w.document()
	if len(w.problems) == 0 {
		w.problems = append(w.problems, f.rules()...)
	}
	if len(w.problems) > 0 {
		return nil, w.problems.sorted()
	}
	return f, nil
}

// Place is where a key is set; 0, 0: nowhere.
func (f *File) Place(key string) (line, column int) { return f.places[key].line, f.places[key].column }

// walk goes through a file that is TOML, expression by expression, since only the parser knows where things are. The
// values themselves are taken from the tree.
type walk struct {
	*File
	parser   unstable.Parser
	tree     map[string]any
	known    map[string]field
	sections map[string]string
	problems Problems
}

func (w *walk) document() {
	w.parser.Reset(w.Text)
	var table []string
	skip := false // within a table that is a problem already
	for w.parser.NextExpression() {
		switch e := w.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			var at place
			table, at = w.key(nil, e.Key())
			name := strings.Join(table, ".")
			_, isSection := w.sections[name]
			skip = !isSection || e.Kind == unstable.ArrayTable
			switch {
			case !isSection:
				w.problem(at, name, fmt.Sprintf("unknown section %q: expected %s", name, w.instead(name)))
			case skip:
				w.problem(at, name, fmt.Sprintf("expected [%s], with one pair of brackets", name))
			}
		case unstable.KeyValue:
			if !skip {
				w.value(table, e)
			}
		}
	}
	if err := w.parser.Error(); err != nil { // it was TOML a moment ago
		w.problem(place{1, 1}, "", err.Error())
	}
}

// value takes one KEY = VALUE, or each of those within { }.
func (w *walk) value(table []string, e *unstable.Node) {
	path, at := w.key(table, e.Key())
	name := strings.Join(path, ".")
	f, ok := w.known[name]
	_, isSection := w.sections[name]
	switch {
	case isSection && e.Value().Kind == unstable.InlineTable:
		for within := e.Value().Children(); within.Next(); {
			w.value(path, within.Node())
		}
	case isSection:
		w.problem(at, name, fmt.Sprintf("expected a section: a line [%s], and below it what is set", name))
	case !ok:
		w.problem(at, name, fmt.Sprintf("unknown key %q: expected %s", name, w.instead(name)))
	default:
		v := w.lookup(path)
		w.places[name] = at
		if err := f.set(&w.Settings, v); err != nil {
			w.problem(at, name, err.Error())
			return
		}
		w.Values[name] = v
	}
}

// key is the whole path of a key within a table, and where its first part begins.
func (w *walk) key(table []string, parts unstable.Iterator) (path []string, at place) {
	path = slices.Clone(table)
	for parts.Next() {
		n := parts.Node()
		if at.line == 0 {
			at = placeOf(w.Text, int(n.Raw.Offset))
		}
		path = append(path, string(n.Data))
	}
	return path, at
}

func (w *walk) lookup(path []string) any {
	var v any = w.tree
	for _, part := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[part]
	}
	return v
}

func (w *walk) problem(at place, key, what string) {
	w.problems = append(w.problems, Problem{Line: at.line, Column: at.column, Key: printable(key), What: what})
}

func placeOf(text []byte, offset int) place {
	before := string(text[:min(offset, len(text))])
	line := strings.Count(before, "\n") + 1
	return place{line, utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1}
}

// syntax is what is wrong with a text that is no TOML.
func syntax(text []byte, err error) Problem {
	p := Problem{Line: 1, Column: 1, What: strings.TrimPrefix(err.Error(), "toml: ")}
	var at *toml.DecodeError
	if !errors.As(err, &at) {
		return p
	}
	p.Line, p.Column = at.Position()
	lines := strings.Split(string(text), "\n")
	line := lines[min(p.Line, len(lines))-1]
	p.Column = utf8.RuneCountInString(line[:min(max(p.Column-1, 0), len(line))]) + 1
	hint := `expected KEY = "VALUE", such as camera = "auto"`
	if strings.ContainsAny(line, "“”„‘’«»") {
		hint = `expected straight quotes "…", not those of a word processor`
	}
	p.What = printable(p.What) + ": " + hint
	return p
}
