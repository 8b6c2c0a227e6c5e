package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// table says which modules a kernel has and which each needs (modules.dep(5)).
type table struct {
	dir   string              // …/lib/modules/RELEASE
	path  map[string]string   // by module, relative to dir
	needs map[string][]string // by module; what is needed most comes last
}

func readTable(dir string) (*table, error) {
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("kernel: %w", err)
	}
	return parseTable(dir, string(text)), nil
}

func parseTable(dir, text string) *table {
	t := &table{dir: dir, path: map[string]string{}, needs: map[string][]string{}}
	for line := range strings.Lines(text) {
		path, needs, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		t.path[moduleOf(path)] = path
		for _, need := range strings.Fields(needs) {
			t.needs[moduleOf(path)] = append(t.needs[moduleOf(path)], moduleOf(need))
		}
	}
	return t
}

// moduleOf is a module's name from its file: kernel/drivers/usb/class/cdc-acm.ko is cdc_acm.
func moduleOf(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// order gives the files of the modules in a list such as the file early, each after what it needs, once.
func (t *table) order(list string) (files []string, err error) {
	seen := map[string]bool{}
	var add func(module string) error
	add = func(module string) error {
		if seen[module] {
			return nil
		}
		seen[module] = true
		if t.path[module] == "" {
			return fmt.Errorf("kernel: Debian's package has no module %s: is it built in by now? Then take it out of the list", module)
		}
		for _, need := range slices.Backward(t.needs[module]) {
			if err := add(need); err != nil {
				return err
			}
		}
		files = append(files, t.path[module])
		return nil
	}
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := add(line); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// closure gives the files of the modules in a list such as the file modules, with all that they need, by name.
func (t *table) closure(list string) ([]string, error) {
	files, err := t.order(list)
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	return files, nil
}
