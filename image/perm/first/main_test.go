package main

import (
	"errors"
	"strings"
	"testing"
)

// TestAPanicCostsNoStart: it is said in one line, and its report names where it was.
func TestAPanicCostsNoStart(t *testing.T) {
	var kept string
	keep := func(report string) error { kept = report; return nil }
	if said := guarded(func() string { return "in order" }, keep); said != "in order" || kept != "" {
		t.Errorf("%q, %q", said, kept)
	}
	said := guarded(outOfRange, keep)
	if !strings.Contains(said, "index out of range") || strings.Contains(said, "\n") {
		t.Errorf("%q", said)
	}
	if !strings.HasPrefix(kept, "panic: runtime error: index out of range") || !strings.Contains(kept, "first.outOfRange") && !strings.Contains(kept, "main.outOfRange") {
		t.Errorf("%s", kept)
	}
	said = guarded(outOfRange, func(string) error { return errors.New("no such device") })
	if !strings.Contains(said, "not kept: no such device") {
		t.Errorf("%q", said)
	}
}

//go:noinline
func outOfRange() string { return []string{"a"}[len(strings.Fields("two words"))] }
