package kmod

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// scan names what is on every bus now, by modalias: sys/bus/*/devices/*/modalias. Devices that go meanwhile are left out.
func scan(sys string) []string {
	files, err := filepath.Glob(filepath.Join(sys, "bus", "*", "devices", "*", "modalias"))
	if err != nil {
		return nil // the pattern is a good one
	}
	var found []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if s := strings.TrimSpace(string(b)); s != "" {
			found = append(found, s)
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
