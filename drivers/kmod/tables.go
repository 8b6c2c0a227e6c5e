package kmod

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Tables are what depmod(8) leaves beside a kernel's modules: who needs whom, and which devices each is for. Immutable.
type Tables struct {
	dir     string              // /lib/modules/RELEASE
	path    map[string]string   // module's normal name → its file, relative to dir
	needs   map[string][]string // module → modules it takes symbols from, the deepest last (modules.dep(5))
	builtin map[string]bool     // modules that are part of the kernel itself
	aliases map[string][]alias  // by what is before the colon; "": patterns that begin otherwise
	before  map[string][]string // module → modules it likes to have there first (softdep pre, modprobe.d(5))
	after   map[string][]string // module → modules it likes to have there then (softdep post)
}

type alias struct{ pattern, module string }

// maxTable bounds a table file. Debian's kernel for servers has 1.4 MB of aliases.
const maxTable = 16 << 20

// ReadTables reads the tables of the kernel release whose modules lie in dir. Only modules.dep must be there.
func ReadTables(dir string) (*Tables, error) { return readTables(os.DirFS(dir), dir) }

func readTables(from fs.FS, dir string) (*Tables, error) {
	t := &Tables{dir: dir, path: map[string]string{}, needs: map[string][]string{}, builtin: map[string]bool{},
		aliases: map[string][]alias{}, before: map[string][]string{}, after: map[string][]string{}}
	for _, f := range []struct {
		name string
		line func(string)
		must bool
	}{{"modules.dep", t.dep, true}, {"modules.alias", t.alias, false}, {"modules.builtin", t.built, false}, {"modules.softdep", t.softdep, false}} {
		err := lines(from, f.name, f.line)
		if errors.Is(err, fs.ErrNotExist) && !f.must {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("kmod: read the kernel's module tables: %w", err)
		}
	}
	return t, nil
}

func lines(from fs.FS, path string, each func(string)) error {
	f, err := from.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTable+1))
	if err != nil {
		return err
	}
	if len(b) > maxTable {
		return fmt.Errorf("%s: more than %d bytes", path, maxTable)
	}
	for line := bufio.NewScanner(bytes.NewReader(b)); ; {
		if !line.Scan() {
			return line.Err()
		}
		if s := strings.TrimSpace(line.Text()); s != "" && s[0] != '#' {
			each(s)
		}
	}
}

// name is a module's normal name from its file: "kernel/drivers/usb/class/cdc-acm.ko.xz" is cdc_acm.
func name(path string) string {
	base := path[strings.LastIndexByte(path, '/')+1:]
	base, _, _ = strings.Cut(base, ".ko")
	return normal(base)
}

// dep takes "kernel/a.ko: kernel/b.ko kernel/c.ko". Paths that lead out of the folder are passed over.
func (t *Tables) dep(line string) {
	file, rest, ok := strings.Cut(line, ":")
	if !ok || !filepath.IsLocal(file) {
		return
	}
	t.path[name(file)] = file
	var needs []string
	for _, f := range strings.Fields(rest) {
		needs = append(needs, name(f))
	}
	t.needs[name(file)] = needs
}

func (t *Tables) built(line string) { t.builtin[name(line)] = true }

// alias takes "alias PATTERN MODULE".
func (t *Tables) alias(line string) {
	f := strings.Fields(line)
	if len(f) != 3 || f[0] != "alias" {
		return
	}
	a := alias{normal(f[1]), normal(f[2])}
	bus, _, ok := strings.Cut(a.pattern, ":")
	if !ok || strings.ContainsAny(bus, `*?[\`) {
		bus = ""
	}
	t.aliases[bus] = append(t.aliases[bus], a)
}

// softdep takes "softdep MODULE pre: a b post: c".
func (t *Tables) softdep(line string) {
	f := strings.Fields(line)
	if len(f) < 2 || f[0] != "softdep" {
		return
	}
	var into map[string][]string
	for _, w := range f[2:] {
		switch {
		case w == "pre:":
			into = t.before
		case w == "post:":
			into = t.after
		case into != nil:
			m := normal(f[1])
			into[m] = append(into[m], normal(w))
		}
	}
}

// For names the modules that are for a device, by its modalias, or for a name by which the kernel asks for a module. Those
// built into the kernel are left out; none is no error, most devices need none.
func (t *Tables) For(wanted string) (modules []string) {
	wanted = normal(wanted)
	if _, ok := t.path[wanted]; ok {
		return []string{wanted}
	}
	bus, _, _ := strings.Cut(wanted, ":")
	lists := [][]alias{t.aliases[""]}
	if bus != "" {
		lists = append(lists, t.aliases[bus])
	}
	for _, list := range lists {
		for _, a := range list {
			if !t.builtin[a.module] && !slices.Contains(modules, a.module) && match(a.pattern, wanted) {
				modules = append(modules, a.module)
			}
		}
	}
	return modules
}

// Order is the modules to be loaded for one, in the order in which they must be, itself among them. Built-in ones are left
// out.
func (t *Tables) Order(module string) ([]string, error) {
	var order []string
	if err := t.collect(normal(module), &order, map[string]bool{}); err != nil {
		return nil, err
	}
	return order, nil
}

func (t *Tables) collect(m string, order *[]string, seen map[string]bool) error {
	if seen[m] || t.builtin[m] {
		return nil
	}
	seen[m] = true
	if _, ok := t.path[m]; !ok {
		return fmt.Errorf("%s: %w", m, errMissing)
	}
	soft := func(list []string) {
		for _, s := range list {
			if _, ok := t.path[s]; ok { // one that is not there is not missed
				_ = t.collect(s, order, seen) // nor is what it needs
			}
		}
	}
	soft(t.before[m])
	for _, need := range slices.Backward(t.needs[m]) {
		if err := t.collect(need, order, seen); err != nil {
			return fmt.Errorf("%s needs %w", m, err)
		}
	}
	*order = append(*order, m)
	soft(t.after[m])
	return nil
}

// File is a module's file; "": there is no such module.
func (t *Tables) File(module string) string {
	p, ok := t.path[normal(module)]
	if !ok {
		return ""
	}
	return filepath.Join(t.dir, p)
}

// Modules counts the modules that there are.
func (t *Tables) Modules() int { return len(t.path) }

var errMissing = errors.New("no such module came with this kernel")
