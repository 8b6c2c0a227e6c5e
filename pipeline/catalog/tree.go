package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// node is a JSON value that knows where it stood, so that what is wrong with it can be pointed at.
type node struct {
	at    int // offset of its first byte
	value any // string, json.Number, bool, nil, []node or *object
}

type object struct {
	keys   []string
	fields map[string]node
	keyAt  map[string]int
}

// reader turns a document into nodes; problems in the JSON itself end it, all others are collected.
type reader struct {
	file     string
	doc      []byte
	dec      *json.Decoder
	problems Problems
}

const maxDepth = 8

// position turns an offset into line and column, both from 1, the column in characters as editors count them.
func (r *reader) position(at int) (line, column int) {
	at = min(max(at, 0), len(r.doc))
	before := r.doc[:at]
	line = 1 + bytes.Count(before, []byte{'\n'})
	return line, 1 + len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:])))
}

func (r *reader) problem(at int, format string, args ...any) {
	if len(r.problems) < maxProblems { // beyond them places are not worked out either: each costs a look at the whole file
		line, column := r.position(at)
		r.problems = append(r.problems, Problem{r.file, line, column, fmt.Sprintf(format, args...)})
	}
}

// next skips to where the next token begins.
func (r *reader) next() int {
	at := int(r.dec.InputOffset())
	for at < len(r.doc) && bytes.IndexByte([]byte(" \t\r\n,:"), r.doc[at]) >= 0 {
		at++
	}
	return at
}

// parse reads the whole document.
func (r *reader) parse() (node, bool) {
	r.dec = json.NewDecoder(bytes.NewReader(r.doc))
	r.dec.UseNumber()
	n, err := r.node(0)
	if err == nil {
		at := r.next()
		if _, more := r.dec.Token(); !errors.Is(more, io.EOF) {
			r.problem(at, "expected the end of the file after the catalogue")
		}
		return n, true
	}
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		at := int(syntax.Offset) // of the bad character or one past it, by which part of the decoder met it
		if at == len(r.doc) || at > 0 && !strings.Contains(syntax.Error(), fmt.Sprintf("%q", rune(r.doc[at]))) {
			at--
		}
		r.problem(at, "not JSON: %v", err)
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		r.problem(len(r.doc), "the file ends too early: expected more JSON")
	default:
		r.problem(int(r.dec.InputOffset()), "not JSON: %v", err)
	}
	return node{}, false
}

func (r *reader) node(depth int) (node, error) {
	n := node{at: r.next()}
	t, err := r.dec.Token()
	if err != nil {
		return n, err
	}
	delim, ok := t.(json.Delim)
	if !ok {
		n.value = t
		return n, nil
	}
	if depth >= maxDepth {
		return n, fmt.Errorf("nested more than %d deep", maxDepth)
	}
	if delim == '[' {
		list := []node{}
		for r.dec.More() {
			e, err := r.node(depth + 1)
			if err != nil {
				return n, err
			}
			list = append(list, e)
		}
		n.value = list
	} else {
		o := &object{fields: map[string]node{}, keyAt: map[string]int{}}
		for r.dec.More() {
			at := r.next()
			k, err := r.dec.Token()
			if err != nil {
				return n, err
			}
			key, ok := k.(string)
			if !ok {
				return n, fmt.Errorf("expected a key")
			}
			v, err := r.node(depth + 1)
			if err != nil {
				return n, err
			}
			if _, twice := o.fields[key]; twice {
				r.problem(at, "%q is there twice", key)
			}
			o.keys = append(o.keys, key)
			o.fields[key], o.keyAt[key] = v, at
		}
		n.value = o
	}
	_, err = r.dec.Token() // the closing one
	return n, err
}

// only reports keys that mean nothing here, so that a misspelt one is not silently without effect.
func (r *reader) only(o *object, known ...string) {
	sort.Strings(known)
	for _, k := range o.keys {
		if i := sort.SearchStrings(known, k); i == len(known) || known[i] != k {
			r.problem(o.keyAt[k], "unknown key %q: expected one of %q", k, known)
		}
	}
}
